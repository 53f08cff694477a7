import { z } from "zod";
import type { DenseFfnSpec, GroupedSpec, ModelFacts, Span } from "../card.ts";
import { LIMITS, layerIndices, layerWords, type RawObject, trueOrFalse, wholeUpTo } from "../fields.ts";
import { type FieldRules, readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  allBiases,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  ROPE_ALIASES,
} from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { readNested } from "./nested.ts";
import { perLayer } from "./per-layer.ts";

/** Field meanings: transformers' `Llama4TextConfig`. `intermediate_size` is the width of an expert. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  intermediate_size_mlp: wholeUpTo(LIMITS.width),
  num_local_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  interleave_moe_layer_step: wholeUpTo(LIMITS.layers),
  moe_layers: layerIndices.nullish(),
  attention_bias: trueOrFalse,
  use_qk_norm: trueOrFalse,
  attention_chunk_size: wholeUpTo(LIMITS.contextTokens).nullable(),
  no_rope_layer_interval: wholeUpTo(LIMITS.layers),
  // 1 where a layer has RoPE, 0 where it has none; an empty list leaves it to the interval.
  no_rope_layers: z.array(z.int().min(0).max(1)).nullish().describe("a list with 0 or 1 for each layer"),
  layer_types: layerWords("chunked_attention", "full_attention"),
});

const RULES: FieldRules<typeof schema.shape> = {
  modelType: "llama4_text",
  schema,
  aliases: {
    ...ROPE_ALIASES,
    no_rope_layer_interval: ["nope_layer_interval"],
    num_local_experts: ["num_experts"],
  },
  defaults: {
    ...MODEL_DEFAULTS,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    num_key_value_heads: kvHeadsOr(8),
    head_dim: headDimOr(128),
    rope_theta: 500000,
    attention_bias: false,
    interleave_moe_layer_step: 1,
    use_qk_norm: true,
    attention_chunk_size: 8192,
    no_rope_layer_interval: 4,
  },
};

/** What `text_config` may leave out: the sizes that its class supplies. */
const SIZES = {
  hidden_size: 5120,
  num_hidden_layers: 48,
  vocab_size: 202048,
  num_attention_heads: 40,
  intermediate_size: 8192,
  intermediate_size_mlp: 16384,
  num_local_experts: 16,
  num_experts_per_tok: 1,
};

/** Reads a `llama4` configuration: the language model lies in `text_config`. */
export function readLlama4(raw: RawObject, path: string): ModelFacts {
  return readNested(raw, "llama4", path, (text, textPath) =>
    readText(text, { ...RULES, defaults: { ...RULES.defaults, ...SIZES } }, textPath),
  );
}

/** Reads a `llama4_text` configuration. */
export function readLlama4Text(raw: RawObject, path: string): ModelFacts {
  return readText(raw, RULES, path);
}

function readText(raw: RawObject, rules: typeof RULES, path: string): ModelFacts {
  const read = readFields(raw, rules, path);
  const { fields } = read;
  const layers = fields.num_hidden_layers;
  // Documented as at least as long as there are layers.
  const ropeList = fields.no_rope_layers?.length === 0 ? null : fields.no_rope_layers?.slice(0, layers);
  const hasRope = perLayer(ropeList, layers, `${path}no_rope_layers`, (index) =>
    (index + 1) % fields.no_rope_layer_interval === 0 ? 0 : 1,
  );
  const kinds = perLayer(fields.layer_types, layers, `${path}layer_types`, (index) =>
    hasRope[index] === 1 ? "chunked_attention" : "full_attention",
  );
  const attention = groupedAttention(read, { bias: allBiases(fields.attention_bias) });
  const activation = activationOf(fields.hidden_act);
  const dense: DenseFfnSpec = { kind: "dense", width: fields.intermediate_size_mlp, activation };
  const moe = moeFfn(
    {
      experts: fields.num_local_experts,
      expertDim: fields.intermediate_size,
      // The one shared expert has no field of its own: it is as wide as a routed one.
      sharedDim: fields.intermediate_size,
      activation,
      router: { topK: fields.num_experts_per_tok, score: "sigmoid", normalizeTopK: false, scalesInput: true },
    },
    `${path}num_experts_per_tok`,
  );
  const moeLayers = fields.moe_layers ? new Set(fields.moe_layers) : null;
  return modelFacts(read, (index) => ({
    attention: layerAttention(attention, fields, hasRope[index] === 1 ? "rope" : "none", kinds[index]),
    ffn: (moeLayers?.has(index) ?? (index + 1) % fields.interleave_moe_layer_step === 0) ? moe : dense,
  }));
}

/** @source Step-3 report, Tables 2 and 3: in an 8-bit deployment the KV of full layers stays in BF16 */
function layerAttention(
  attention: GroupedSpec,
  { attention_chunk_size, use_qk_norm }: z.infer<typeof schema>,
  rope: "rope" | "none",
  kind: "chunked_attention" | "full_attention" | undefined,
): GroupedSpec {
  const chunk: Span =
    attention_chunk_size === null ? { kind: "full" } : { kind: "chunked", tokens: attention_chunk_size };
  return {
    ...attention,
    span: kind === "chunked_attention" ? chunk : { kind: "full" },
    kvBits: kind === "chunked_attention" ? 8 : 16,
    ...(rope === "rope" ? {} : { ropeDims: 0, ropeScaling: { kind: "none" } }),
    qkNorm: use_qk_norm && rope === "rope",
  };
}
