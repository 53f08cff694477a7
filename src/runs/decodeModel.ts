import type { DecodeAttention, DecodeFfn, DecodeModel } from "../afd/decodeWork.ts";
import type { AttentionSpec, FfnSpec, ModelCard } from "../model/card.ts";
import { InfeasibleError } from "../units/errors.ts";

/** How a model is stored, and what it is made from. */
export type DecodeModelChoice = Pick<DecodeModel, "weightDtype" | "kvDtype" | "seed">;

/**
 * A card as instances decode it.
 *
 * @throws InfeasibleError where the model has something that no stage computes yet.
 */
export function decodeModelOf(card: ModelCard, choice: DecodeModelChoice): DecodeModel {
  const refuse = (what: string): never => {
    throw new InfeasibleError(`${card.name} has ${what}, which no stage of the pipeline computes yet`);
  };
  return {
    hidden: card.hidden,
    epsilon: card.rmsNormEpsilon,
    layers: card.layers.map(({ attention, ffn }) => ({
      attention: attentionOf(attention, refuse),
      ffn: ffnOf(ffn, refuse),
    })),
    ...choice,
  };
}

type Refuse = (what: string) => never;

function attentionOf(attention: AttentionSpec, refuse: Refuse): DecodeAttention {
  if (attention.kind === "mla") return refuse("multi-head latent attention");
  if (attention.kind === "linear") return refuse(`${attention.rule} linear attention`);
  const { queryHeads, kvHeads, headDim, ropeTheta, ropeDims, span } = attention;
  if (span.kind !== "full") refuse(`attention over ${span.kind} spans`);
  if (ropeDims !== headDim)
    refuse(
      ropeDims === 0 ? "layers without positions" : `heads of which RoPE turns ${ropeDims} of ${headDim} elements`,
    );
  if (attention.kind === "mfa") return { queryHeads, kvHeads, headDim, ropeTheta, queryRank: attention.queryRank };
  if (attention.qkNorm) refuse("norms of queries and keys");
  if (attention.bias) refuse("biases in its attention");
  if (attention.sinks) refuse("attention sinks");
  if (attention.outputGate) refuse("output gates in its attention");
  return { queryHeads, kvHeads, headDim, ropeTheta, queryRank: undefined };
}

function ffnOf(ffn: FfnSpec, refuse: Refuse): DecodeFfn {
  if (ffn.activation === "clampedSilu") refuse("experts with biases");
  if (ffn.kind === "dense") return { kind: "dense", width: ffn.width, activation: ffn.activation };
  if (ffn.sharedGate) refuse("a gate on its shared expert");
  const { experts, expertDim, sharedDim, activation, router } = ffn;
  return { kind: "moe", experts, expertDim, sharedDim, activation, router };
}
