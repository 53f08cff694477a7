import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { type AttentionPrecision, kvElementBytes } from "../theory/attentionStage.ts";
import { busiestContextFactor, type Contexts } from "../theory/contextSpread.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import { type PlainDeployment, plainFfnShare } from "../theory/expertParallel.ts";
import { type FfnGroup, ffnShare } from "../theory/ffnStage.ts";
import { attentionWeightBytesPerCard } from "../theory/stageBudget.ts";
import type { AfdDeployment } from "../theory/stageTimes.ts";
import { layerKvBytes } from "../workload/kv-cache.ts";

/** What a card of a deployment holds, weights of 8 bits; embeddings and output head are left out. */
export interface CardBytes {
  readonly attentionWeightBytes: number;
  readonly ffnWeightBytes: number;
  /** Of one sequence's cache or state over all layers. */
  readonly sequenceBytes: number;
}

/** What the cards of both sides hold; the attention side has the sequences. */
export function afdCardBytes(
  card: ModelCard,
  contextTokens: number,
  { attention, ffn }: AfdDeployment,
  efficiency: Efficiency,
): CardBytes {
  return {
    attentionWeightBytes: attentionBytes(card, attention.cards),
    ffnWeightBytes: ffnBytes(card, ffn, efficiency),
    sequenceBytes: sequenceBytes(card, contextTokens, attention.precision),
  };
}

/** The FFN weights of all layers on one card of the FFN side. */
export function ffnBytes(card: ModelCard, group: FfnGroup, efficiency: Efficiency): number {
  return sum(card.layers.map((layer) => ffnShare(layer.ffn, card.hidden, group, efficiency).weightBytes));
}

/** What every card of a plain deployment holds. */
export function plainCardBytes(
  card: ModelCard,
  contextTokens: number,
  plain: PlainDeployment,
  efficiency: Efficiency,
): CardBytes {
  return {
    attentionWeightBytes: attentionBytes(card, 1),
    ffnWeightBytes: sum(
      card.layers.map((layer) => plainFfnShare(layer.ffn, card.hidden, plain, efficiency).weightBytes),
    ),
    sequenceBytes: sequenceBytes(card, contextTokens, plain.precision),
  };
}

/** Bytes of a card that may be used; without limit where the catalog has no memory of it. */
export function usableBytes({ memoryBytes }: Accelerator, { memoryShare }: Efficiency): number {
  return memoryBytes === undefined ? Number.POSITIVE_INFINITY : memoryBytes * memoryShare;
}

/**
 * Bytes of a card that caches and states may take, of a plan and of a simulation alike: `memoryShare` of its memory, less its
 * weights; below 0 where the weights alone are too much, and without limit where the catalog has no memory of it.
 */
export function cacheBytes(accelerator: Accelerator, weightBytes: number, efficiency: Efficiency): number {
  return usableBytes(accelerator, efficiency) - weightBytes;
}

/** Sequences that fit beside weights; below 0 where the weights alone are too much. */
export function sequencesThatFit(usable: number, weightBytes: number, bytesPerSequence: number): number {
  const left = usable - weightBytes;
  if (left < 0) return -1;
  return bytesPerSequence === 0 ? Number.POSITIVE_INFINITY : Math.floor(left / bytesPerSequence);
}

/** Contexts of sequences that share a card, and the constants that say how long those of the busiest are. */
export interface HeldContexts extends Contexts {
  readonly card: ModelCard;
  readonly efficiency: Pick<Efficiency, "contextQuantile">;
}

/** Sequences that fit into so many bytes of every card where their contexts differ; below 0 where there are none. */
export function differingSequencesThatFit(
  bytes: number,
  { card, contextTokens, contextVariation = 0, efficiency }: HeldContexts,
  precision: AttentionPrecision,
): number {
  const alike = sequencesThatFit(bytes, 0, sequenceBytes(card, contextTokens, precision));
  if (contextVariation === 0 || alike < 1 || !Number.isFinite(alike)) return alike;
  const fits = (sequences: number) => {
    const factor = busiestContextFactor(contextVariation, efficiency.contextQuantile, sequences);
    return sequences * sequenceBytes(card, contextTokens * factor, precision) <= bytes;
  };
  let most = alike;
  let least = 0;
  while (most > least) {
    const middle = Math.ceil((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle - 1;
  }
  return least;
}

/** The projections of all layers on one card of an instance of so many. */
export function attentionBytes(card: ModelCard, cards: number): number {
  const split = { cards, bytesPerWeight: 1 };
  return sum(card.layers.map(({ attention }) => attentionWeightBytesPerCard(attention, card.hidden, split)));
}

/** Cache of one sequence over all layers; a state is read and written, and held once. */
export function sequenceBytes(card: ModelCard, contextTokens: number, precision: AttentionPrecision): number {
  return sum(
    card.layers.map(({ attention }) => {
      const moved = layerKvBytes(attention, contextTokens, kvElementBytes(attention, precision));
      return attention.kind === "linear" ? moved / 2 : moved;
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
