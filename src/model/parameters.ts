import type { AttentionSpec, FfnSpec, LinearSpec, ModelCard, MoeFfnSpec } from "./card.ts";

/** Weight matrices of a SwiGLU: gate, up and down. */
const SWIGLU_MATRICES = 3;

/** All matrix parameters: attention, FFN, router, embeddings and output head; no norms, biases or prediction layers. */
export function parametersTotal(card: ModelCard): number {
  const perLayer = card.layers.map(
    ({ attention, ffn }) => attentionParameters(attention, card.hidden) + ffnParameters(ffn, card.hidden),
  );
  return sum(perLayer) + embeddingParameters(card);
}

/** The parameters of `parametersTotal` that one token is multiplied with, the whole embedding table and head included. */
export function parametersActivated(card: ModelCard): number {
  const perLayer = card.layers.map(
    ({ attention, ffn }) => attentionParameters(attention, card.hidden) + ffnParametersActivated(ffn, card.hidden),
  );
  return sum(perLayer) + embeddingParameters(card);
}

/**
 * Matrix weights of one layer's attention, norms not counted.
 * MLA as stored, un-absorbed; absorbing K and V into the query and output side multiplies with as many.
 * @source Step-3 report, Table 2 (linear FLOPs around attention = 2 x these, over all layers)
 */
export function attentionParameters(attention: AttentionSpec, hidden: number): number {
  switch (attention.kind) {
    case "mfa": {
      const { queryHeads, kvHeads, headDim, queryRank } = attention;
      const queryWidth = queryHeads * headDim;
      return hidden * queryRank + queryRank * queryWidth + 2 * hidden * kvHeads * headDim + queryWidth * hidden;
    }
    case "mla": {
      const { queryHeads, queryRank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
      const queryWidth = queryHeads * (nopeHeadDim + ropeHeadDim);
      const query = queryRank === null ? hidden * queryWidth : hidden * queryRank + queryRank * queryWidth;
      const keyValue = hidden * (kvRank + ropeHeadDim) + kvRank * queryHeads * (nopeHeadDim + valueHeadDim);
      return query + keyValue + queryHeads * valueHeadDim * hidden;
    }
    case "gqa":
    case "mqa":
    case "mha": {
      const { queryHeads, kvHeads, headDim, outputGate } = attention;
      const queryWidths = outputGate ? 3 : 2;
      return queryWidths * hidden * queryHeads * headDim + 2 * hidden * kvHeads * headDim;
    }
    case "linear":
      return linearAttentionParameters(attention, hidden);
  }
}

/** Query, key, value, output gate and output; the gated delta rule has two gates a head beside them, its convolution is left out. */
function linearAttentionParameters(
  { rule, keyHeads, valueHeads, keyDim, valueDim }: LinearSpec,
  hidden: number,
): number {
  const keyWidth = keyHeads * keyDim;
  const valueWidth = valueHeads * valueDim;
  const headGates = rule === "gatedDelta" ? 2 * valueHeads : 0;
  return hidden * (2 * keyWidth + 3 * valueWidth + headGates);
}

/** Weights of one SwiGLU of width `width`: gate, up and down. */
export function swigluParameters(width: number, hidden: number): number {
  return SWIGLU_MATRICES * hidden * width;
}

function ffnParameters(ffn: FfnSpec, hidden: number): number {
  if (ffn.kind === "dense") return swigluParameters(ffn.width, hidden);
  return swigluParameters(ffn.experts * ffn.expertDim + ffn.sharedDim, hidden) + gateParameters(ffn, hidden);
}

function ffnParametersActivated(ffn: FfnSpec, hidden: number): number {
  if (ffn.kind === "dense") return swigluParameters(ffn.width, hidden);
  return swigluParameters(ffn.router.topK * ffn.expertDim + ffn.sharedDim, hidden) + gateParameters(ffn, hidden);
}

/** The router, and the shared expert's gate where it has one. */
function gateParameters(ffn: MoeFfnSpec, hidden: number): number {
  return hidden * (ffn.experts + (ffn.sharedGate ? 1 : 0));
}

/** The embedding table and the output head; one where they are tied. */
export function embeddingParameters(card: ModelCard): number {
  return card.vocab * card.hidden * (card.tiedEmbeddings ? 1 : 2);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
