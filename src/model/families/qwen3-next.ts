import { z } from "zod";
import type { LinearSpec, ModelFacts } from "../card.ts";
import { LIMITS, layerWords, oneOf, type RawObject, trueOrFalse, wholeOrZeroUpTo, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { checkDivides } from "./checks.ts";
import {
  allBiases,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  PARTIAL_ROTARY,
} from "./grouped-attention.ts";
import { MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { perLayer } from "./per-layer.ts";
import { QWEN_EXPERT_ALIASES, QWEN_EXPERT_DEFAULTS, QWEN_EXPERT_FIELDS, qwenFfns } from "./qwen-moe.ts";

/** Field meanings: transformers' `Qwen3NextConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  ...QWEN_EXPERT_FIELDS,
  partial_rotary_factor: PARTIAL_ROTARY,
  attention_bias: trueOrFalse,
  shared_expert_intermediate_size: wholeOrZeroUpTo(LIMITS.width),
  // Every so many layers one has softmax attention.
  full_attention_interval: wholeUpTo(LIMITS.layers).optional(),
  layer_types: layerWords("linear_attention", "full_attention"),
  linear_conv_kernel_dim: wholeUpTo(LIMITS.width),
  linear_num_key_heads: wholeUpTo(LIMITS.heads),
  linear_num_value_heads: wholeUpTo(LIMITS.heads),
  linear_key_head_dim: wholeUpTo(LIMITS.headDim),
  linear_value_head_dim: wholeUpTo(LIMITS.headDim),
  use_sliding_window: oneOf(false).optional().describe("false (full layers attend to the whole context)"),
});

const RULES = {
  modelType: "qwen3_next",
  schema,
  aliases: QWEN_EXPERT_ALIASES,
  defaults: {
    ...MODEL_DEFAULTS,
    ...QWEN_EXPERT_DEFAULTS,
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    num_key_value_heads: kvHeadsOr(2),
    head_dim: headDimOr(256),
    rope_theta: 10000,
    partial_rotary_factor: 0.25,
    attention_bias: false,
    norm_topk_prob: true,
    full_attention_interval: ({ layer_types }: RawObject) => (Array.isArray(layer_types) ? undefined : 4),
    linear_conv_kernel_dim: 4,
    linear_num_key_heads: 16,
    linear_num_value_heads: 32,
    linear_key_head_dim: 128,
    linear_value_head_dim: 128,
  },
} as const;

/** Reads a `qwen3_next` configuration: gated delta layers, every fourth one gated softmax attention. */
export function readQwen3Next(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, RULES, path);
  const { fields } = read;
  checkDivides(
    fields.linear_num_key_heads,
    fields.linear_num_value_heads,
    `${path}linear_num_key_heads`,
    "linear_num_value_heads",
  );
  const interval = fields.full_attention_interval ?? 1;
  const kinds = perLayer(fields.layer_types, fields.num_hidden_layers, `${path}layer_types`, (index) =>
    (index + 1) % interval === 0 ? "full_attention" : "linear_attention",
  );
  const full = groupedAttention(read, { qkNorm: true, bias: allBiases(fields.attention_bias), outputGate: true });
  const linear: LinearSpec = {
    kind: "linear",
    rule: "gatedDelta",
    keyHeads: fields.linear_num_key_heads,
    valueHeads: fields.linear_num_value_heads,
    keyDim: fields.linear_key_head_dim,
    valueDim: fields.linear_value_head_dim,
  };
  const ffnAt = qwenFfns(read, fields.shared_expert_intermediate_size);
  return modelFacts(read, (index) => ({
    attention: kinds[index] === "full_attention" ? full : linear,
    ffn: ffnAt(index),
  }));
}
