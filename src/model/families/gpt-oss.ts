import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { ModelFacts } from "../card.ts";
import { LIMITS, layerWords, type RawObject, trueOrFalse, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  allBiases,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  ROPE_ALIASES,
  slidingSpan,
} from "./grouped-attention.ts";
import { MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { perLayer } from "./per-layer.ts";

/** Field meanings: transformers' `GptOssConfig`. `intermediate_size` is the width of an expert. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  num_local_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  attention_bias: trueOrFalse,
  sliding_window: wholeUpTo(LIMITS.contextTokens).nullable(),
  layer_types: layerWords("sliding_attention", "full_attention"),
});

const RULES = {
  modelType: "gpt_oss",
  schema,
  aliases: { ...ROPE_ALIASES, num_local_experts: ["num_experts"], num_experts_per_tok: ["experts_per_token"] },
  defaults: {
    ...MODEL_DEFAULTS,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    num_key_value_heads: kvHeadsOr(8),
    head_dim: headDimOr(64),
    rope_theta: 150000,
    attention_bias: true,
    sliding_window: 128,
  },
} as const;

/** Reads a `gpt_oss` configuration: sliding and full layers alternate where it has no list, experts in every one. */
export function readGptOss(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, RULES, path);
  const { fields } = read;
  const kinds = perLayer(fields.layer_types, fields.num_hidden_layers, `${path}layer_types`, (index) =>
    index % 2 === 0 ? "sliding_attention" : "full_attention",
  );
  if (fields.sliding_window === null && kinds.includes("sliding_attention")) {
    const expected = "a whole number of tokens: there are sliding layers";
    throw new InvalidInputError({ field: `${path}sliding_window`, value: null, expected });
  }
  const extras = { bias: allBiases(fields.attention_bias), sinks: true };
  const full = groupedAttention(read, extras);
  const sliding = groupedAttention(read, { ...extras, span: slidingSpan(fields.sliding_window) });
  const ffn = moeFfn(
    {
      experts: fields.num_local_experts,
      expertDim: fields.intermediate_size,
      // Not what `hidden_act` says: the class clamps gate and up, and adds 1 to up.
      activation: "clampedSilu",
      router: { topK: fields.num_experts_per_tok, logitBias: true },
    },
    `${path}num_experts_per_tok`,
  );
  return modelFacts(read, (index) => ({ attention: kinds[index] === "sliding_attention" ? sliding : full, ffn }));
}
