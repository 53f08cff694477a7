import { InvalidInputError } from "../../units/errors.ts";
import type { RouterSpec } from "../card.ts";
import { LIMITS, wholeUpTo } from "../fields.ts";
import { checkDivides } from "./checks.ts";

/** Groups of experts, of which the best few stay in the choice (DeepSeek, GLM); `null` is one group. */
export const GROUP_FIELDS = {
  n_group: wholeUpTo(LIMITS.experts).nullable(),
  topk_group: wholeUpTo(LIMITS.experts).nullable(),
};

interface GroupFields {
  readonly n_group: number | null;
  readonly topk_group: number | null;
  readonly n_routed_experts: number;
}

/**
 * The groups of a router; one group is no grouping.
 * @throws InvalidInputError unless they are of equal size and no more are kept than there are
 */
export function expertGroups(
  fields: GroupFields,
  rule: "best" | "sumOfBestTwo",
  path: string,
): Pick<RouterSpec, "groups" | "groupsKept" | "groupRule"> {
  const { n_group, topk_group, n_routed_experts: experts } = fields;
  const groups = n_group ?? 1;
  const groupsKept = topk_group ?? groups;
  checkDivides(groups, experts, `${path}n_group`, "n_routed_experts");
  if (groupsKept > groups) {
    const expected = `a whole number from 1 to n_group (${groups})`;
    throw new InvalidInputError({ field: `${path}topk_group`, value: groupsKept, expected });
  }
  return { groups, groupsKept, groupRule: groups > 1 ? rule : "none" };
}
