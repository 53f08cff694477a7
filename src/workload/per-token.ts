import type { AttentionSpec, FfnSpec, ModelCard, SoftmaxSpec } from "../model/card.ts";
import { attentionParameters, swigluParameters } from "../model/parameters.ts";
import { attendedTokens, kvBytesReadPerToken, stateElements } from "./kv-cache.ts";

/**
 * How attention FLOPs are counted where the report and the arithmetic differ: `report` takes both products of absorbed
 * MLA as 576 wide and 10 FLOPs per element of a lightning state; `exact` counts the second product as 512 wide (the
 * values are the latent alone) and 5 FLOPs per element.
 * @source Step-3 report, Table 2
 */
export type FlopConvention = "report" | "exact";

/** FLOPs of a multiply-add. */
const MULTIPLY_ADD = 2;

/** Decay, outer product added, query product. */
const EXACT_LIGHTNING_FLOPS_PER_STATE_ELEMENT = 5;

/** @source Step-3 report, Table 2 (MiniMax M1, whose row is 70 layers of 64 x 128 x 128 elements at 10 FLOPs) */
const REPORT_LIGHTNING_FLOPS_PER_STATE_ELEMENT = 10;

/** Decay, key product, outer product added, query product; the report has no such layer. */
const DELTA_FLOPS_PER_STATE_ELEMENT = 7;

/** FLOPs of decoding one token over all layers, multiply-adds as 2, and the KV bytes it moves. */
export interface TokenWork {
  readonly kvBytes: number;
  /** Scores and weighted sums; no projections, no softmax. */
  readonly attentionFlops: number;
  /** Projections around attention. */
  readonly linearFlops: number;
  /** FFN matrices, no router. */
  readonly ffnFlops: number;
}

/** What the work of a token depends on, beside its model. */
export interface TokenSetting {
  readonly contextTokens: number;
  /** Bits of a cached element in every layer; absent: those that the card gives each layer. */
  readonly kvBits?: number | undefined;
  readonly convention: FlopConvention;
}

/** The four columns of the report's Tables 2 and 3. @source Step-3 report, Tables 2 and 3 */
export function tokenWork(card: ModelCard, { contextTokens, kvBits, convention }: TokenSetting): TokenWork {
  return {
    kvBytes: kvBytesReadPerToken(card, contextTokens, kvBits),
    attentionFlops: attentionFlopsPerToken(card, contextTokens, convention),
    linearFlops: projectionFlopsPerToken(card),
    ffnFlops: ffnFlopsPerToken(card),
  };
}

/**
 * FLOPs of one query token on one cached token in one layer, scores and weighted sum, softmax not counted.
 * MLA in its absorbed form; by the report's convention 512 FLOPs per 8-bit KV byte for DeepSeek-V3, exactly 483.6.
 * @source Step-3 report, Table 2 and section 5
 */
export function attentionFlopsPerCachedToken(attention: SoftmaxSpec, convention: FlopConvention = "report"): number {
  if (attention.kind !== "mla") return attention.queryHeads * 2 * attention.headDim * MULTIPLY_ADD;
  const scoreWidth = attention.kvRank + attention.ropeHeadDim;
  const valueWidth = convention === "report" ? scoreWidth : attention.kvRank;
  return attention.queryHeads * (scoreWidth + valueWidth) * MULTIPLY_ADD;
}

/** FLOPs of one layer's attention for one token, projections left out; linear attention: of its state's update and use. */
export function layerAttentionFlops(
  attention: AttentionSpec,
  contextTokens: number,
  convention: FlopConvention = "report",
): number {
  if (attention.kind !== "linear") {
    return attendedTokens(attention.span, contextTokens) * attentionFlopsPerCachedToken(attention, convention);
  }
  const lightning =
    convention === "report" ? REPORT_LIGHTNING_FLOPS_PER_STATE_ELEMENT : EXACT_LIGHTNING_FLOPS_PER_STATE_ELEMENT;
  return stateElements(attention) * (attention.rule === "lightning" ? lightning : DELTA_FLOPS_PER_STATE_ELEMENT);
}

/** Attention FLOPs of one decoded token over all layers, projections left out. @source Step-3 report, Tables 2 and 3 */
export function attentionFlopsPerToken(
  card: ModelCard,
  contextTokens: number,
  convention: FlopConvention = "report",
): number {
  return sum(card.layers.map(({ attention }) => layerAttentionFlops(attention, contextTokens, convention)));
}

/** FLOPs of the projections around attention for one token over all layers. @source Step-3 report, Table 2 */
export function projectionFlopsPerToken(card: ModelCard): number {
  return MULTIPLY_ADD * sum(card.layers.map(({ attention }) => attentionParameters(attention, card.hidden)));
}

/** FLOPs of the FFN matrices for one token over all layers, router left out. @source Step-3 report, Table 2 */
export function ffnFlopsPerToken(card: ModelCard): number {
  return MULTIPLY_ADD * sum(card.layers.map(({ ffn }) => swigluParameters(activeWidth(ffn), card.hidden)));
}

/**
 * Attention FLOPs per byte of KV cache: 128 for Step-3, 512 for DeepSeek-V3, 32 for Qwen3-MoE. It depends on the
 * context only where layers differ in what they attend to and in their KV precision, or have a state in place of a
 * cache (Llama 4 Maverick: 8.0 at 8K, 6.36 at 32K).
 * @source Step-3 report, section 5
 */
export function attentionFlopsPerByte(card: ModelCard, setting: TokenSetting): number {
  const { kvBytes, attentionFlops } = tokenWork(card, setting);
  return attentionFlops / kvBytes;
}

/**
 * Query heads x value width of a head: 16,384 for Step-3 and DeepSeek-V3, 8,192 for Qwen3-MoE.
 * @source Step-3 report, section 5
 */
export function effectiveRank(attention: AttentionSpec): number {
  switch (attention.kind) {
    case "linear":
      return attention.valueHeads * attention.valueDim;
    case "mla":
      return attention.queryHeads * attention.valueHeadDim;
    default:
      return attention.queryHeads * attention.headDim;
  }
}

function activeWidth(ffn: FfnSpec): number {
  return ffn.kind === "dense" ? ffn.width : ffn.router.topK * ffn.expertDim + ffn.sharedDim;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
