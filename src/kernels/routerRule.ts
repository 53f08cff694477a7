import { InvalidInputError } from "../units/errors.ts";

/** How a router scores experts and turns the scores of the chosen into weights (a model card's RouterSpec). */
export interface RouterRule {
  readonly score: "softmax" | "sigmoid";
  readonly topK: number;
  /** Whether the weights of the chosen are divided by their sum. */
  readonly normalizeTopK: boolean;
  readonly scalingFactor: number;
  /** Whether a bias takes part in the choice and not in the weights. */
  readonly correctionBias: boolean;
  /** Whether the router's product itself has a bias. */
  readonly logitBias: boolean;
  /** Whether a weight scales its expert's input, not its output. */
  readonly scalesInput: boolean;
  readonly groups: number;
  readonly groupsKept: number;
  /** What a group is judged by, or that every group gives topK / groups of its experts. */
  readonly groupRule: "none" | "best" | "sumOfBestTwo" | "equalShares";
}

/**
 * Whether experts are chosen by their scores, and not by the logits that these rise with.
 *
 * A bias and a sum mean something for scores alone; otherwise logits tell apart what a sigmoid near 1 does not.
 */
export function choosesByScore({ correctionBias, groupRule }: RouterRule): boolean {
  return correctionBias || groupRule === "sumOfBestTwo";
}

/** Whether some groups are dropped before experts are chosen. */
export function dropsGroups({ groupRule, groups, groupsKept }: RouterRule): boolean {
  return (groupRule === "best" || groupRule === "sumOfBestTwo") && groupsKept < groups;
}

/** Bytes of the biases that stand beside the gate. */
export function routerBiasBytes(experts: number, { logitBias, correctionBias }: RouterRule): number {
  return (Number(logitBias) + Number(correctionBias)) * experts * 4;
}

/** @throws InvalidInputError where the rule can't choose topK of so many experts. */
export function checkRule(experts: number, { topK, groups, groupsKept, groupRule }: RouterRule): void {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1;
  const refuse = (field: string, value: number, expected: string): never => {
    throw new InvalidInputError({ field, value, expected });
  };
  if (!isCount(experts)) refuse("experts", experts, "a whole number of at least 1");
  if (!isCount(groups) || experts % groups !== 0) refuse("groups", groups, `a divisor of the ${experts} experts`);
  if (!isCount(groupsKept) || groupsKept > groups) refuse("groupsKept", groupsKept, `1 to ${groups} (groups)`);
  const choosable = groupRule === "equalShares" ? experts : (experts / groups) * groupsKept;
  if (!isCount(topK) || topK > choosable) refuse("topK", topK, `1 to ${choosable} (experts of the groups kept)`);
  if (groupRule === "equalShares" && topK % groups !== 0) refuse("topK", topK, `a multiple of the ${groups} groups`);
}
