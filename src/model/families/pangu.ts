import { z } from "zod";
import type { ModelFacts } from "../card.ts";
import { LIMITS, type RawObject, wholeOrZeroUpTo, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { checkDivides } from "./checks.ts";
import { moeFfn } from "./experts.ts";
import { equalHeads, GROUPED_FIELDS, groupedAttention, ROPE_ALIASES, sameHeads } from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** The release groups its experts in eight, whatever its configuration says, and takes the best of each. */
const EXPERT_GROUPS = 8;

/** Field meanings: the release's own `PanguProMoEConfig`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  num_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  shared_expert_intermediate_size: wholeOrZeroUpTo(LIMITS.width),
});

const RULES = {
  modelType: "PanguProMoE",
  schema,
  aliases: ROPE_ALIASES,
  defaults: {
    ...MODEL_DEFAULTS,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    num_key_value_heads: sameHeads,
    head_dim: equalHeads,
    rope_theta: 16e6,
  },
} as const;

/** Reads a `PanguProMoE` configuration: experts in every layer, biases on query, key, value and output. */
export function readPanguProMoe(raw: RawObject, path: string): ModelFacts {
  const read = readFields(raw, RULES, path);
  const { fields } = read;
  checkDivides(EXPERT_GROUPS, fields.num_experts, `${path}groups of experts`, "num_experts");
  checkDivides(EXPERT_GROUPS, fields.num_experts_per_tok, `${path}groups of experts`, "num_experts_per_tok");
  const attention = groupedAttention(read, { bias: "all" });
  const ffn = moeFfn(
    {
      experts: fields.num_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim: fields.shared_expert_intermediate_size,
      activation: activationOf(fields.hidden_act),
      router: {
        topK: fields.num_experts_per_tok,
        normalizeTopK: false,
        groups: EXPERT_GROUPS,
        groupsKept: EXPERT_GROUPS,
        groupRule: "equalShares",
      },
    },
    `${path}num_experts_per_tok`,
  );
  return modelFacts(read, () => ({ attention, ffn }));
}
