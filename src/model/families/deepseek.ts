import { z } from "zod";
import type { MlaSpec, ModelFacts, RouterSpec } from "../card.ts";
import {
  LIMITS,
  objectOrNull,
  oneOf,
  positiveUpTo,
  type RawObject,
  trueOrFalse,
  wholeOrZeroUpTo,
  wholeUpTo,
} from "../fields.ts";
import { type FieldRules, readFields } from "../read-fields.ts";
import { readRopeScaling, readScoreFactor } from "../rope-fields.ts";
import { checkEven } from "./checks.ts";
import { expertGroups, GROUP_FIELDS } from "./expert-groups.ts";
import { moeFfn } from "./experts.ts";
import { ROPE_ALIASES } from "./grouped-attention.ts";
import { activationOf, denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** Field meanings: transformers' `DeepseekV3Config` and `DeepseekV2Config`, and the classes released with the weights. */
const schema = z.object({
  ...MODEL_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  num_attention_heads: wholeUpTo(LIMITS.heads),
  // Says the number of query heads again: the cache is one latent row.
  num_key_value_heads: wholeUpTo(LIMITS.heads).nullish(),
  // Says qk_rope_head_dim again, in files that transformers wrote.
  head_dim: wholeUpTo(LIMITS.headDim).nullish(),
  qk_head_dim: wholeUpTo(LIMITS.headDim).nullish(),
  q_lora_rank: wholeUpTo(LIMITS.width).nullable(),
  kv_lora_rank: wholeUpTo(LIMITS.width),
  qk_nope_head_dim: wholeUpTo(LIMITS.headDim),
  qk_rope_head_dim: wholeUpTo(LIMITS.headDim),
  v_head_dim: wholeUpTo(LIMITS.headDim),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: objectOrNull,
  rope_parameters: objectOrNull,
  attention_bias: oneOf(false),
  mlp_bias: oneOf(false).optional(),
  first_k_dense_replace: wholeOrZeroUpTo(LIMITS.layers),
  moe_layer_freq: wholeUpTo(LIMITS.layers),
  n_routed_experts: wholeUpTo(LIMITS.experts),
  n_shared_experts: wholeOrZeroUpTo(LIMITS.experts).nullable(),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  ...GROUP_FIELDS,
  topk_method: oneOf("noaux_tc", "group_limited_greedy", "greedy"),
  scoring_func: oneOf("sigmoid", "softmax"),
  norm_topk_prob: trueOrFalse,
  routed_scaling_factor: positiveUpTo(1e6),
});

type Fields = z.infer<typeof schema>;

const ALIASES = { ...ROPE_ALIASES, n_routed_experts: ["num_local_experts"] };

const V3_DEFAULTS = {
  ...MODEL_DEFAULTS,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  attention_bias: false,
  first_k_dense_replace: 3,
  moe_layer_freq: 1,
  n_group: 8,
  topk_group: 4,
  topk_method: "noaux_tc",
  scoring_func: "sigmoid",
  norm_topk_prob: true,
  routed_scaling_factor: 2.5,
} as const;

const V2_DEFAULTS = {
  ...V3_DEFAULTS,
  max_position_embeddings: 2048,
  first_k_dense_replace: 0,
  n_group: null,
  topk_group: null,
  topk_method: "greedy",
  scoring_func: "softmax",
  norm_topk_prob: false,
  routed_scaling_factor: 1,
} as const;

/** Reads a `deepseek_v3` configuration. */
export function readDeepseekV3(raw: RawObject, path: string): ModelFacts {
  return readMlaModel(raw, { modelType: "deepseek_v3", schema, defaults: V3_DEFAULTS, aliases: ALIASES }, path);
}

/** Reads a `kimi_k2` configuration: DeepSeek-V3's class under a name of its own. */
export function readKimiK2(raw: RawObject, path: string): ModelFacts {
  return readMlaModel(raw, { modelType: "kimi_k2", schema, defaults: V3_DEFAULTS, aliases: ALIASES }, path);
}

/** Reads a `deepseek_v2` configuration. */
export function readDeepseekV2(raw: RawObject, path: string): ModelFacts {
  return readMlaModel(raw, { modelType: "deepseek_v2", schema, defaults: V2_DEFAULTS, aliases: ALIASES }, path);
}

function readMlaModel(raw: RawObject, rules: FieldRules<typeof schema.shape>, path: string): ModelFacts {
  const read = readFields(raw, rules, path);
  const { fields } = read;
  checkEven(fields.qk_rope_head_dim, `${path}qk_rope_head_dim`);
  const rope = { dims: fields.qk_rope_head_dim, theta: fields.rope_theta };
  const ropeScaling = readRopeScaling(fields, path, rope);
  const scoreFactor = ropeScaling.kind === "yarn" ? readScoreFactor(fields, path) : 1;
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
    ropeTheta: rope.theta,
    ropeDims: rope.dims,
    ropeScaling,
    softmaxScale: (fields.qk_nope_head_dim + fields.qk_rope_head_dim) ** -0.5 * scoreFactor,
  };
  const activation = activationOf(fields.hidden_act);
  const dense = denseFfn(fields);
  const moe = moeFfn(
    {
      experts: fields.n_routed_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim: (fields.n_shared_experts ?? 0) * fields.moe_intermediate_size,
      activation,
      router: {
        score: fields.scoring_func,
        topK: fields.num_experts_per_tok,
        normalizeTopK: fields.norm_topk_prob,
        scalingFactor: fields.routed_scaling_factor,
        ...choiceOf(fields, path),
      },
    },
    `${path}num_experts_per_tok`,
  );
  return modelFacts(read, (index) => ({
    attention,
    ffn: index >= fields.first_k_dense_replace && index % fields.moe_layer_freq === 0 ? moe : dense,
  }));
}

/** How experts are chosen: V3 by groups judged by their two best and with a bias, V2 by the best of each, or plainly. */
function choiceOf(fields: Fields, path: string): Partial<RouterSpec> {
  switch (fields.topk_method) {
    case "greedy":
      return { groups: 1, groupsKept: 1, groupRule: "none" };
    case "group_limited_greedy":
      return { ...expertGroups(fields, "best", path), correctionBias: false };
    case "noaux_tc":
      return { ...expertGroups(fields, "sumOfBestTwo", path), correctionBias: true };
  }
}
