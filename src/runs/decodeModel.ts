import type { DecodeFfn, DecodeModel } from "../afd/decodeWork.ts";
import type { DecodeAttention, DecodeRope } from "../kernels/decodeAttention.ts";
import type { AttentionSpec, FfnSpec, ModelCard } from "../model/card.ts";
import { InfeasibleError } from "../units/errors.ts";

/** How a model is stored, and what it is made from. */
export type DecodeModelChoice = Pick<DecodeModel, "weightDtype" | "kvDtype" | "zipfExponent" | "seed">;

/**
 * Model types whose RoPE turns neighbouring elements; those with latent attention do so, too.
 *
 * @source transformers' `llama4` and `ernie4_5` (`ernie4_5_moe` takes it over)
 */
const neighbourTypes: ReadonlySet<string> = new Set(["llama4_text", "ernie4_5", "ernie4_5_moe"]);

/**
 * A card as instances decode it. What a card does not say is left out: scales of single models (Llama 4's queries, Pangu's experts),
 * Gemma 3's norms behind attention and FFN.
 *
 * @throws InfeasibleError where the model has something that no stage computes yet.
 */
export function decodeModelOf(card: ModelCard, choice: DecodeModelChoice): DecodeModel {
  return {
    hidden: card.hidden,
    epsilon: card.rmsNormEpsilon,
    layers: card.layers.map(({ attention, ffn }) => ({
      attention: attentionOf(card, attention),
      ffn: ffnOf(ffn, choice),
    })),
    ...choice,
  };
}

function attentionOf(card: ModelCard, attention: AttentionSpec): DecodeAttention {
  const computed = decodeAttentionOf(card, attention);
  if (computed.kind !== "none") return computed;
  throw new InfeasibleError(`${card.name} has ${computed.lacks}, which no stage of the pipeline computes yet`);
}

/** A layer's attention as kernels compute it, or what they have no kernels for. */
export function decodeAttentionOf(
  card: ModelCard,
  attention: AttentionSpec,
): DecodeAttention | { readonly kind: "none"; readonly lacks: string } {
  if (attention.kind === "linear") return { kind: "none", lacks: `${attention.rule} linear attention` };
  const { queryHeads, ropeTheta, ropeDims, ropeScaling, span, softmaxScale } = attention;
  const rope = { theta: ropeTheta, dims: ropeDims, scaling: ropeScaling, pairs: pairsOf(card, attention) };
  const shared = { queryHeads, rope, span, softmaxScale };
  switch (attention.kind) {
    case "mfa": {
      const { kvHeads, headDim, queryRank } = attention;
      return { kind: "grouped", ...shared, kvHeads, headDim, queryRank, qkNorm: false, bias: "none", sinks: false };
    }
    case "mla": {
      const { queryRank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
      const dims = { kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim };
      return { kind: "latent", ...shared, queryRank: queryRank ?? undefined, ...dims };
    }
    default: {
      const { kvHeads, headDim, qkNorm, bias, sinks } = attention;
      if (attention.outputGate) return { kind: "none", lacks: "output gates in its attention" };
      return { kind: "grouped", ...shared, kvHeads, headDim, queryRank: undefined, qkNorm, bias, sinks };
    }
  }
}

function pairsOf({ modelType }: ModelCard, { kind }: AttentionSpec): DecodeRope["pairs"] {
  return kind === "mla" || neighbourTypes.has(modelType) ? "neighbours" : "halves";
}

function ffnOf(ffn: FfnSpec, { zipfExponent }: DecodeModelChoice): DecodeFfn {
  if (ffn.kind === "dense") return { kind: "dense", width: ffn.width, activation: ffn.activation };
  const { experts, expertDim, sharedDim, sharedGate, activation } = ffn;
  // Favour is a bias of the router's logits.
  const router = zipfExponent === undefined ? ffn.router : { ...ffn.router, logitBias: true };
  return { kind: "moe", experts, expertDim, sharedDim, sharedGate, activation, router };
}
