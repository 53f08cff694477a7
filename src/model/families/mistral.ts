import { z } from "zod";
import type { DenseFfnSpec, FfnSpec, ModelFacts } from "../card.ts";
import { LIMITS, type RawObject, wholeUpTo } from "../fields.ts";
import { readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  kvHeadsOr,
  ROPE_ALIASES,
  slidingSpan,
} from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";

/** Field meanings: transformers' `MistralConfig`. A window that is a number is on in every layer. */
const mistral = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  sliding_window: wholeUpTo(LIMITS.contextTokens).nullable(),
});

/** Field meanings: transformers' `MixtralConfig`. `intermediate_size` is the width of an expert. */
const mixtral = mistral.extend({
  num_local_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
});

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  max_position_embeddings: 131072,
  num_key_value_heads: kvHeadsOr(8),
  head_dim: equalHeads,
} as const;

/** Reads a `mistral` configuration. */
export function readMistral(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, rms_norm_eps: 1e-6, rope_theta: 10000, sliding_window: 4096 };
  const read = readFields(raw, { modelType: "mistral", schema: mistral, defaults, aliases: ROPE_ALIASES }, path);
  const { fields } = read;
  const activation = activationOf(fields.hidden_act);
  return everyLayer(read, { kind: "dense", width: fields.intermediate_size, activation } satisfies DenseFfnSpec);
}

/** Reads a `mixtral` configuration: experts in every layer. */
export function readMixtral(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, rms_norm_eps: 1e-5, rope_theta: 1e6, sliding_window: null };
  const aliases = { ...ROPE_ALIASES, num_local_experts: ["num_experts"] };
  const read = readFields(raw, { modelType: "mixtral", schema: mixtral, defaults, aliases }, path);
  const { fields } = read;
  const moe = moeFfn(
    {
      experts: fields.num_local_experts,
      expertDim: fields.intermediate_size,
      activation: activationOf(fields.hidden_act),
      router: { topK: fields.num_experts_per_tok },
    },
    `${path}num_experts_per_tok`,
  );
  return everyLayer(read, moe);
}

interface Read {
  readonly fields: z.infer<typeof mistral>;
  readonly notes: readonly string[];
  readonly path: string;
  readonly modelType: string;
}

function everyLayer(read: Read, ffn: FfnSpec): ModelFacts {
  const attention = groupedAttention(read, { span: slidingSpan(read.fields.sliding_window) });
  return modelFacts(read, () => ({ attention, ffn }));
}
