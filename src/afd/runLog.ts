import type { StageEntry } from "./stageLog.ts";
import type { Division } from "./work.ts";

/** What the instances of a membership noted, [instance]; steps firstStep to lastStep (exclusive). */
export interface MembershipLog {
  readonly division: Division;
  readonly firstStep: number;
  readonly lastStep: number;
  readonly startNs: number;
  readonly attention: readonly (readonly StageEntry[])[];
  readonly ffn: readonly (readonly StageEntry[])[];
}

export type Side = "attention" | "ffn";
export const sides = ["attention", "ffn"] as const satisfies readonly Side[];

/** A0, A1 … attention instances, F0, F1 … FFN instances. */
export function instanceName(side: Side, instance: number): string {
  return `${side === "attention" ? "A" : "F"}${instance}`;
}

/** Whether an entry is a stage's, and not the end of a micro-batch after its last step. */
export function isStage({ step }: StageEntry, { lastStep }: MembershipLog): boolean {
  return step < lastStep;
}

/** Whether an entry waited for a message: all but the first attention stages of a membership. */
export function hasInput({ step, layer }: StageEntry, side: Side, { firstStep }: MembershipLog): boolean {
  return side === "ffn" || step > firstStep || layer > 0;
}

/** When a stage's input was there in fact: all of it pushed, and through an emulated network. */
export function readyNs({ pushedNs, usableNs }: StageEntry): number {
  return Math.max(pushedNs, usableNs);
}

/** When an instance got hold of a stage's input: when it went to work, where it had waited for it, else when it was ready. */
export function takenNs(entry: StageEntry): number {
  return entry.waitNs <= readyNs(entry) ? entry.beginNs : readyNs(entry);
}
