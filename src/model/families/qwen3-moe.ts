import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { DenseFfnSpec, GroupedSpec, ModelFacts, MoeFfnSpec } from "../card.ts";
import { checkFields, LIMITS, oneOf, positiveUpTo, type RawObject, trueOrFalse, wholeUpTo } from "../fields.ts";
import { checkDivides, checkEven, checkTopK } from "./checks.ts";

/** Field meanings: transformers' `Qwen3MoeConfig`. RoPE scaling changes no shape and is accepted unread. */
const qwen3Moe = z.object({
  model_type: oneOf("qwen3_moe"),
  hidden_size: wholeUpTo(LIMITS.hidden),
  // Width of the layers without experts; in files whose layers all have experts, no layer uses it.
  intermediate_size: wholeUpTo(LIMITS.width),
  num_hidden_layers: wholeUpTo(LIMITS.layers),
  vocab_size: wholeUpTo(LIMITS.vocab),
  max_position_embeddings: wholeUpTo(LIMITS.contextTokens),
  rms_norm_eps: positiveUpTo(1),
  num_attention_heads: wholeUpTo(LIMITS.heads),
  num_key_value_heads: wholeUpTo(LIMITS.heads),
  head_dim: wholeUpTo(LIMITS.headDim).nullish(),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: z.record(z.string(), z.unknown()).nullish().describe("an object or null"),
  attention_bias: oneOf(false).optional(),
  hidden_act: oneOf("silu").optional(),
  use_sliding_window: oneOf(false).optional().describe("false (every layer attends to the whole context)"),
  sliding_window: z.int().nullish().describe("a whole number or null"),
  decoder_sparse_step: wholeUpTo(LIMITS.layers),
  mlp_only_layers: z.array(z.int().min(0)).describe("a list of layer indices"),
  num_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  moe_intermediate_size: wholeUpTo(LIMITS.width),
  norm_topk_prob: trueOrFalse,
  tie_word_embeddings: trueOrFalse.optional(),
});

/** Reads a `qwen3_moe` configuration. */
export function readQwen3Moe(raw: RawObject, path: string): ModelFacts {
  const fields = checkFields(raw, qwen3Moe, path);
  checkDivides(
    fields.num_key_value_heads,
    fields.num_attention_heads,
    `${path}num_key_value_heads`,
    "num_attention_heads",
  );
  checkTopK(fields.num_experts_per_tok, fields.num_experts, `${path}num_experts_per_tok`);
  const headDim = readHeadDim(fields, path);
  const attention: GroupedSpec = {
    kind: groupingOf(fields.num_attention_heads, fields.num_key_value_heads),
    queryHeads: fields.num_attention_heads,
    kvHeads: fields.num_key_value_heads,
    headDim,
    span: { kind: "full" },
    kvBits: 8,
    ropeTheta: fields.rope_theta,
    ropeDims: headDim,
    qkNorm: true,
    bias: false,
    sinks: false,
    outputGate: false,
  };
  const dense: DenseFfnSpec = { kind: "dense", width: fields.intermediate_size, activation: "silu" };
  const moe: MoeFfnSpec = {
    kind: "moe",
    activation: "silu",
    sharedGate: false,
    experts: fields.num_experts,
    expertDim: fields.moe_intermediate_size,
    sharedDim: 0,
    router: {
      score: "softmax",
      topK: fields.num_experts_per_tok,
      normalizeTopK: fields.norm_topk_prob,
      scalingFactor: 1,
      correctionBias: false,
      logitBias: false,
      scalesInput: false,
      groups: 1,
      groupsKept: 1,
      groupRule: "none",
    },
  };
  const denseLayers = new Set(fields.mlp_only_layers);
  return {
    modelType: "qwen3_moe",
    hidden: fields.hidden_size,
    vocab: fields.vocab_size,
    rmsNormEpsilon: fields.rms_norm_eps,
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    maxContextTokens: fields.max_position_embeddings,
    layers: Array.from({ length: fields.num_hidden_layers }, (_, index) => ({
      attention,
      ffn: (index + 1) % fields.decoder_sparse_step === 0 && !denseLayers.has(index) ? moe : dense,
    })),
  };
}

function groupingOf(queryHeads: number, kvHeads: number): GroupedSpec["kind"] {
  if (kvHeads === queryHeads) return "mha";
  return kvHeads === 1 ? "mqa" : "gqa";
}

/** `head_dim`; absent, hidden size over heads. */
function readHeadDim(fields: z.infer<typeof qwen3Moe>, path: string): number {
  const headDim = fields.head_dim ?? fields.hidden_size / fields.num_attention_heads;
  if (!Number.isInteger(headDim)) {
    const expected = "a whole number (hidden_size is no multiple of num_attention_heads)";
    throw new InvalidInputError({ field: `${path}head_dim`, value: undefined, expected });
  }
  checkEven(headDim, `${path}head_dim`);
  return headDim;
}
