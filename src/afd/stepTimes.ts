import { hasInput, type MembershipLog, takenNs } from "./runLog.ts";

/** One decode step of one micro-batch, from the end of the step before to its own: all attention instances have got its sums. */
export interface StepTime {
  readonly step: number;
  readonly microBatch: number;
  readonly beginNs: number;
  readonly endNs: number;
}

/**
 * Steps whose both ends are in the logs, in order of micro-batch and step. The first step of a run begins with it; the first after a
 * change of instances begins with the end of the step before, so that it holds what the change took.
 */
export function stepTimes(logs: readonly MembershipLog[]): readonly StepTime[] {
  const microBatches = logs[0]?.division.microBatches.length ?? 0;
  const times: StepTime[] = [];
  for (let microBatch = 0; microBatch < microBatches; microBatch++) {
    const ends = new Map<number, number>();
    if (logs[0] !== undefined) ends.set(logs[0].firstStep - 1, logs[0].startNs);
    for (const log of logs) for (const [step, endNs] of endsOf(log, microBatch)) ends.set(step, endNs);
    for (const [step, endNs] of ends) {
      const beginNs = ends.get(step - 1);
      if (beginNs !== undefined) times.push({ step, microBatch, beginNs, endNs });
    }
  }
  return times;
}

/** When each step was over on all attention instances; steps that one of them has no note of are left out. */
function endsOf(log: MembershipLog, microBatch: number): Map<number, number> {
  const { attention, firstStep, lastStep } = log;
  const perInstance = attention.map((entries) => {
    const ends = new Map<number, number>();
    for (const entry of entries) {
      if (entry.layer === 0 && entry.microBatch === microBatch && hasInput(entry, "attention", log))
        ends.set(entry.step - 1, takenNs(entry));
    }
    return ends;
  });
  const latest = new Map<number, number>();
  for (let step = firstStep; step < lastStep; step++) {
    const ends = perInstance.map((ofInstance) => ofInstance.get(step));
    if (ends.every((end) => end !== undefined)) latest.set(step, Math.max(...ends));
  }
  return latest;
}
