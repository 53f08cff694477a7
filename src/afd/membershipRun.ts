import { clockOrigin } from "../host/sharedClock.ts";
import type { KernelModule } from "../kernels/load.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { Fault, Recovery } from "./faults.ts";
import type { Network } from "./network.ts";
import type { StageEntry } from "./stageLog.ts";
import type { StepLogBuffers } from "./stepLog.ts";
import type { Division, Work } from "./work.ts";

/** A run of one membership of instances: steps firstStep to lastStep (exclusive). */
export interface MembershipRun {
  readonly work: Work;
  readonly firstStep: number;
  readonly lastStep: number;
  readonly threadsPerInstance: number;
  /** Absent where stages are emulated. */
  readonly kernels: KernelModule | undefined;
  readonly network: Network;
  readonly faults: readonly Fault[];
  /** Which faults have happened before. */
  readonly fired: readonly boolean[];
  readonly recovery: Recovery;
  readonly stepLog: StepLogBuffers;
  /** Where FFN instances count the tokens of their experts. */
  readonly expertTokens: SharedArrayBuffer;
  readonly seed: number;
  readonly cores: number;
  /** Shared memory that may be taken. */
  readonly availableBytes: number;
  readonly clock: { readonly origin: bigint };
  readonly signal: AbortSignal;
  /** Told now and then how many stages of all micro-batches the slowest attention instance has behind it, and of how many. */
  onProgress(done: number, total: number): void;
}

/** An instance's time out of service. */
export interface Restart {
  readonly side: "attention" | "ffn";
  readonly instance: number;
  readonly reason: string;
  readonly fromNs: number;
  /** When it worked again; absent where it never did. */
  untilNs?: number;
}

/** What is left of a membership when it has ended. */
export interface MembershipResult {
  readonly division: Division;
  readonly startNs: number;
  readonly attention: readonly (readonly StageEntry[])[];
  readonly ffn: readonly (readonly StageEntry[])[];
  readonly fired: readonly boolean[];
  readonly restarts: readonly Restart[];
  readonly duplicates: number;
  readonly resends: number;
  readonly corrupted: number;
  readonly interrupted: boolean;
}

/** Thrown where a run can't be brought to its end: says what could not be recovered. */
export class UnrecoverableError extends InfeasibleError {}

/** A moment that the clocks of all memberships of a run count from. */
export function runClock(): { readonly origin: bigint } {
  return { origin: clockOrigin() };
}
