import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { MfaSpec, ModelFacts } from "../card.ts";
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
import { readRopeScaling } from "../rope-fields.ts";
import { checkEven } from "./checks.ts";
import { moeFfn } from "./experts.ts";
import { activationOf, denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { readNested } from "./nested.ts";

const layerList = z
  .union([z.string(), z.array(z.int().min(0))])
  .describe("layer indices, as a comma-separated string or a list of whole numbers");

/** Field meanings: the released modeling file and vLLM's `Step3TextConfig`, which agree. */
const schema = z.object({
  ...MODEL_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  num_attention_heads: wholeUpTo(LIMITS.heads),
  // The engines hard-code one KV head and refuse others.
  num_attention_groups: oneOf(1).describe("1 (this model type has one KV head)"),
  head_dim: wholeUpTo(LIMITS.headDim),
  share_q_dim: wholeOrZeroUpTo(LIMITS.width).nullable(),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: objectOrNull,
  rope_parameters: objectOrNull,
  moe_layers_enum: layerList,
  moe_num_experts: wholeUpTo(LIMITS.experts),
  moe_top_k: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  share_expert_dim: wholeOrZeroUpTo(LIMITS.width),
  norm_expert_weight: trueOrFalse,
  max_seq_len: wholeUpTo(LIMITS.contextTokens).optional(),
});

const RULES: FieldRules<typeof schema.shape> = {
  modelType: "step3_text",
  schema,
  // The released file spells it without the plural's s, beside `max_seq_len`.
  aliases: { max_position_embeddings: ["max_position_embedding"], rope_theta: ["rope_parameters.rope_theta"] },
  defaults: {
    ...MODEL_DEFAULTS,
    max_position_embeddings: ({ max_seq_len }) => max_seq_len ?? 65536,
    rms_norm_eps: 1e-5,
    num_attention_groups: 1,
    share_q_dim: ({ head_dim }) => head_dim,
    rope_theta: 500000,
    moe_layers_enum: everyLayerButFirst,
    norm_expert_weight: false,
  },
};

/** What `text_config` may leave out: the sizes of the one released model, which are its class's defaults. */
const SIZES = {
  hidden_size: 7168,
  num_hidden_layers: 61,
  vocab_size: 128815,
  intermediate_size: 18432,
  num_attention_heads: 64,
  head_dim: 256,
  share_q_dim: 2048,
  moe_num_experts: 48,
  moe_top_k: 3,
  moe_intermediate_size: 5120,
  share_expert_dim: 5120,
};

/** Reads a `step3_vl` configuration: the language model lies in `text_config`, the rest is the vision side. */
export function readStep3Vl(raw: RawObject, path: string): ModelFacts {
  return readNested(raw, "step3_vl", path, (text, textPath) =>
    readStep3(text, { ...RULES, defaults: { ...RULES.defaults, ...SIZES } }, textPath),
  );
}

/** Reads a `step3_text` configuration. */
export function readStep3Text(raw: RawObject, path: string): ModelFacts {
  return readStep3(raw, RULES, path);
}

function readStep3(raw: RawObject, rules: typeof RULES, path: string): ModelFacts {
  const read = readFields(raw, rules, path);
  const { fields } = read;
  checkEven(fields.head_dim, `${path}head_dim`);
  const activation = activationOf(fields.hidden_act);
  const rope = { dims: fields.head_dim, theta: fields.rope_theta };
  const attention: MfaSpec = {
    kind: "mfa",
    queryHeads: fields.num_attention_heads,
    kvHeads: 1,
    headDim: fields.head_dim,
    queryRank: fields.share_q_dim || fields.head_dim,
    span: { kind: "full" },
    kvBits: 8,
    ropeTheta: rope.theta,
    ropeDims: rope.dims,
    ropeScaling: readRopeScaling(fields, path, rope),
    softmaxScale: fields.head_dim ** -0.5,
  };
  const dense = denseFfn(fields);
  const moe = moeFfn(
    {
      experts: fields.moe_num_experts,
      expertDim: fields.moe_intermediate_size,
      sharedDim: fields.share_expert_dim,
      activation,
      router: { topK: fields.moe_top_k, normalizeTopK: fields.norm_expert_weight },
    },
    `${path}moe_top_k`,
  );
  const moeLayers = readMoeLayers(fields.moe_layers_enum, fields.num_hidden_layers, `${path}moe_layers_enum`);
  return modelFacts(read, (index) => ({ attention, ffn: moeLayers.has(index) ? moe : dense }));
}

function everyLayerButFirst({ num_hidden_layers: layers }: RawObject): readonly number[] | undefined {
  if (typeof layers !== "number" || !(layers <= LIMITS.layers)) return undefined;
  return Array.from({ length: Math.max(0, layers - 1) }, (_, index) => index + 1);
}

/** The indices that `moe_layers_enum` names. */
function readMoeLayers(list: string | readonly number[], layers: number, field: string): ReadonlySet<number> {
  const texts = typeof list === "string" ? list.split(",").map((part) => part.trim()) : list.map(String);
  const parts = texts.length === 1 && texts[0] === "" ? [] : texts;
  const indices = new Set<number>();
  for (const part of parts) {
    const index = /^\d{1,9}$/.test(part) ? Number(part) : Number.NaN;
    if (!(index < layers) || indices.has(index)) {
      throw new InvalidInputError({ field, value: part, expected: `layer indices from 0 to ${layers - 1}, each once` });
    }
    indices.add(index);
  }
  return indices;
}
