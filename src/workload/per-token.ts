import type { AttentionSpec, FfnSpec, ModelCard } from "../model/card.ts";
import { attentionParameters, swigluParameters } from "../model/parameters.ts";
import { kvBytesPerCachedToken } from "./kv-cache.ts";

/** FLOPs of a multiply-add. */
const MULTIPLY_ADD = 2;

/**
 * FLOPs of one query token on one cached token in one layer, scores and weighted sum, softmax not counted.
 * MLA in its absorbed form by the report's convention: both products kvRank + ropeHeadDim = 576 wide, although
 * the second is exactly kvRank = 512 wide, so 512 FLOPs per 8-bit KV byte for DeepSeek-V3 and not 483.6.
 * @source Step-3 report, Table 2 and section 5
 */
export function attentionFlopsPerCachedToken(attention: AttentionSpec): number {
  const products = 2;
  const width = attention.kind === "mla" ? attention.kvRank + attention.ropeHeadDim : attention.headDim;
  return attention.queryHeads * width * products * MULTIPLY_ADD;
}

/** Attention FLOPs of one decoded token over all layers, projections left out. @source Step-3 report, Tables 2 and 3 */
export function attentionFlopsPerToken(card: ModelCard, contextTokens: number): number {
  return sum(card.layers.map(({ attention }) => attentionFlopsPerCachedToken(attention))) * contextTokens;
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
 * Attention FLOPs per byte of 8-bit KV cache: 128 for Step-3, 512 for DeepSeek-V3, 32 for Qwen3-MoE.
 * @source Step-3 report, section 5
 */
export function attentionFlopsPerByte(card: ModelCard): number {
  return attentionFlopsPerToken(card, 1) / kvBytesPerCachedToken(card);
}

/** Query heads x value width of a head: 16,384 for Step-3 and DeepSeek-V3. @source Step-3 report, section 5 */
export function effectiveRank(attention: AttentionSpec): number {
  return attention.queryHeads * (attention.kind === "mla" ? attention.valueHeadDim : attention.headDim);
}

function activeWidth(ffn: FfnSpec): number {
  return ffn.kind === "dense" ? ffn.width : ffn.router.topK * ffn.expertDim + ffn.sharedDim;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
