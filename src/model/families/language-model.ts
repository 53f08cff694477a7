import type { Activation, LayerSpec, ModelFacts } from "../card.ts";
import { LIMITS, oneOf, positiveUpTo, trueOrFalse, wholeUpTo } from "../fields.ts";
import type { ReadFields } from "../read-fields.ts";

/** Fields of every language model; a family's own come after them, so that errors name these first. */
export const MODEL_FIELDS = {
  hidden_size: wholeUpTo(LIMITS.hidden),
  num_hidden_layers: wholeUpTo(LIMITS.layers),
  vocab_size: wholeUpTo(LIMITS.vocab),
  max_position_embeddings: wholeUpTo(LIMITS.contextTokens),
  rms_norm_eps: positiveUpTo(1),
  tie_word_embeddings: trueOrFalse,
  hidden_act: oneOf("silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh"),
};

export const MODEL_DEFAULTS = { tie_word_embeddings: false, hidden_act: "silu" } as const;

interface ModelFields {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
}

/** The card's facts from fields that every language model has, each layer made from its index. */
export function modelFacts(
  { fields, notes, modelType }: Pick<ReadFields<never>, "notes" | "modelType"> & { readonly fields: ModelFields },
  layerAt: (index: number) => LayerSpec,
): ModelFacts {
  return {
    modelType,
    hidden: fields.hidden_size,
    vocab: fields.vocab_size,
    rmsNormEpsilon: fields.rms_norm_eps,
    tiedEmbeddings: fields.tie_word_embeddings,
    maxContextTokens: fields.max_position_embeddings,
    layers: Array.from({ length: fields.num_hidden_layers }, (_, index) => layerAt(index)),
    notes,
  };
}

/** The gated activation that a name of transformers stands for. */
export function activationOf(name: "silu" | "swish" | "gelu" | "gelu_new" | "gelu_pytorch_tanh"): Activation {
  return name === "silu" || name === "swish" ? "silu" : "gelu";
}
