import { z } from "zod";
import type { DenseFfnSpec, FfnSpec, ModelFacts } from "../card.ts";
import {
  LIMITS,
  layerIndices,
  layerWords,
  oneOf,
  type RawObject,
  trueOrFalse,
  wholeOrZeroUpTo,
  wholeUpTo,
} from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import { equalHeads, GROUPED_FIELDS, groupedAttention, kvHeadsOr, ROPE_ALIASES } from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { perLayer } from "./per-layer.ts";

/** Fields of the experts in every Qwen model that has some. */
export const QWEN_EXPERT_FIELDS = {
  // Width of the layers without experts; in files whose layers all have experts, no layer uses it.
  intermediate_size: wholeUpTo(LIMITS.width),
  decoder_sparse_step: wholeUpTo(LIMITS.layers),
  mlp_only_layers: layerIndices,
  num_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  norm_topk_prob: trueOrFalse,
};

export const QWEN_EXPERT_DEFAULTS = { decoder_sparse_step: 1, mlp_only_layers: () => [] } as const;

/** The class has two names for the number of experts. */
export const QWEN_EXPERT_ALIASES = { ...ROPE_ALIASES, num_experts: ["num_local_experts"] } as const;

/** Field meanings: transformers' `Qwen3MoeConfig` and `Qwen2MoeConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  ...QWEN_EXPERT_FIELDS,
  attention_bias: trueOrFalse.optional(),
  use_qk_norm: oneOf(true).optional().describe("true (heads are normed)"),
  use_sliding_window: oneOf(false).describe("false (every layer attends to the whole context)"),
  sliding_window: z.int().nullish().describe("a whole number or null"),
  max_window_layers: z.int().optional().describe("a whole number"),
  layer_types: layerWords("full_attention"),
});

const qwen2Moe = schema.extend({
  qkv_bias: trueOrFalse,
  shared_expert_intermediate_size: wholeOrZeroUpTo(LIMITS.width),
});

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  ...QWEN_EXPERT_DEFAULTS,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  head_dim: equalHeads,
  rope_theta: 10000,
  norm_topk_prob: false,
  use_sliding_window: false,
} as const;

/** Reads a `qwen3_moe` configuration: norms on each head's query and key, no shared expert. */
export function readQwen3Moe(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, num_key_value_heads: kvHeadsOr(4), attention_bias: false };
  const read = readFields(raw, { modelType: "qwen3_moe", schema, defaults, aliases: QWEN_EXPERT_ALIASES }, path);
  return readMoe(read, { qkNorm: true, bias: read.fields.attention_bias ?? false }, 0);
}

/** Reads a `qwen2_moe` configuration: biases on query, key and value, and a gated shared expert. */
export function readQwen2Moe(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, num_key_value_heads: kvHeadsOr(16), qkv_bias: true };
  const rules = { modelType: "qwen2_moe", schema: qwen2Moe, defaults, aliases: QWEN_EXPERT_ALIASES };
  const read = readFields(raw, rules, path);
  const { qkv_bias: bias, shared_expert_intermediate_size: sharedDim } = read.fields;
  return readMoe(read, { qkNorm: false, bias }, sharedDim);
}

interface Read {
  readonly fields: z.infer<typeof schema>;
  readonly notes: readonly string[];
  readonly path: string;
  readonly modelType: string;
}

function readMoe(
  read: Read,
  extras: { readonly qkNorm: boolean; readonly bias: boolean },
  sharedDim: number,
): ModelFacts {
  const { fields, path } = read;
  const attention = groupedAttention(read, extras);
  perLayer(fields.layer_types, fields.num_hidden_layers, `${path}layer_types`, () => "full_attention");
  const ffnAt = qwenFfns(read, sharedDim);
  return modelFacts(read, (index) => ({ attention, ffn: ffnAt(index) }));
}

interface ExpertFields {
  readonly hidden_act: Parameters<typeof activationOf>[0];
  readonly intermediate_size: number;
  readonly decoder_sparse_step: number;
  readonly mlp_only_layers: readonly number[];
  readonly num_experts: number;
  readonly num_experts_per_tok: number;
  readonly moe_intermediate_size: number;
  readonly norm_topk_prob: boolean;
}

/** The FFN of each layer: experts in every `decoder_sparse_step`-th one that `mlp_only_layers` does not name. */
export function qwenFfns(
  { fields, path }: { readonly fields: ExpertFields; readonly path: string },
  sharedDim: number,
): (index: number) => FfnSpec {
  const activation = activationOf(fields.hidden_act);
  const dense: DenseFfnSpec = { kind: "dense", width: fields.intermediate_size, activation };
  const moe = moeFfn(
    {
      experts: fields.num_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim,
      sharedGate: true,
      activation,
      router: { topK: fields.num_experts_per_tok, normalizeTopK: fields.norm_topk_prob },
    },
    `${path}num_experts_per_tok`,
  );
  const denseLayers = new Set(fields.mlp_only_layers);
  return (index) => ((index + 1) % fields.decoder_sparse_step === 0 && !denseLayers.has(index) ? moe : dense);
}
