import type { StageJitter } from "../afd/emulatedWork.ts";
import type { Fault, Recovery } from "../afd/faults.ts";
import type { Network } from "../afd/network.ts";
import type { PipelineDocument } from "../record/schemas.ts";
import type { Slice } from "../record/slice.ts";
import type { ProgressEvent } from "./settings.ts";

/** How a run's sequences are divided: into equal micro-batches, for each of some counts, or into given ones. */
export type MicroBatching =
  | { readonly kind: "counts"; readonly counts: readonly number[] }
  | { readonly kind: "sizes"; readonly sizes: readonly number[] };

/** What stages do. */
export type StageChoice = {
  readonly kind: "emulated";
  /** Of a layer and micro-batch on one instance. */
  readonly attentionNs: number;
  readonly ffnNs: number;
  readonly jitter: StageJitter;
  readonly layers: number;
  /** Bytes of a sequence in a message, a multiple of 4. */
  readonly messageBytes: number;
};

/** What `pipeline` runs: one run for each combination of instances and micro-batches. */
export interface PipelineSettings {
  /** None is ever empty. */
  readonly attentionInstances: readonly number[];
  readonly ffnInstances: readonly number[];
  readonly microBatching: MicroBatching;
  readonly stages: StageChoice;
  /** Sequences of all micro-batches; undefined: 4 for each micro-batch and attention instance. */
  readonly batch: number | undefined;
  /** Decode steps, warm-up included. */
  readonly steps: number;
  /** First steps that no number counts; below `steps`. */
  readonly warmUpSteps: number;
  readonly threadsPerInstance: number;
  readonly network: Network;
  readonly faults: readonly Fault[];
  readonly recovery: Recovery;
  readonly seed: number;
  /** Whether outputs are compared with those of the same run in one thread. */
  readonly check: "bits" | "none";
  readonly signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
  /** Gets every stage and message of all runs, once each run is over. */
  onSlice?(slice: Slice): void;
}

/** What a run of `pipeline` left. */
export interface PipelineOutcome {
  readonly document: PipelineDocument;
  readonly interrupted: boolean;
  /** Whether an output differed from the one-thread run's. */
  readonly failed: boolean;
  /** What could not be recovered; undefined: nothing. */
  readonly unrecoverable: string | undefined;
}
