import type { PricedAccelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import type { AttentionPrecision } from "../theory/attentionStage.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import type { PlainBound, PlainDeployment } from "../theory/expertParallel.ts";
import type { FfnParallelism } from "../theory/ffnStage.ts";
import type { LinkUse, PipelineBound } from "../theory/pipeline.ts";
import type { AfdDeployment } from "../theory/stageTimes.ts";

/** What a plan is to be best in: least cost of a token, most tokens a second in all, or fewest cards, then least cost. */
export const OBJECTIVES = ["cost", "throughput", "cards"] as const;
export type Objective = (typeof OBJECTIVES)[number];

/** What deployments there are to choose from, and what they must do. */
export interface PlanQuestion {
  readonly card: ModelCard;
  readonly contextTokens: number;
  /** Mean time per output token, jitter among it, that no plan may exceed. */
  readonly tpotNs: number;
  /** Sequences that there are at once; absent: as many as fit. */
  readonly sequences?: number | undefined;
  readonly objective: Objective;
  readonly maxCards: number;
  readonly attentionOn: readonly PricedAccelerator[];
  readonly ffnOn: readonly PricedAccelerator[];
  readonly precisions: readonly AttentionPrecision[];
  readonly parallelisms: readonly FfnParallelism[];
  /** Copies of busy experts on each card. */
  readonly redundantExperts: readonly number[];
  readonly microBatches: readonly number[];
  /** Cards of an instance, of either side; those beyond a server are left out. */
  readonly instanceCards: readonly number[];
  readonly linkUse: LinkUse;
  /** The popularity factor of experts that are divided among so many groups; absent: all experts are alike. */
  readonly popularityFactor?: ((groups: number) => number) | undefined;
  readonly efficiency: Efficiency;
}

/** What every deployment that serves gives. */
export interface Served {
  readonly cards: number;
  readonly microBatches: number;
  readonly microBatchTokens: number;
  /** Of all micro-batches, or of all replicas. */
  readonly batch: number;
  /** Jitter and stragglers allowed for. */
  readonly tpotNs: number;
  readonly tokensPerSecond: number;
  readonly usdPerMillionTokens: number;
  /** Why there is no more in a step. */
  readonly limit: "time" | "memory" | "sequences";
}

/** A deployment on attention and FFN instances. */
export interface AfdPlan extends Served {
  readonly kind: "afd";
  readonly deployment: AfdDeployment;
  readonly bound: PipelineBound;
}

/** A plain deployment, the cards of each of its replicas a group of expert parallelism. */
export interface PlainPlan extends Served {
  readonly kind: "plain";
  readonly deployment: PlainDeployment;
  readonly replicas: number;
  readonly bound: PlainBound;
}

export type Plan = AfdPlan | PlainPlan;

/**
 * What a deployment was left out for: memory too small; links too slow; links too slow for so sparse experts to be
 * compute-bound; attention, FFN or the round trip too slow.
 */
export const CUTS = ["memory", "network", "sparsity", "attention", "ffn", "roundTrip"] as const;
export type Cut = (typeof CUTS)[number];

const SECONDS_PER_HOUR = 3600;

/** USD of a million tokens on cards that cost so much an hour together. */
export function usdPerMillion(usdPerHour: number, tokensPerSecond: number): number {
  return (usdPerHour / SECONDS_PER_HOUR / tokensPerSecond) * 1e6;
}

/** What is to be small, in the order in which it decides. */
export function scoreOf(plan: Pick<Served, "cards" | "tokensPerSecond" | "usdPerMillionTokens">, objective: Objective) {
  switch (objective) {
    case "cost":
      return [plan.usdPerMillionTokens, plan.cards] as const;
    case "throughput":
      return [-plan.tokensPerSecond, plan.cards] as const;
    case "cards":
      return [plan.cards, plan.usdPerMillionTokens] as const;
  }
}

/** Below 0 where the first plan is better. */
export function compareScores(
  [first, second]: readonly [number, number],
  [otherFirst, otherSecond]: readonly [number, number],
): number {
  return first - otherFirst || second - otherSecond;
}
