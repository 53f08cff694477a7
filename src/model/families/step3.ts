import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { DenseFfnSpec, MfaSpec, ModelFacts, MoeFfnSpec } from "../card.ts";
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
import { checkEven, checkTopK } from "./checks.ts";

const layerList = z
  .union([z.string(), z.array(z.int().min(0))])
  .nullish()
  .describe("layer indices, as a comma-separated string or a list of whole numbers");

const contextLength = wholeUpTo(LIMITS.contextTokens);

/** Field meanings: the released modeling file and vLLM's `Step3TextConfig`, which agree. */
const step3Text = z.object({
  model_type: oneOf("step3_text").optional(),
  hidden_size: wholeUpTo(LIMITS.hidden),
  intermediate_size: wholeUpTo(LIMITS.width),
  num_hidden_layers: wholeUpTo(LIMITS.layers),
  vocab_size: wholeUpTo(LIMITS.vocab),
  rms_norm_eps: positiveUpTo(1),
  num_attention_heads: wholeUpTo(LIMITS.heads),
  // The engines hard-code one KV head and refuse others.
  num_attention_groups: oneOf(1).describe("1 (this model type has one KV head)"),
  head_dim: wholeUpTo(LIMITS.headDim),
  share_q_dim: wholeOrZeroUpTo(LIMITS.width).nullish(),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: oneOf(null).optional().describe("null (this model type has plain RoPE)"),
  moe_layers_enum: layerList,
  moe_num_experts: wholeUpTo(LIMITS.experts),
  moe_top_k: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  share_expert_dim: wholeOrZeroUpTo(LIMITS.width),
  norm_expert_weight: trueOrFalse.optional(),
  hidden_act: oneOf("silu").optional(),
  tie_word_embeddings: trueOrFalse.optional(),
  max_position_embedding: contextLength.optional(),
  max_position_embeddings: contextLength.optional(),
  max_seq_len: contextLength.optional(),
});

/** Reads a `step3_vl` configuration: the language model lies in `text_config`, the rest is the vision side. */
export function readStep3Vl(raw: RawObject, path: string): ModelFacts {
  const text = raw["text_config"];
  if (typeof text !== "object" || text === null || Array.isArray(text)) {
    throw new InvalidInputError({
      field: `${path}text_config`,
      value: text,
      expected: 'an object of model type "step3_text"',
    });
  }
  return readStep3Text(text as RawObject, `${path}text_config.`);
}

/** Reads a `step3_text` configuration. */
export function readStep3Text(raw: RawObject, path: string): ModelFacts {
  const fields = checkFields(raw, step3Text, path);
  checkEven(fields.head_dim, `${path}head_dim`);
  checkTopK(fields.moe_top_k, fields.moe_num_experts, `${path}moe_top_k`);
  const attention: MfaSpec = {
    kind: "mfa",
    queryHeads: fields.num_attention_heads,
    kvHeads: 1,
    headDim: fields.head_dim,
    queryRank: fields.share_q_dim || fields.head_dim,
    span: { kind: "full" },
    kvBits: 8,
    ropeTheta: fields.rope_theta,
    ropeDims: fields.head_dim,
  };
  const dense: DenseFfnSpec = { kind: "dense", width: fields.intermediate_size, activation: "silu" };
  const moe: MoeFfnSpec = {
    kind: "moe",
    activation: "silu",
    sharedGate: false,
    experts: fields.moe_num_experts,
    expertDim: fields.moe_intermediate_size,
    sharedDim: fields.share_expert_dim,
    router: {
      score: "softmax",
      topK: fields.moe_top_k,
      normalizeTopK: fields.norm_expert_weight ?? false,
      scalingFactor: 1,
      correctionBias: false,
      logitBias: false,
      scalesInput: false,
      groups: 1,
      groupsKept: 1,
      groupRule: "none",
    },
  };
  const moeLayers = readMoeLayers(fields.moe_layers_enum, fields.num_hidden_layers, `${path}moe_layers_enum`);
  return {
    modelType: "step3_text",
    hidden: fields.hidden_size,
    vocab: fields.vocab_size,
    rmsNormEpsilon: fields.rms_norm_eps,
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    maxContextTokens: readContextTokens(fields, path),
    layers: Array.from({ length: fields.num_hidden_layers }, (_, index) => ({
      attention,
      ffn: moeLayers.has(index) ? moe : dense,
    })),
  };
}

/** The released file spells it without the plural's s, beside `max_seq_len`. */
function readContextTokens(fields: z.infer<typeof step3Text>, path: string): number {
  const tokens = fields.max_position_embedding ?? fields.max_position_embeddings ?? fields.max_seq_len;
  if (tokens !== undefined) return tokens;
  const expected = `${contextLength.description} here or in max_seq_len`;
  throw new InvalidInputError({ field: `${path}max_position_embedding`, value: undefined, expected });
}

/** Indices from `moe_layers_enum`; absent, every layer but the first. */
function readMoeLayers(list: z.infer<typeof layerList>, layers: number, field: string): ReadonlySet<number> {
  if (list === undefined || list === null) return new Set(Array.from({ length: layers - 1 }, (_, index) => index + 1));
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
