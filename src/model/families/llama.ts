import { z } from "zod";
import type { ModelFacts } from "../card.ts";
import { LIMITS, oneOf, type RawObject, trueOrFalse, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import {
  allBiases,
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  ROPE_ALIASES,
  sameHeads,
} from "./grouped-attention.ts";
import { denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** Field meanings: transformers' `LlamaConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  attention_bias: trueOrFalse,
  mlp_bias: oneOf(false).describe("false (FFNs have no biases here)"),
});

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  num_key_value_heads: sameHeads,
  head_dim: equalHeads,
  rope_theta: 10000,
  attention_bias: false,
  mlp_bias: false,
} as const;

/** Reads a `llama` configuration (Llama 1 to 3). */
export function readLlama(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, { modelType: "llama", schema, defaults: DEFAULTS, aliases: ROPE_ALIASES }, path);
  const { fields } = read;
  const attention = groupedAttention(read, { bias: allBiases(fields.attention_bias) });
  const ffn = denseFfn(fields);
  return modelFacts(read, () => ({ attention, ffn }));
}
