import { z } from "zod";
import type { ModelFacts } from "../card.ts";
import { LIMITS, oneOf, positiveUpTo, type RawObject, trueOrFalse, wholeOrZeroUpTo, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { expertGroups, GROUP_FIELDS } from "./expert-groups.ts";
import { moeFfn } from "./experts.ts";
import {
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  kvHeadsOr,
  PARTIAL_ROTARY,
  queryKeyValueBiases,
  ROPE_ALIASES,
} from "./grouped-attention.ts";
import { activationOf, denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** Field meanings: transformers' `Glm4MoeConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  partial_rotary_factor: PARTIAL_ROTARY,
  attention_bias: trueOrFalse,
  use_qk_norm: trueOrFalse,
  first_k_dense_replace: wholeOrZeroUpTo(LIMITS.layers),
  n_routed_experts: wholeUpTo(LIMITS.experts),
  n_shared_experts: wholeOrZeroUpTo(LIMITS.experts).nullable(),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  ...GROUP_FIELDS,
  topk_method: oneOf("noaux_tc").optional(),
  scoring_func: oneOf("sigmoid").optional(),
  norm_topk_prob: trueOrFalse,
  routed_scaling_factor: positiveUpTo(1e6),
});

const RULES = {
  modelType: "glm4_moe",
  schema,
  aliases: { ...ROPE_ALIASES, n_routed_experts: ["num_local_experts", "num_experts"] },
  defaults: {
    ...MODEL_DEFAULTS,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    num_key_value_heads: kvHeadsOr(8),
    head_dim: equalHeads,
    rope_theta: 10000,
    partial_rotary_factor: 0.5,
    attention_bias: false,
    use_qk_norm: false,
    first_k_dense_replace: 1,
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: true,
    routed_scaling_factor: 1,
  },
} as const;

/** Reads a `glm4_moe` configuration (GLM-4.5). */
export function readGlm4Moe(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, RULES, path);
  const { fields } = read;
  const bias = queryKeyValueBiases(fields.attention_bias);
  const attention = groupedAttention(read, { bias, qkNorm: fields.use_qk_norm });
  const activation = activationOf(fields.hidden_act);
  const dense = denseFfn(fields);
  const moe = moeFfn(
    {
      experts: fields.n_routed_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim: (fields.n_shared_experts ?? 0) * fields.moe_intermediate_size,
      activation,
      router: {
        score: "sigmoid",
        topK: fields.num_experts_per_tok,
        normalizeTopK: fields.norm_topk_prob,
        scalingFactor: fields.routed_scaling_factor,
        correctionBias: true,
        ...expertGroups(fields, "sumOfBestTwo", path),
      },
    },
    `${path}num_experts_per_tok`,
  );
  return modelFacts(read, (index) => ({ attention, ffn: index >= fields.first_k_dense_replace ? moe : dense }));
}
