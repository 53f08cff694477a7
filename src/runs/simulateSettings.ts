import type { Slice } from "../record/slice.ts";
import type { DecodeRequest, RandomArrivals } from "../simulate/arrivals.ts";
import type { Outage } from "../simulate/cluster.ts";
import type { Jitter } from "../simulate/random.ts";
import type { LinkUse } from "../theory/pipeline.ts";
import type { HardwareItem } from "./hardware.ts";
import type { ModelChoice } from "./models.ts";
import type { ProgressEvent } from "./settings.ts";

/** Instances of both sides. */
export interface InstanceCounts {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
}

/** Times of one layer and micro-batch, given by the user; a transfer that is absent follows from its bytes. */
export interface GivenStages {
  readonly attentionNs: number;
  readonly ffnNs: number;
  readonly a2fNs: number | undefined;
  readonly f2aNs: number | undefined;
}

/** An instance that is slower than its like, by a factor. */
export interface Straggler {
  readonly side: Outage["side"];
  readonly instance: number;
  readonly factor: number;
}

/** Requests that come and go, in place of a batch that stays. */
export interface RequestChoice {
  readonly arrivals: readonly DecodeRequest[] | Omit<RandomArrivals, "seed">;
  /** Part of the attention time that does not grow with cached tokens; undefined: none of a given time, and of a modeled one what it takes without a cache. */
  readonly attentionFixedNs: number | undefined;
  /** Part of the FFN time that does not grow with tokens; undefined: all of it. */
  readonly ffnFixedNs: number | undefined;
  /** Whether attention instances are multiplied by the mean context over `contextTokens`. */
  readonly attentionScaling: "none" | "meanContext";
}

/** What `simulate` simulates. */
export interface SimulateSettings {
  /** Never empty. */
  readonly deployments: readonly InstanceCounts[];
  readonly model: ModelChoice;
  readonly attentionOn: HardwareItem;
  readonly ffnOn: HardwareItem;
  /** Fields of the model, figures of accelerators, and constants as `efficiency.NAME=VALUE`. */
  readonly settings: readonly string[];
  readonly attentionCards: number;
  readonly ffnCards: number;
  readonly contextTokens: number;
  /** Sequences of all micro-batches together. */
  readonly batch: number;
  readonly microBatches: number;
  /** Undefined: times follow from the model and the accelerators, as those of `plan` do. */
  readonly stages: GivenStages | undefined;
  /** Layers of a step; undefined: the model's. */
  readonly layers: number | undefined;
  readonly linkUse: LinkUse;
  /** Of an instance's NICs together, one direction; undefined: those of its accelerators. */
  readonly networkBytesPerSecond: number | undefined;
  readonly networkLatencyNs: number;
  readonly jitter: Jitter;
  readonly stragglers: readonly Straggler[];
  /** Exponent of Zipf's law for the popularity of experts; undefined: all are alike. */
  readonly zipfExponent: number | undefined;
  readonly outages: readonly Outage[];
  readonly requests: RequestChoice | undefined;
  /** Cached tokens that an attention instance holds; undefined: what its cards' memory has room for. */
  readonly kvTokensPerInstance: number | undefined;
  /** Counted steps of each micro-batch, after `warmUpSteps`. */
  readonly steps: number;
  readonly warmUpSteps: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: (event: ProgressEvent) => void;
  /** Gets every piece of work; with several deployments, those of all. */
  readonly onSlice?: (slice: Slice) => void;
}
