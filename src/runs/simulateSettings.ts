import type { Slice } from "../record/slice.ts";
import type { DecodeRequest, RandomArrivals } from "../simulate/arrivals.ts";
import type { Cluster, Outage } from "../simulate/cluster.ts";
import type { LinkKind } from "../simulate/linkKind.ts";
import type { Jitter } from "../simulate/random.ts";
import type { ContextSpread } from "./contextSpread.ts";
import type { ExpertChoice } from "./expertChoice.ts";
import type { HardwareItem } from "./hardware.ts";
import type { RecordChoice } from "./measuredStages.ts";
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

/** Requests at random. */
export interface ChosenArrivals extends Omit<RandomArrivals, "seed" | "promptTokens"> {
  /** Undefined: the context of the point. */
  readonly promptTokens: number | undefined;
}

/** Requests that come and go, in place of a batch that stays. */
export interface RequestChoice {
  readonly arrivals: readonly DecodeRequest[] | ChosenArrivals;
  /** Part of the attention time that does not grow with cached tokens; undefined: none of a given time, and of a modeled one what it takes without a cache. */
  readonly attentionFixedNs: number | undefined;
  /** Part of the FFN time that does not grow with tokens; undefined: all of it. */
  readonly ffnFixedNs: number | undefined;
  /** Whether attention instances are multiplied by the mean context of requests over that of the point. */
  readonly attentionScaling: "none" | "meanContext";
}

/** What is alike for everything that a run of `simulate` simulates: plain data, which threads can be handed. */
export interface SimulateConditions {
  readonly model: ModelChoice;
  readonly attentionOn: HardwareItem;
  readonly ffnOn: HardwareItem;
  /** Fields of the model, figures of accelerators, and constants as `efficiency.NAME=VALUE`. */
  readonly settings: readonly string[];
  readonly attentionCards: number;
  readonly ffnCards: number;
  /** Undefined: times of a record, or those that follow from the model and the accelerators, as those of `plan` do. */
  readonly stages: GivenStages | undefined;
  /** Layers of a step; undefined: the model's. */
  readonly layers: number | undefined;
  readonly linkKind: LinkKind;
  /** Of an instance's NICs together, one direction; undefined: those of its accelerators. */
  readonly networkBytesPerSecond: number | undefined;
  readonly networkLatencyNs: number;
  /** Added to latencies, uniform from 0 up to this. */
  readonly latencyJitterNs: number;
  readonly jitter: Jitter;
  readonly stragglers: readonly Straggler[];
  /** How contexts differ from that of a point; undefined: not at all. Of modeled stage times and a steady batch. */
  readonly contextSpread: ContextSpread | undefined;
  /** How popular experts are; undefined: all alike. */
  readonly experts: ExpertChoice | undefined;
  readonly outages: readonly Outage[];
  /** Of every instance of a side at random. */
  readonly failures: Cluster["failures"];
  readonly requests: RequestChoice | undefined;
  /** Cached tokens that an attention instance holds; undefined: what its cards' memory has room for. */
  readonly kvTokensPerInstance: number | undefined;
  /** Counted steps of each micro-batch, after `warmUpSteps`. */
  readonly steps: number;
  readonly warmUpSteps: number;
  readonly seed: number;
}

/** One deployment under one load. */
export interface SimulatePoint {
  readonly deployment: InstanceCounts;
  /** Cached tokens of a sequence, the mean where they differ. */
  readonly contextTokens: number;
  /** Sequences of all micro-batches together. */
  readonly batch: number;
  readonly microBatches: number;
}

/** One point under the conditions of all. */
export type PointSettings = SimulateConditions & SimulatePoint;

/** What `simulate` simulates: every combination of the lists, none of which is empty. */
export interface SimulateSettings extends SimulateConditions {
  readonly deployments: readonly InstanceCounts[];
  readonly contexts: readonly number[];
  readonly batches: readonly number[];
  readonly microBatchCounts: readonly number[];
  /** Record of measured kernels that stage times are taken from, where none are given; undefined: they are modeled. */
  readonly record: RecordChoice | undefined;
  /** That simulate at the same time; undefined: as many as this machine has, where there are points enough for them. */
  readonly threads: number | undefined;
  /** Ends the run; points that are done are kept. */
  readonly signal: AbortSignal;
  readonly onProgress: (event: ProgressEvent) => void;
  /** Gets every piece of work, of all points; everything is then simulated on this thread. */
  readonly onSlice?: (slice: Slice) => void;
}
