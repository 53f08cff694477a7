import { z } from "zod";
import type { FfnSpec, GroupedSpec, ModelFacts } from "../card.ts";
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
import { type ReadFields, readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  allBiases,
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  kvHeadsOr,
  queryKeyValueBiases,
  ROPE_ALIASES,
} from "./grouped-attention.ts";
import { activationOf, denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
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
  use_sliding_window: oneOf(false).describe("false (every layer attends to the whole context)"),
  sliding_window: z.int().nullish().describe("a whole number or null"),
  max_window_layers: z.int().optional().describe("a whole number"),
  layer_types: layerWords("full_attention"),
});

const qwen3Moe = schema.extend({
  attention_bias: trueOrFalse,
  use_qk_norm: oneOf(true).optional().describe("true (heads are normed)"),
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
  const rules = { modelType: "qwen3_moe", schema: qwen3Moe, defaults, aliases: QWEN_EXPERT_ALIASES };
  const read = readFields(raw, rules, path);
  return readMoe(read, { qkNorm: true, bias: allBiases(read.fields.attention_bias) }, 0);
}

/** Reads a `qwen2_moe` configuration: biases on query, key and value, and a gated shared expert. */
export function readQwen2Moe(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, num_key_value_heads: kvHeadsOr(16), qkv_bias: true };
  const rules = { modelType: "qwen2_moe", schema: qwen2Moe, defaults, aliases: QWEN_EXPERT_ALIASES };
  const read = readFields(raw, rules, path);
  const { qkv_bias, shared_expert_intermediate_size: sharedDim } = read.fields;
  return readMoe(read, { qkNorm: false, bias: queryKeyValueBiases(qkv_bias) }, sharedDim);
}

type Read = ReadFields<typeof schema.shape>;

function readMoe(read: Read, extras: Pick<GroupedSpec, "qkNorm" | "bias">, sharedDim: number): ModelFacts {
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
  const dense = denseFfn(fields);
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
