import type { FfnParallel, MessageFormat } from "../afd/decodeWork.ts";
import type { StageJitter } from "../afd/emulatedWork.ts";
import type { Recovery } from "../afd/faults.ts";
import type { Network } from "../afd/network.ts";
import type { KvDtype } from "../kernels/kvFormat.ts";
import type { PipelineDocument } from "../record/schemas.ts";
import type { Slice } from "../record/slice.ts";
import type { ModelChoice } from "./models.ts";
import type { ProgressEvent, TargetName, WeightDtype } from "./settings.ts";

/** How a run's sequences are divided: into equal micro-batches, for each of some counts, or into given ones. */
export type MicroBatching =
  | { readonly kind: "counts"; readonly counts: readonly number[] }
  | { readonly kind: "sizes"; readonly sizes: readonly number[] };

/** What stages do. */
export type StageChoice = EmulatedStages | KernelStages;

/** Stages that take a given time. */
export interface EmulatedStages {
  readonly kind: "emulated";
  /** Of a layer and micro-batch on one instance. */
  readonly attentionNs: number;
  readonly ffnNs: number;
  readonly jitter: StageJitter;
  readonly layers: number;
  /** Bytes of a sequence in a message, a multiple of 4. */
  readonly messageBytes: number;
}

/** Kernels of a model in small, with seeded weights. */
export interface KernelStages {
  readonly kind: "kernels";
  readonly model: ModelChoice;
  /** Fields of the model, each `NAME.FIELD=VALUE`; replaced before it is scaled. */
  readonly settings: readonly string[];
  /** What hidden size, ranks, widths, heads and layers are divided by. */
  readonly divisor: number;
  /** Cached tokens of each sequence before the first step: a seeded number from the least to the most. */
  readonly contextTokens: { readonly least: number; readonly most: number };
  readonly ffnParallel: FfnParallel;
  readonly weightDtype: WeightDtype;
  readonly kvDtype: KvDtype;
  readonly messages: { readonly a2f: MessageFormat; readonly f2a: MessageFormat };
  /** Exponent of Zipf's law by which routers favour experts; undefined: none is favoured. */
  readonly zipfExponent: number | undefined;
  /** Undefined: the best that this engine has. */
  readonly target: TargetName | undefined;
}

export const wires = ["shared", "postmessage"] as const;
/** What messages go through: memory that both ends see, or a pool's tasks and results (the plain baseline). */
export type Wire = (typeof wires)[number];

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
  readonly wire: Wire;
  /** Emulated; only on the shared wire. */
  readonly network: Network;
  /** Faults by the grammar of docs/afd.md, such as `exit:A0@2.1.0`; undefined: none. */
  readonly faults: string | undefined;
  /** Probability that a stage of an instance is struck by a seeded fault. */
  readonly faultRate: number;
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
