import type { PricedAccelerator } from "../hardware/accelerator.ts";
import type { TokenWork } from "../workload/per-token.ts";
import type { Peak } from "./precision.ts";
import type { Bound } from "./roofline.ts";

const SECONDS_PER_HOUR = 3600;

/** What a FLOP and a byte cost on a card that does nothing else. */
export interface UnitCost {
  readonly usdPerFlop: number;
  readonly usdPerByte: number;
}

/**
 * Tokens guessed ahead in a step (multi-token prediction): `draftTokens` beside the one that is certain, each of which
 * is kept in `acceptance` of the steps.
 */
export interface Drafting {
  readonly draftTokens: number;
  /** From 0 to 1. */
  readonly acceptance: number;
}

/** Decoding without drafts. */
export const NO_DRAFTS: Drafting = { draftTokens: 0, acceptance: 0 };

/** Cost of one decoded token on an accelerator at full use of whichever roof binds. */
export interface DecodeCost {
  readonly attentionUsd: number;
  readonly ffnUsd: number;
  /** Which roof binds the attention core; its projections and the FFN are taken as compute-bound. */
  readonly attentionBound: Bound;
}

/** A card as costs see it: its price, its bandwidth and the peak it computes with. */
export interface PricedRoofs {
  readonly usdPerHour: number;
  readonly memoryBytesPerSecond: number;
  readonly flopsPerSecond: number;
}

/** The roofs and the price of a card in one precision. */
export function pricedRoofs(accelerator: PricedAccelerator, peak: Peak): PricedRoofs {
  const { usdPerHour, memoryBytesPerSecond } = accelerator;
  return { usdPerHour, memoryBytesPerSecond, flopsPerSecond: peak.flopsPerSecond };
}

/** Price per second over peak and over bandwidth. @source Step-3 report, section 4.2 and Table 5 */
export function unitCost({ usdPerHour, memoryBytesPerSecond, flopsPerSecond }: PricedRoofs): UnitCost {
  const usdPerSecond = usdPerHour / SECONDS_PER_HOUR;
  return { usdPerFlop: usdPerSecond / flopsPerSecond, usdPerByte: usdPerSecond / memoryBytesPerSecond };
}

/**
 * What a token costs: attention = max(FLOPs, KV bytes, each times its unit cost) + projections, FFN = FLOPs.
 * Batches are taken as large enough for weights to be read for many tokens. With drafts a step computes 1 + draftTokens
 * tokens against the same KV bytes and keeps 1 + draftTokens x acceptance of them.
 * @source Step-3 report, section 4.2 and Table 6
 */
export function decodeCost(work: TokenWork, unit: UnitCost, drafting: Drafting = NO_DRAFTS): DecodeCost {
  const computed = 1 + drafting.draftTokens;
  const kept = tokensPerStep(drafting);
  const coreFlopsUsd = computed * work.attentionFlops * unit.usdPerFlop;
  const kvUsd = work.kvBytes * unit.usdPerByte;
  const linearUsd = computed * work.linearFlops * unit.usdPerFlop;
  return {
    attentionUsd: (Math.max(coreFlopsUsd, kvUsd) + linearUsd) / kept,
    ffnUsd: (computed * work.ffnFlops * unit.usdPerFlop) / kept,
    attentionBound: kvUsd > coreFlopsUsd ? "memory" : "compute",
  };
}

/** Tokens that a step yields on average. */
export function tokensPerStep({ draftTokens, acceptance }: Drafting): number {
  return 1 + draftTokens * acceptance;
}

/** The cheapest accelerator of each side; the first of equals. @source Step-3 report, section 4.2 (AFD) */
export function cheapestPairing<Entry extends { readonly cost: DecodeCost }>(
  entries: readonly [Entry, ...Entry[]],
): { readonly attention: Entry; readonly ffn: Entry } {
  const [first] = entries;
  return {
    attention: entries.reduce((best, one) => (one.cost.attentionUsd < best.cost.attentionUsd ? one : best), first),
    ffn: entries.reduce((best, one) => (one.cost.ffnUsd < best.cost.ffnUsd ? one : best), first),
  };
}
