import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { DenseFfnSpec, MlaSpec, ModelFacts, MoeFfnSpec } from "../card.ts";
import {
  checkFields,
  LIMITS,
  oneOf,
  positiveUpTo,
  type RawObject,
  trueOrFalse,
  wholeOrZeroUpTo,
  wholeUpTo,
} from "../fields.ts";
import { checkDivides, checkEven, checkTopK } from "./checks.ts";

/** Field meanings: transformers' `DeepseekV3Config`. RoPE scaling changes no shape and is accepted unread. */
const deepseekV3 = z.object({
  model_type: oneOf("deepseek_v3"),
  hidden_size: wholeUpTo(LIMITS.hidden),
  intermediate_size: wholeUpTo(LIMITS.width),
  num_hidden_layers: wholeUpTo(LIMITS.layers),
  vocab_size: wholeUpTo(LIMITS.vocab),
  max_position_embeddings: wholeUpTo(LIMITS.contextTokens),
  rms_norm_eps: positiveUpTo(1),
  num_attention_heads: wholeUpTo(LIMITS.heads),
  // Says the number of query heads again: the cache is one latent row.
  num_key_value_heads: wholeUpTo(LIMITS.heads).optional(),
  q_lora_rank: wholeUpTo(LIMITS.width).nullable(),
  kv_lora_rank: wholeUpTo(LIMITS.width),
  qk_nope_head_dim: wholeUpTo(LIMITS.headDim),
  qk_rope_head_dim: wholeUpTo(LIMITS.headDim),
  v_head_dim: wholeUpTo(LIMITS.headDim),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: z.record(z.string(), z.unknown()).nullish().describe("an object or null"),
  rope_interleave: trueOrFalse.optional(),
  attention_bias: oneOf(false).optional(),
  hidden_act: oneOf("silu").optional(),
  first_k_dense_replace: wholeOrZeroUpTo(LIMITS.layers),
  moe_layer_freq: wholeUpTo(LIMITS.layers).optional(),
  n_routed_experts: wholeUpTo(LIMITS.experts),
  n_shared_experts: wholeOrZeroUpTo(LIMITS.experts).nullable(),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  n_group: wholeUpTo(LIMITS.experts),
  topk_group: wholeUpTo(LIMITS.experts),
  topk_method: oneOf("noaux_tc").optional(),
  scoring_func: oneOf("sigmoid", "softmax"),
  norm_topk_prob: trueOrFalse,
  routed_scaling_factor: positiveUpTo(1e6),
  tie_word_embeddings: trueOrFalse.optional(),
});

/** Reads a `deepseek_v3` configuration. */
export function readDeepseekV3(raw: RawObject, path: string): ModelFacts {
  const fields = checkFields(raw, deepseekV3, path);
  checkEven(fields.qk_rope_head_dim, `${path}qk_rope_head_dim`);
  checkGroups(fields, path);
  const attention: MlaSpec = {
    kind: "mla",
    queryHeads: fields.num_attention_heads,
    queryRank: fields.q_lora_rank,
    kvRank: fields.kv_lora_rank,
    nopeHeadDim: fields.qk_nope_head_dim,
    ropeHeadDim: fields.qk_rope_head_dim,
    valueHeadDim: fields.v_head_dim,
    span: { kind: "full" },
    kvBits: 8,
    ropeTheta: fields.rope_theta,
    ropeDims: fields.qk_rope_head_dim,
  };
  const dense: DenseFfnSpec = { kind: "dense", width: fields.intermediate_size, activation: "silu" };
  const moe: MoeFfnSpec = {
    kind: "moe",
    activation: "silu",
    sharedGate: false,
    experts: fields.n_routed_experts,
    expertDim: fields.moe_intermediate_size,
    sharedDim: (fields.n_shared_experts ?? 0) * fields.moe_intermediate_size,
    router: {
      score: fields.scoring_func,
      topK: fields.num_experts_per_tok,
      normalizeTopK: fields.norm_topk_prob,
      scalingFactor: fields.routed_scaling_factor,
      correctionBias: true,
      logitBias: false,
      scalesInput: false,
      groups: fields.n_group,
      groupsKept: fields.topk_group,
      groupRule: fields.n_group > 1 ? "sumOfBestTwo" : "none",
    },
  };
  const everyLayers = fields.moe_layer_freq ?? 1;
  return {
    modelType: "deepseek_v3",
    hidden: fields.hidden_size,
    vocab: fields.vocab_size,
    rmsNormEpsilon: fields.rms_norm_eps,
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    maxContextTokens: fields.max_position_embeddings,
    layers: Array.from({ length: fields.num_hidden_layers }, (_, index) => ({
      attention,
      ffn: index >= fields.first_k_dense_replace && index % everyLayers === 0 ? moe : dense,
    })),
  };
}

function checkGroups(fields: z.infer<typeof deepseekV3>, path: string): void {
  const { n_routed_experts: experts, n_group: groups, topk_group: groupsKept, num_experts_per_tok: topK } = fields;
  checkDivides(groups, experts, `${path}n_group`, "n_routed_experts");
  if (groupsKept > groups) {
    throw new InvalidInputError({
      field: `${path}topk_group`,
      value: groupsKept,
      expected: `a whole number from 1 to n_group (${groups})`,
    });
  }
  checkTopK(topK, (experts / groups) * groupsKept, `${path}num_experts_per_tok`);
}
