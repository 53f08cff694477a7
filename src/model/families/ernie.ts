import { z } from "zod";
import type { DenseFfnSpec, ModelFacts } from "../card.ts";
import { LIMITS, oneOf, type RawObject, trueOrFalse, wholeOrZeroUpTo, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  ROPE_ALIASES,
} from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** Field meanings: transformers' `Ernie4_5Config`. */
const denseSchema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  use_bias: oneOf(false).describe("false (FFNs have no biases here)"),
});

/** Field meanings: transformers' `Ernie4_5_MoeConfig`. */
const moeSchema = denseSchema.extend({
  moe_num_experts: wholeUpTo(LIMITS.experts),
  moe_k: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  moe_num_shared_experts: wholeOrZeroUpTo(LIMITS.experts),
  moe_layer_start_index: wholeOrZeroUpTo(LIMITS.layers),
  // The last layer with experts; -1 is the last of all.
  moe_layer_end_index: z.int().min(-1).max(LIMITS.layers).describe(`a whole number from -1 to ${LIMITS.layers}`),
  moe_layer_interval: wholeUpTo(LIMITS.layers),
  // Whether a learned bias takes part in the choice, as it does in every release.
  moe_use_aux_free: trueOrFalse.optional(),
  moe_gate: oneOf("topk", "top2_fused").optional(),
});

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  tie_word_embeddings: true,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  use_bias: false,
} as const;

/** Reads an `ernie4_5` configuration. */
export function readErnie45(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, num_key_value_heads: kvHeadsOr(2), head_dim: headDimOr(128) };
  const rules = { modelType: "ernie4_5", schema: denseSchema, defaults, aliases: ROPE_ALIASES };
  const read = readFields(raw, rules, path);
  const attention = groupedAttention(read);
  const ffn = denseFfn(read.fields);
  return modelFacts(read, () => ({ attention, ffn }));
}

const MOE_RULES = {
  modelType: "ernie4_5_moe",
  schema: moeSchema,
  aliases: { ...ROPE_ALIASES, moe_num_experts: ["num_experts"], moe_k: ["num_experts_per_tok"] },
  defaults: {
    ...DEFAULTS,
    num_key_value_heads: kvHeadsOr(4),
    head_dim: equalHeads,
    moe_num_shared_experts: 2,
    moe_layer_start_index: 1,
    moe_layer_end_index: -1,
    moe_layer_interval: 1,
  },
} as const;

/** Reads an `ernie4_5_moe` configuration. */
export function readErnie45Moe(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, MOE_RULES, path);
  const { fields } = read;
  const attention = groupedAttention(read);
  const dense = denseFfn(fields);
  const moe = moeFfn(
    {
      experts: fields.moe_num_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim: fields.moe_num_shared_experts * fields.moe_intermediate_size,
      activation: activationOf(fields.hidden_act),
      router: { topK: fields.moe_k, correctionBias: fields.moe_use_aux_free ?? true },
    },
    `${path}moe_k`,
  );
  const first = fields.moe_layer_start_index;
  const last = fields.moe_layer_end_index === -1 ? fields.num_hidden_layers - 1 : fields.moe_layer_end_index;
  return modelFacts(read, (index) => ({
    attention,
    ffn: index >= first && index <= last && (index + 1) % fields.moe_layer_interval === 0 ? moe : dense,
  }));
}

function denseFfn({ intermediate_size, hidden_act }: z.infer<typeof denseSchema>): DenseFfnSpec {
  return { kind: "dense", width: intermediate_size, activation: activationOf(hidden_act) };
}
