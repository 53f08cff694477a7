import type { AttentionSpec, ModelCard } from "../model/card.ts";
import { attentionParameters, swigluParameters } from "../model/parameters.ts";
import { kvBytesReadPerToken, kvRowBytes } from "../workload/kv-cache.ts";
import { effectiveRank } from "../workload/per-token.ts";

/** Time of one pipeline stage for all layers of a decode step: TPOT over the stages. @source Step-3 report, section 3 */
export function stageNs(tpotNs: number, stages: number): number {
  return tpotNs / stages;
}

/**
 * Weight bytes of one layer's attention on each of `cards` cards of an instance: the output projection is split over
 * them, the other projections stand on every card.
 * @source Step-3 report, section 6 (footnote 7)
 */
export function attentionWeightBytesPerCard(
  attention: AttentionSpec,
  hidden: number,
  { cards, bytesPerWeight }: { readonly cards: number; readonly bytesPerWeight: number },
): number {
  const output = effectiveRank(attention) * hidden;
  return (attentionParameters(attention, hidden) - output + output / cards) * bytesPerWeight;
}

/** Bytes that a card can read within its share of a stage. */
export function bytesPerLayer(bytesPerSecond: number, layerNs: number): number {
  return (bytesPerSecond * layerNs) / 1e9;
}

/** What a card of an attention instance can hold in its budget for one layer. */
export interface AttentionFeasibility {
  readonly budgetBytes: number;
  readonly weightBytes: number;
  /** What the weights leave for KV; negative where the weights alone are too much. */
  readonly kvBytes: number;
  /** Cached tokens of all sequences on the card together; 0 where nothing is left. */
  readonly contextTokens: number;
}

/**
 * Cached tokens that a card can attend to in one layer's share of a stage, reading all of them and the layer's weights.
 * @source Step-3 report, section 6
 */
export function attentionFeasibility(
  attention: AttentionSpec,
  hidden: number,
  setting: {
    readonly bytesPerSecond: number;
    readonly layerNs: number;
    readonly cards: number;
    readonly bytesPerKvElement: number;
  },
): AttentionFeasibility {
  const budgetBytes = bytesPerLayer(setting.bytesPerSecond, setting.layerNs);
  const weightBytes = attentionWeightBytesPerCard(attention, hidden, { cards: setting.cards, bytesPerWeight: 1 });
  const kvBytes = budgetBytes - weightBytes;
  const rowBytes = kvRowBytes(attention, setting.bytesPerKvElement, "values");
  return { budgetBytes, weightBytes, kvBytes, contextTokens: kvBytes > 0 && rowBytes > 0 ? kvBytes / rowBytes : 0 };
}

/** What a card's bytes are limited by: the bandwidth within a stage, or the memory that holds them. */
export type ByteLimit = "bandwidth" | "capacity";

/** Bytes of a card that can be used in a stage, and which limit sets them. */
export interface ByteBudget {
  readonly bytes: number;
  readonly limit: ByteLimit;
}

/** What a card can read in a stage, or hold where that is less; a memory of unknown size sets no limit. */
export function byteBudget(setting: {
  readonly bytesPerSecond: number;
  readonly stageNs: number;
  readonly memoryBytes?: number | undefined;
}): ByteBudget {
  const readBytes = bytesPerLayer(setting.bytesPerSecond, setting.stageNs);
  const { memoryBytes } = setting;
  if (memoryBytes === undefined || memoryBytes >= readBytes) return { bytes: readBytes, limit: "bandwidth" };
  return { bytes: memoryBytes, limit: "capacity" };
}

/**
 * Cards over which the 8-bit FFN weights of all layers must be spread to be read once in a stage, at a share of the
 * bandwidth, and to fit into memory, in whole servers.
 * @source Step-3 report, section 6
 */
export function cardsForFfn(
  card: ModelCard,
  setting: {
    readonly bytesPerSecond: number;
    readonly stageNs: number;
    readonly memoryBytes?: number | undefined;
    readonly cardsPerServer: number;
  },
): {
  readonly weightBytes: number;
  readonly perCard: ByteBudget;
  readonly servers: number;
  readonly cards: number;
} {
  const weightBytes = card.layers.reduce((total, { ffn }) => {
    const width = ffn.kind === "dense" ? ffn.width : ffn.experts * ffn.expertDim + ffn.sharedDim;
    return total + swigluParameters(width, card.hidden);
  }, 0);
  const perCard = byteBudget(setting);
  const servers = Math.ceil(weightBytes / perCard.bytes / setting.cardsPerServer);
  return { weightBytes, perCard, servers, cards: servers * setting.cardsPerServer };
}

/**
 * Sequences of one context that a card of an attention instance can serve: in a stage it reads their KV and the weights
 * of all layers, which its memory holds. Negative where the weights alone are too much.
 * @source Step-3 report, section 6
 */
export function sequencesPerCard(
  card: ModelCard,
  setting: {
    readonly bytesPerSecond: number;
    readonly stageNs: number;
    readonly memoryBytes?: number | undefined;
    readonly cards: number;
    readonly contextTokens: number;
    readonly kvBits?: number | undefined;
  },
): {
  readonly budget: ByteBudget;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly sequences: number;
} {
  const budget = byteBudget(setting);
  const split = { cards: setting.cards, bytesPerWeight: 1 };
  const weightBytes = card.layers.reduce(
    (total, { attention }) => total + attentionWeightBytesPerCard(attention, card.hidden, split),
    0,
  );
  const kvBytes = budget.bytes - weightBytes;
  const sequences = kvBytes / kvBytesReadPerToken(card, setting.contextTokens, setting.kvBits);
  return { budget, weightBytes, kvBytes, sequences };
}
