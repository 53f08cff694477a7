import type { KernelModule } from "../kernels/load.ts";
import { runMembership } from "./driver.ts";
import { addedTokens, createExpertTokens, readExpertTokens, type TokensOfExperts } from "./expertTokens.ts";
import type { Fault, Recovery } from "./faults.ts";
import { type MembershipResult, runClock, UnrecoverableError } from "./membershipRun.ts";
import { type Membership, membershipsOf } from "./memberships.ts";
import type { Network } from "./network.ts";
import { referenceOutputs } from "./reference.ts";
import { rowWidth } from "./stageModel.ts";
import { createStepLog } from "./stepLog.ts";
import { batchOf, divisionOf, type Work } from "./work.ts";

/** A run of the AFD pipeline on threads; every field is resolved. */
export interface PipelinePlan {
  readonly work: Work;
  readonly threadsPerInstance: number;
  /** Absent where stages are emulated. */
  readonly kernels: KernelModule | undefined;
  readonly network: Network;
  readonly faults: readonly Fault[];
  readonly recovery: Recovery;
  readonly seed: number;
  readonly cores: number;
  readonly availableBytes: number;
  readonly signal: AbortSignal;
  /** Sequences' tokens decoded so far, by the slowest attention instance. */
  onProgress(tokens: number, ofTokens: number): void;
}

/** What a run gave, whether it came to its end or not. */
export interface PipelineRun {
  readonly memberships: readonly { readonly membership: Membership; readonly result: MembershipResult }[];
  /** Of every sequence's output, [step x batch + sequence]; 0 where a step was not reached. */
  readonly checksums: Uint32Array;
  /** By all FFN instances together; none where stages are emulated. */
  readonly expertTokens: TokensOfExperts;
  /** Which faults happened, by index. */
  readonly fired: readonly boolean[];
  readonly interrupted: boolean;
  /** What could not be recovered; undefined: nothing. */
  readonly unrecoverable: string | undefined;
}

/** Decodes all steps on attention and FFN instances, through all changes of their number. */
export async function runPipeline(plan: PipelinePlan): Promise<PipelineRun> {
  const { work, faults } = plan;
  const division = divisionOf(work);
  const memberships = membershipsOf(work, division.steps, faults);
  const keeps = faults.length > 0 ? "inputs" : "checksums";
  const stepLog = createStepLog(division, rowWidth(work), keeps);
  let expertTokens: TokensOfExperts = [];
  const clock = runClock();
  const results: { membership: Membership; result: MembershipResult }[] = [];
  let fired: readonly boolean[] = faults.map(() => false);
  let interrupted = false;
  let unrecoverable: string | undefined;
  for (const membership of memberships) {
    if (interrupted) break;
    fired = withChange(fired, faults, membership.firstStep);
    const counted = createExpertTokens(membership.work);
    try {
      const result = await runMembership({
        ...plan,
        ...membership,
        fired,
        stepLog,
        expertTokens: counted,
        clock,
        onProgress: progressOf(plan),
      });
      results.push({ membership, result });
      fired = result.fired;
      interrupted = result.interrupted;
    } catch (error) {
      if (!(error instanceof UnrecoverableError)) throw error;
      unrecoverable = error.message;
      break;
    } finally {
      expertTokens = addedTokens(expertTokens, readExpertTokens(membership.work, counted));
    }
  }
  return {
    memberships: results,
    checksums: new Uint32Array(stepLog.checksums),
    expertTokens,
    fired,
    interrupted,
    unrecoverable,
  };
}

/** The checksums of the same run in one thread. */
export function referenceChecksums({
  work,
  faults,
  kernels,
}: Pick<PipelinePlan, "work" | "faults" | "kernels">): Uint32Array {
  const { steps } = divisionOf(work);
  return referenceOutputs(membershipsOf(work, steps, faults), steps, kernels);
}

/** A change of the number of instances has happened once the membership that follows it begins. */
function withChange(fired: readonly boolean[], faults: readonly Fault[], firstStep: number): readonly boolean[] {
  return fired.map((before, index) => {
    const fault = faults[index] as Fault;
    return before || ((fault.kind === "add" || fault.kind === "remove") && fault.step === firstStep);
  });
}

function progressOf({ work, onProgress }: PipelinePlan): (done: number, total: number) => void {
  const division = divisionOf(work);
  const tokensPerStage = batchOf(division) / (division.layers * division.microBatches.length);
  const total = batchOf(division) * division.steps;
  return (done) => onProgress(Math.floor(done * tokensPerStage), total);
}
