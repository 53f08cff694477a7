import { z } from "zod";
import type { ModelFacts } from "../card.ts";
import { LIMITS, layerWords, oneOf, positiveUpTo, type RawObject, trueOrFalse, wholeUpTo } from "../fields.ts";
import { type FieldRules, readFields } from "../read-fields.ts";
import { readRopeScaling } from "../rope-fields.ts";
import {
  allBiases,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  ROPE_ALIASES,
  slidingSpan,
} from "./grouped-attention.ts";
import { denseFfn, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { readNested } from "./nested.ts";
import { perLayer } from "./per-layer.ts";

/** Field meanings: transformers' `Gemma3TextConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  attention_bias: trueOrFalse,
  // Scores are divided by its root, not by that of head_dim.
  query_pre_attn_scalar: wholeUpTo(LIMITS.width),
  rope_local_base_freq: positiveUpTo(1e12),
  sliding_window: wholeUpTo(LIMITS.contextTokens),
  // Every so many layers one attends to the whole context.
  sliding_window_pattern: wholeUpTo(LIMITS.layers).optional(),
  layer_types: layerWords("sliding_attention", "full_attention"),
  attn_logit_softcapping: oneOf(null).optional(),
  final_logit_softcapping: oneOf(null).optional(),
  use_bidirectional_attention: oneOf(false, null).optional(),
});

const RULES: FieldRules<typeof schema.shape> = {
  modelType: "gemma3_text",
  schema,
  aliases: {
    ...ROPE_ALIASES,
    hidden_act: ["hidden_activation"],
    sliding_window_pattern: ["_sliding_window_pattern"],
    rope_local_base_freq: ["rope_parameters.sliding_attention.rope_theta"],
  },
  defaults: {
    hidden_act: "gelu_pytorch_tanh",
    tie_word_embeddings: true,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-6,
    num_key_value_heads: kvHeadsOr(4),
    head_dim: headDimOr(256),
    rope_theta: 1e6,
    attention_bias: false,
    query_pre_attn_scalar: 256,
    rope_local_base_freq: 10000,
    sliding_window: 4096,
    sliding_window_pattern: ({ layer_types }) => (Array.isArray(layer_types) ? undefined : 6),
  },
};

/** What `text_config` may leave out: the sizes that its class supplies. */
const SIZES = {
  hidden_size: 2304,
  num_hidden_layers: 26,
  vocab_size: 262208,
  num_attention_heads: 8,
  intermediate_size: 9216,
};

/** Reads a `gemma3` configuration: the language model lies in `text_config`. */
export function readGemma3(raw: RawObject, path: string): ModelFacts {
  return readNested(raw, "gemma3", path, (text, textPath) =>
    readText(text, { ...RULES, defaults: { ...SIZES, ...RULES.defaults } }, textPath),
  );
}

/** Reads a `gemma3_text` configuration. */
export function readGemma3Text(raw: RawObject, path: string): ModelFacts {
  return readText(raw, RULES, path);
}

function readText(raw: RawObject, rules: typeof RULES, path: string): ModelFacts {
  const read = readFields(raw, rules, path);
  const { fields } = read;
  const pattern = fields.sliding_window_pattern ?? 1;
  const kinds = perLayer(fields.layer_types, fields.num_hidden_layers, `${path}layer_types`, (index) =>
    (index + 1) % pattern === 0 ? "full_attention" : "sliding_attention",
  );
  const softmaxScale = fields.query_pre_attn_scalar ** -0.5;
  const extras = { qkNorm: true, bias: allBiases(fields.attention_bias), softmaxScale };
  const full = groupedAttention(read, extras);
  const ropeTheta = fields.rope_local_base_freq;
  const local = groupedAttention(read, {
    ...{ ...extras, span: slidingSpan(fields.sliding_window), ropeTheta },
    ropeScaling: readRopeScaling(fields, path, { dims: full.ropeDims, theta: ropeTheta }, "sliding_attention"),
  });
  const ffn = denseFfn(fields);
  return modelFacts(read, (index) => ({ attention: kinds[index] === "sliding_attention" ? local : full, ffn }));
}
