import type { AttentionSpec, LayerSpec, ModelCard, MoeFfnSpec } from "../model/card.ts";
import { attentionParameters, swigluParameters } from "../model/parameters.ts";
import { type KvFormat, layerKvBytes } from "./kv-cache.ts";
import { layerAttentionFlops } from "./per-token.ts";
import { checkSetting, type DecodeSetting, ffnTokens } from "./setting.ts";

/** Which side of an attention-FFN disaggregated deployment a term runs on. */
export type Side = "attention" | "ffn";

export type TermLabel =
  | "attention.core"
  | "attention.projections"
  | "ffn.dense"
  | "moe.router"
  | "moe.experts"
  | "moe.shared"
  | "moe.combine";

/** Work of one part of a layer's decode step; a multiply-add is 2 FLOPs, activations are in no byte count. */
export interface Term {
  readonly label: TermLabel;
  readonly side: Side;
  readonly flops: number;
  /** kvBytes + weightBytes. */
  readonly bytes: number;
  readonly kvBytes: number;
  readonly weightBytes: number;
}

/** A term and the number of layers that have it, each with these FLOPs and bytes. */
export interface ModelTerm extends Term {
  readonly layers: number;
}

const MULTIPLY_ADD = 2;

/** Routers are never quantized; here they compute in float32. */
const ROUTER_BYTES_PER_WEIGHT = 4;

/**
 * Terms of one layer's decode step, in the order in which they run.
 * The attention side handles `batch` tokens, the FFN side `ffnTokens(card, setting)`; every expert is distinct, is read
 * once and gets `tokensPerExpert` tokens. Norms, RoPE, softmax and activations count as no FLOPs and no bytes.
 * @throws InvalidInputError when the setting holds no step
 */
export function layerTerms(
  card: ModelCard,
  layer: LayerSpec,
  setting: DecodeSetting,
  kvFormat: KvFormat = "values",
): readonly Term[] {
  checkSetting(setting);
  const tokens = ffnTokens(card, setting);
  const attention = attentionTerms(layer.attention, card.hidden, setting, kvFormat);
  if (layer.ffn.kind === "moe") return [...attention, ...moeTerms(layer.ffn, card.hidden, tokens, setting)];
  const denseWeights = swigluParameters(layer.ffn.width, card.hidden);
  return [...attention, matrixTerm("ffn.dense", "ffn", tokens, denseWeights, setting.bytesPerWeight)];
}

/** Terms of all layers, equal ones of different layers joined; embeddings and output head are left out. */
export function modelTerms(
  card: ModelCard,
  setting: DecodeSetting,
  kvFormat: KvFormat = "values",
): readonly ModelTerm[] {
  const joined = new Map<string, ModelTerm>();
  for (const layer of card.layers) {
    for (const term of layerTerms(card, layer, setting, kvFormat)) {
      const key = `${term.label} ${term.flops} ${term.kvBytes} ${term.weightBytes}`;
      joined.set(key, { ...term, layers: (joined.get(key)?.layers ?? 0) + 1 });
    }
  }
  return [...joined.values()];
}

/** Modeled arithmetic intensity: FLOPs per byte of KV cache and weights; undefined where a term reads neither. */
export function intensityFlopsPerByte(term: Pick<Term, "flops" | "kvBytes" | "weightBytes">): number | undefined {
  const bytes = term.kvBytes + term.weightBytes;
  return bytes === 0 ? undefined : term.flops / bytes;
}

function attentionTerms(
  attention: AttentionSpec,
  hidden: number,
  setting: DecodeSetting,
  kvFormat: KvFormat,
): readonly Term[] {
  const { batch, kvTokens, bytesPerKvElement, bytesPerWeight } = setting;
  const kvBytes = batch * layerKvBytes(attention, kvTokens, bytesPerKvElement, kvFormat);
  const flops = batch * layerAttentionFlops(attention, kvTokens);
  const weights = attentionParameters(attention, hidden);
  return [
    matrixTerm("attention.projections", "attention", batch, weights, bytesPerWeight),
    { label: "attention.core", side: "attention", flops, bytes: kvBytes, kvBytes, weightBytes: 0 },
  ];
}

function moeTerms(ffn: MoeFfnSpec, hidden: number, tokens: number, setting: DecodeSetting): readonly Term[] {
  const { tokensPerExpert, bytesPerWeight } = setting;
  const expertWeights = swigluParameters(ffn.experts * ffn.expertDim, hidden);
  const sharedWeights = swigluParameters(ffn.sharedDim, hidden) + (ffn.sharedGate ? hidden : 0);
  const combineFlops = MULTIPLY_ADD * tokens * ffn.router.topK * hidden;
  return [
    matrixTerm("moe.router", "ffn", tokens, hidden * ffn.experts, ROUTER_BYTES_PER_WEIGHT),
    matrixTerm("moe.experts", "ffn", tokensPerExpert, expertWeights, bytesPerWeight),
    ...(ffn.sharedDim > 0 ? [matrixTerm("moe.shared", "ffn", tokens, sharedWeights, bytesPerWeight)] : []),
    { label: "moe.combine", side: "ffn", flops: combineFlops, bytes: 0, kvBytes: 0, weightBytes: 0 },
  ];
}

/** A product of `tokens` rows with `weights` matrix elements, each of which is read once. */
function matrixTerm(label: TermLabel, side: Side, tokens: number, weights: number, bytesPerWeight: number): Term {
  const weightBytes = weights * bytesPerWeight;
  return { label, side, flops: MULTIPLY_ADD * tokens * weights, bytes: weightBytes, kvBytes: 0, weightBytes };
}
