import type { Accelerator } from "../hardware/accelerator.ts";
import type { AttentionSpec } from "../model/card.ts";
import { attentionParameters } from "../model/parameters.ts";
import { InvalidInputError } from "../units/errors.ts";
import { layerKvBytes } from "../workload/kv-cache.ts";
import { layerAttentionFlops } from "../workload/per-token.ts";
import { busiestContextFactor, type Contexts } from "./contextSpread.ts";
import type { Efficiency } from "./efficiency.ts";
import { type Peak, peakFor } from "./precision.ts";
import { attentionWeightBytesPerCard } from "./stageBudget.ts";
import { timeNs } from "./timeNs.ts";

/**
 * What attention cores compute in: `auto` is FP8 where the card has it, over the 8-bit cache of the model; `bf16` has a
 * cache of 16 bits. Products with weights are of 8 bits in either case.
 * @source Step-3 report, Table 8 (rows in FP8 and BF16) and Table 9
 */
export const ATTENTION_PRECISIONS = ["auto", "bf16"] as const;
export type AttentionPrecision = (typeof ATTENTION_PRECISIONS)[number];

/** Times of one layer's attention on a card, for one micro-batch; `PerSequence` of the card's own. */
export interface AttentionRates {
  readonly overheadNs: number;
  readonly weightNs: number;
  readonly projectionNsPerSequence: number;
  /** At the mean context. */
  readonly kvNsPerSequence: number;
  readonly coreNsPerSequence: number;
  /** By how much more the core takes where contexts are longer by a small share, over that share; 0 where all contexts are alike. */
  readonly contextGrowth: number;
  readonly contextVariation: number;
  readonly contextQuantile: number;
}

/** What attention runs on and with. */
export interface AttentionSetting extends Contexts {
  readonly accelerator: Accelerator;
  readonly precision: AttentionPrecision;
  /** Cards over which the output projection is split; the others stand on every card. */
  readonly splitOver: number;
  readonly efficiency: Efficiency;
}

const MULTIPLY_ADD = 2;

/** The attention of one layer on one card. @throws InvalidInputError where the card has no peak in the precision */
export function attentionRates(attention: AttentionSpec, hidden: number, setting: AttentionSetting): AttentionRates {
  const { accelerator, precision, contextTokens, contextVariation = 0, efficiency } = setting;
  const memory = accelerator.memoryBytesPerSecond;
  const core = requirePeak(accelerator, precision).flopsPerSecond * efficiency.coreComputeShare;
  const gemm = requirePeak(accelerator, "auto").flopsPerSecond * efficiency.gemmComputeShare;
  const split = { cards: setting.splitOver, bytesPerWeight: 1 };
  return {
    overheadNs: efficiency.attentionOverheadNs,
    weightNs: timeNs(attentionWeightBytesPerCard(attention, hidden, split), memory * efficiency.weightBandwidthShare),
    projectionNsPerSequence: timeNs(MULTIPLY_ADD * attentionParameters(attention, hidden), gemm),
    kvNsPerSequence: timeNs(
      layerKvBytes(attention, contextTokens, kvElementBytes(attention, precision)),
      memory * efficiency.kvBandwidthShare,
    ),
    coreNsPerSequence: timeNs(layerAttentionFlops(attention, contextTokens), core),
    contextGrowth: contextVariation === 0 ? 0 : contextGrowth(attention, contextTokens),
    contextVariation,
    contextQuantile: efficiency.contextQuantile,
  };
}

/**
 * One layer's attention on a card: projections and core one after the other, each the longer of compute and memory. Where
 * contexts differ it is the card whose sequences have the longest ones.
 */
export function attentionNs(rates: AttentionRates, sequences: number): number {
  const projections = Math.max(rates.weightNs, rates.projectionNsPerSequence * sequences);
  const core = Math.max(rates.kvNsPerSequence, rates.coreNsPerSequence) * sequences;
  return rates.overheadNs + projections + core * busiestCoreFactor(rates, sequences);
}

function busiestCoreFactor({ contextGrowth, contextVariation, contextQuantile }: AttentionRates, sequences: number) {
  if (contextGrowth === 0) return 1;
  return 1 + contextGrowth * (busiestContextFactor(contextVariation, contextQuantile, sequences) - 1);
}

/** 1 where the whole context is attended to; 0 where it is longer than a window, or there is a state in its place. */
function contextGrowth(attention: AttentionSpec, contextTokens: number): number {
  const flops = layerAttentionFlops(attention, contextTokens);
  return (layerAttentionFlops(attention, contextTokens * (1 + SMALL)) - flops) / (flops * SMALL);
}

const SMALL = 0.01;

/** Bytes of a cached element: those of the model's 8-bit deployment, or 2. */
export function kvElementBytes(attention: AttentionSpec, precision: AttentionPrecision): number {
  if (attention.kind === "linear") return 0;
  return precision === "bf16" ? 2 : attention.kvBits / 8;
}

/** @throws InvalidInputError where the card has no peak in it */
export function requirePeak(accelerator: Accelerator, precision: AttentionPrecision): Peak {
  const peak = peakFor(accelerator, precision);
  if (peak !== undefined) return peak;
  throw new InvalidInputError({ field: "precision", value: precision, expected: `one that ${accelerator.name} has` });
}
