import { InvalidInputError } from "../units/errors.ts";
import type { Fault, MembershipFault } from "./faults.ts";
import { checkFfnParallel } from "./ffnShard.ts";
import type { Work } from "./work.ts";

/** Steps that are decoded by the same instances. */
export interface Membership {
  readonly work: Work;
  readonly firstStep: number;
  /** Exclusive. */
  readonly lastStep: number;
}

/**
 * The memberships of a run, in order: each begins where an instance is added or removed.
 * @throws InvalidInputError where a change leaves a side without instances, or with a number that can't divide the FFN
 */
export function membershipsOf(work: Work, steps: number, faults: readonly Fault[]): readonly Membership[] {
  const changes = faults
    .filter((fault): fault is MembershipFault => fault.kind === "add" || fault.kind === "remove")
    // What is added and removed in one step is exchanged: no side is empty in between.
    .sort((one, other) => one.step - other.step || (one.kind === other.kind ? 0 : one.kind === "add" ? -1 : 1));
  const memberships: Membership[] = [];
  let current = work;
  let firstStep = 0;
  for (const change of changes) {
    if (change.step > firstStep) memberships.push({ work: current, firstStep, lastStep: change.step });
    firstStep = change.step;
    current = changed(current, change);
  }
  memberships.push({ work: current, firstStep, lastStep: steps });
  for (const { work: each } of memberships) if (each.kind === "kernels") checkFfnParallel(each.decode);
  return memberships;
}

function changed(work: Work, { kind, side, step }: MembershipFault): Work {
  const by = kind === "add" ? 1 : -1;
  const key = side === "attention" ? "attentionInstances" : "ffnInstances";
  const before = work.kind === "kernels" ? work.decode : work.emulated;
  const count = before[key] + by;
  if (count < 1) {
    const field = `--faults ${kind}:${side === "attention" ? "A" : "F"}@${step}`;
    throw new InvalidInputError({ field, value: before[key], expected: "another instance on that side to stay" });
  }
  if (work.kind === "emulated") return { kind: "emulated", emulated: { ...work.emulated, [key]: count } };
  return { kind: "kernels", decode: { ...work.decode, [key]: count } };
}
