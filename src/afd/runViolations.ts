import { formatFault, formatInstance } from "./faultSpec.ts";
import { type CrashFault, type Fault, type FaultSide, isCrash, isMessageFault, type MessageFault } from "./faults.ts";
import { type Membership, membershipsOf } from "./memberships.ts";
import type { PipelinePlan, PipelineRun } from "./pipeline.ts";
import type { StageEntry } from "./stageLog.ts";
import type { StagePlace } from "./stages.ts";
import { batchOf, divisionOf } from "./work.ts";

/** What of a run is looked at. */
export type CheckedPlan = Pick<PipelinePlan, "work" | "faults" | "recovery">;

/**
 * What does not hold of a run that has ended, a sentence each; none: all is as it should be.
 *
 * A run that came to its end has the outputs of one thread, has applied every stage once on every instance (but for those that a
 * restarted instance says it ran again), and all its faults have happened. A run that was given up names something that its faults
 * can have made unrecoverable: more crashes of an instance than it may be restarted, or a message lost more often than it may be
 * sent again.
 * @param expected checksums of the same run in one thread
 */
export function runViolations(plan: CheckedPlan, run: PipelineRun, expected: Uint32Array): readonly string[] {
  if (run.unrecoverable !== undefined) return unjustified(plan, run.unrecoverable);
  if (run.interrupted) return ["the run was interrupted, though nobody did"];
  const unfired = plan.faults.filter((_, index) => run.fired[index] !== true);
  return [
    ...outputViolations(plan, run, expected),
    ...unfired.map((fault) => `the run passed ${formatFault(fault)} by, and it did not happen`),
    ...membershipViolations(plan, run),
  ];
}

function outputViolations({ work }: CheckedPlan, { checksums }: PipelineRun, expected: Uint32Array): string[] {
  const batch = batchOf(divisionOf(work));
  if (checksums.length !== expected.length) return [`${checksums.length} outputs instead of ${expected.length}`];
  const first = checksums.findIndex((sum, index) => sum !== expected[index]);
  if (first < 0) return [];
  const count = checksums.reduce((sum, value, index) => sum + (value === expected[index] ? 0 : 1), 0);
  const where = `first sequence ${first % batch} in step ${Math.floor(first / batch)}`;
  return [`${count} of ${expected.length} outputs are not those of one thread, ${where}`];
}

function membershipViolations({ work, faults }: CheckedPlan, run: PipelineRun): string[] {
  const expected = membershipsOf(work, divisionOf(work).steps, faults);
  if (run.memberships.length !== expected.length)
    return [`${run.memberships.length} memberships ran instead of ${expected.length}`];
  return run.memberships.flatMap(({ result }, index) => {
    const membership = expected[index] as Membership;
    const restarted = new Set(result.restarts.map((restart) => formatInstance(restart)));
    return (["attention", "ffn"] as const).flatMap((side) =>
      result[side].flatMap((log, instance) => {
        const name = formatInstance({ side, instance });
        return logViolations(log, side, membership, restarted.has(name)).map((text) => `${name} ${text}`);
      }),
    );
  });
}

/** Every stage once, and again only where a restarted instance says so. */
function logViolations(
  log: readonly StageEntry[],
  side: FaultSide,
  membership: Membership,
  mayRedo: boolean,
): string[] {
  const runs = new Map(stagesOf(membership, side).map((name) => [name, { ran: 0, redone: 0 }]));
  const violations: string[] = [];
  for (const entry of log) {
    const counts = runs.get(stageName(entry));
    if (counts === undefined) violations.push(`ran stage ${stageName(entry)}, which is not its own`);
    else counts[entry.redone === 0 ? "ran" : "redone"]++;
  }
  for (const [name, { ran, redone }] of runs) {
    if (ran > 1) violations.push(`ran stage ${name} ${ran} times`);
    if (ran + redone === 0) violations.push(`did not run stage ${name}`);
    if (redone > 0 && !mayRedo) violations.push(`ran stage ${name} again, though it was not restarted`);
  }
  return violations;
}

/** Names of the stages of an instance; attention ends a micro-batch once the last step is over. */
function stagesOf({ work, firstStep, lastStep }: Membership, side: FaultSide): readonly string[] {
  const { layers, microBatches } = divisionOf(work);
  return [...microBatches.keys()].flatMap((microBatch) => {
    const names = side === "attention" ? [stageName({ step: lastStep, layer: 0, microBatch })] : [];
    for (let step = firstStep; step < lastStep; step++)
      for (let layer = 0; layer < layers; layer++) names.push(stageName({ step, layer, microBatch }));
    return names;
  });
}

function stageName({ step, layer, microBatch }: StagePlace): string {
  return `${step}.${layer}.${microBatch}`;
}

/** Whether faults can have brought a run to this end. */
function unjustified({ work, faults, recovery }: CheckedPlan, said: string): string[] {
  const { retries } = recovery;
  const memberships = membershipsOf(work, divisionOf(work).steps, faults);
  const died = /^(attention|FFN) instance (\d+) could not be recovered within (\d+) restarts?: ./.exec(said);
  if (died !== null) {
    const at = { side: died[1] === "FFN" ? ("ffn" as const) : ("attention" as const), instance: Number(died[2]) };
    const most = Math.max(...memberships.map((membership) => crashesOf(faults, at, membership).length));
    if (most > retries && Number(died[3]) === retries) return [];
    return [`given up without a cause (${most} crashes of ${formatInstance(at)} in a membership): ${said}`];
  }
  const lost = /^(?:attention|FFN) instance \d+ can't go on: the message of (attention|FFN) instance (\d+) /.exec(said);
  if (lost !== null) {
    const from = { side: lost[1] === "FFN" ? ("ffn" as const) : ("attention" as const), instance: Number(lost[2]) };
    const losses = faults.filter(isLoss).filter((fault) => formatInstance(fault.from) === formatInstance(from));
    // A message suffers one fault at most, so that it is sent again at once where it may be.
    if (losses.length > 0 && retries === 0) return [];
    return [`given up without a cause (${losses.length} losses of messages from ${formatInstance(from)}): ${said}`];
  }
  return [`given up for something else: ${said}`];
}

function crashesOf(
  faults: readonly Fault[],
  at: CrashFault["at"],
  { firstStep, lastStep }: Membership,
): readonly Fault[] {
  return faults.filter(
    (fault) =>
      isCrash(fault) &&
      formatInstance(fault.at) === formatInstance(at) &&
      fault.place.step >= firstStep &&
      fault.place.step < lastStep,
  );
}

function isLoss(fault: Fault): fault is MessageFault {
  return isMessageFault(fault) && (fault.kind === "drop" || fault.kind === "corrupt");
}
