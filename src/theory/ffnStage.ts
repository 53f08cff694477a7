import type { Accelerator } from "../hardware/accelerator.ts";
import type { FfnSpec } from "../model/card.ts";
import { swigluParameters } from "../model/parameters.ts";
import { requirePeak } from "./attentionStage.ts";
import type { Efficiency } from "./efficiency.ts";
import { timeNs } from "./timeNs.ts";

/**
 * How FFN instances share the work. `expert`: each expert whole on one card, an instance's part of a dense layer on each of
 * its cards for a share of the tokens. `tensor`: experts and dense layers split over an instance's cards, which gather all
 * tokens first. Dense layers are split over instances, whose outputs the attention side adds up, as it does with experts.
 */
export const FFN_PARALLELISMS = ["expert", "tensor"] as const;
export type FfnParallelism = (typeof FFN_PARALLELISMS)[number];

/** The cards of the FFN side. */
export interface FfnGroup {
  readonly accelerator: Accelerator;
  readonly instances: number;
  /** Of one instance. */
  readonly cards: number;
  readonly parallelism: FfnParallelism;
  /** Copies of busy experts beside its own on each card, which share the excess of the hottest. */
  readonly redundantExperts: number;
  /**
   * Tokens of the busiest group of experts over the mean because experts are not equally popular: of a card's with `expert`,
   * of an instance's with `tensor`. Absent: 1.
   */
  readonly popularityFactor?: number | undefined;
}

/** Times of one layer's FFN on its busiest card; `PerToken` of the tokens of a micro-batch. */
export interface FfnRates {
  readonly overheadNs: number;
  readonly weightNs: number;
  readonly computeNsPerToken: number;
  /** Of collectives in which the cards of an instance wait for each other. */
  readonly exchangeNsPerToken: number;
}

/** What a card of the FFN side holds and computes of one layer. */
export interface FfnShare {
  readonly weightBytes: number;
  /** Of each token of a micro-batch, on the busiest card. */
  readonly flopsPerToken: number;
}

/** Bytes of a hidden element on its way back; on its way out, one. @source Step-3 report, section 5.4 */
export const COMBINE_BYTES = 2;

const MULTIPLY_ADD = 2;

/** One layer's FFN on the cards of a group. */
export function ffnRates(ffn: FfnSpec, hidden: number, group: FfnGroup, efficiency: Efficiency): FfnRates {
  const { accelerator, instances, cards, parallelism } = group;
  const gathered = parallelism === "tensor" ? ((cards - 1) / cards) * (fanOut(ffn, instances) / instances) : 0;
  const serverLink = efficiency.serverLinkBytesPerSecond * efficiency.networkShare;
  return {
    ...shareRates(ffnShare(ffn, hidden, group, efficiency), accelerator, efficiency),
    exchangeNsPerToken: timeNs(gathered * (1 + COMBINE_BYTES) * hidden, serverLink),
  };
}

/** Times of what a card holds and computes of one layer, without exchange between cards. */
export function shareRates(
  { weightBytes, flopsPerToken }: FfnShare,
  accelerator: Accelerator,
  efficiency: Efficiency,
): FfnRates {
  const gemm = requirePeak(accelerator, "auto").flopsPerSecond * efficiency.gemmComputeShare;
  return {
    overheadNs: efficiency.ffnOverheadNs,
    weightNs: timeNs(weightBytes, accelerator.memoryBytesPerSecond * efficiency.weightBandwidthShare),
    computeNsPerToken: timeNs(flopsPerToken, gemm),
    exchangeNsPerToken: 0,
  };
}

/** One layer's FFN on its busiest card. */
export function ffnNs(rates: FfnRates, tokens: number): number {
  const products = Math.max(rates.weightNs, rates.computeNsPerToken * tokens);
  return rates.overheadNs + products + rates.exchangeNsPerToken * tokens;
}

/** The share of one layer's FFN that its busiest card has. */
export function ffnShare(
  ffn: FfnSpec,
  hidden: number,
  group: Omit<FfnGroup, "accelerator">,
  efficiency: Pick<Efficiency, "hottestCardFactor">,
): FfnShare {
  const { instances, cards, parallelism, redundantExperts } = group;
  const allCards = instances * cards;
  if (ffn.kind === "dense") {
    const weights = swigluParameters(ffn.width, hidden);
    const heldBy = parallelism === "expert" ? instances : allCards;
    return { weightBytes: weights / heldBy, flopsPerToken: (MULTIPLY_ADD * weights) / allCards };
  }
  const expert = swigluParameters(ffn.expertDim, hidden);
  const shared = swigluParameters(ffn.sharedDim, hidden);
  // Experts of the fullest group, of which a card has its part.
  const [groups, part] = parallelism === "expert" ? [allCards, 1] : [instances, 1 / cards];
  const held = Math.ceil(ffn.experts / groups) * part;
  const copies = parallelism === "expert" ? redundantExperts : 0;
  const chosen = ((ffn.router.topK * held) / ffn.experts) * hottestExpertLoad(group, efficiency);
  return {
    weightBytes: (held + copies) * expert + shared / allCards,
    flopsPerToken: MULTIPLY_ADD * (chosen * expert + shared / allCards),
  };
}

/**
 * Tokens of the busiest card's experts over the mean: by chance, and as experts are popular. Copies of busy experts share the
 * excess; groups of several cards level out more of what is chance.
 */
export function hottestExpertLoad(
  { instances, cards, parallelism, redundantExperts, popularityFactor = 1 }: Omit<FfnGroup, "accelerator">,
  { hottestCardFactor }: Pick<Efficiency, "hottestCardFactor">,
): number {
  switch (parallelism) {
    case "expert":
      return instances * cards === 1 ? 1 : withCopies(hottestCardFactor * popularityFactor, redundantExperts);
    case "tensor":
      return instances === 1 ? 1 : (1 + (hottestCardFactor - 1) / Math.sqrt(cards)) * popularityFactor;
  }
}

/** A load of the hottest card whose excess copies of busy experts share. */
export function withCopies(load: number, redundantExperts: number): number {
  return 1 + (load - 1) / (1 + redundantExperts);
}

/** FFN instances that a token goes to: all, but no more than it chooses experts. */
export function fanOut(ffn: FfnSpec, instances: number): number {
  if (ffn.kind === "dense") return instances;
  return Math.min(instances, ffn.router.topK + (ffn.sharedDim > 0 ? 1 : 0));
}
