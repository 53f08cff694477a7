import { InvalidInputError } from "../units/errors.ts";
import { formatFault, formatInstance, otherSide } from "./faultSpec.ts";
import { type Fault, type FaultInstance, isMessageFault, type MembershipFault } from "./faults.ts";
import type { Division } from "./work.ts";

/** Instances of each side. */
export interface InstanceCounts {
  readonly attention: number;
  readonly ffn: number;
}

/**
 * Checks that a run has what its faults strike: the steps, the layers and micro-batches, and in these steps the instances, through
 * all changes of their number. No message is struck by two faults, as the first could keep the second from happening; crashes at
 * one place strike one after the other, each restart walking into the next.
 * @throws InvalidInputError that names the fault
 */
export function checkFaults(faults: readonly Fault[], division: Division, field = "--faults"): void {
  const changes = faults.filter(isMembership);
  for (const change of changes) checkRange("step", change.step, division.steps, change, field);
  const counts = instanceCounts(faults, division);
  for (const change of changes) checkRest(change, counts, field);
  for (const fault of faults) if (!isMembership(fault)) checkTarget(fault, division, counts, field);
  const messages = faults.filter(isMessageFault);
  const names = messages.map(
    ({ from, to, place }) => `${formatInstance(from)} ${to} ${Object.values(place).join(".")}`,
  );
  const twice = messages.find((_, index) => names.indexOf(names[index] as string) < index);
  if (twice === undefined) return;
  throw new InvalidInputError({ field, value: formatFault(twice), expected: "at most one fault on a message" });
}

/** Instances of both sides in each step, after all changes of their number. */
export function instanceCounts(faults: readonly Fault[], division: Division): readonly InstanceCounts[] {
  const changes = faults.filter(isMembership);
  return Array.from({ length: division.steps }, (_, step) => {
    const countOf = (side: MembershipFault["side"], before: number): number =>
      changes
        .filter((change) => change.side === side && change.step <= step)
        .reduce((count, { kind }) => count + (kind === "add" ? 1 : -1), before);
    return {
      attention: countOf("attention", division.attentionInstances),
      ffn: countOf("ffn", division.ffnInstances),
    };
  });
}

function checkRest(change: MembershipFault, counts: readonly InstanceCounts[], field: string): void {
  if ((counts[change.step] as InstanceCounts)[change.side] >= 1) return;
  const expected = `at least one ${sideName(change.side)} instance to stay from step ${change.step} on`;
  throw new InvalidInputError({ field, value: formatFault(change), expected });
}

function checkTarget(
  fault: Exclude<Fault, MembershipFault>,
  division: Division,
  counts: readonly InstanceCounts[],
  field: string,
): void {
  const [first, last] = "place" in fault ? [fault.place.step, fault.place.step] : [fault.firstStep, fault.lastStep];
  checkRange("step", last, division.steps, fault, field);
  if ("place" in fault) {
    checkRange("layer", fault.place.layer, division.layers, fault, field);
    checkRange("micro-batch", fault.place.microBatch, division.microBatches.length, fault, field);
  }
  const struck = "at" in fault ? [fault.at] : [fault.from, { side: otherSide(fault.from.side), instance: fault.to }];
  for (const instance of struck) checkInstance(instance, [first, last], counts, fault, field);
}

function checkRange(name: string, value: number, count: number, fault: Fault, field: string): void {
  if (value < count) return;
  const expected = `a ${name} ${count === 1 ? "of 0, the only one" : `from 0 to ${count - 1}`}`;
  throw new InvalidInputError({ field, value: formatFault(fault), expected });
}

function checkInstance(
  struck: FaultInstance,
  [firstStep, lastStep]: readonly [number, number],
  counts: readonly InstanceCounts[],
  fault: Fault,
  field: string,
): void {
  for (let step = firstStep; step <= lastStep; step++) {
    const count = (counts[step] as InstanceCounts)[struck.side];
    if (struck.instance < count) continue;
    const named = Array.from({ length: count }, (_, instance) => formatInstance({ side: struck.side, instance }));
    const expected = `an ${sideName(struck.side)} instance of step ${step} (${rangeOf(named)}), not ${formatInstance(struck)}`;
    throw new InvalidInputError({ field, value: formatFault(fault), expected });
  }
}

function rangeOf(names: readonly string[]): string {
  return names.length <= 1 ? (names[0] ?? "none") : `${names[0]} to ${names.at(-1)}`;
}

function sideName(side: FaultInstance["side"]): string {
  return side === "attention" ? "attention" : "FFN";
}

function isMembership(fault: Fault): fault is MembershipFault {
  return fault.kind === "add" || fault.kind === "remove";
}
