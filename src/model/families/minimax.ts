import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { LinearSpec, ModelFacts } from "../card.ts";
import { LIMITS, layerWords, oneOf, type RawObject, wholeUpTo } from "../fields.ts";
import { type ReadFields, readFields } from "../read-fields.ts";
import { moeFfn } from "./experts.ts";
import {
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  kvHeadsOr,
  PARTIAL_ROTARY,
  ROPE_ALIASES,
} from "./grouped-attention.ts";
import { activationOf, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { perLayer } from "./per-layer.ts";

/** Fields of the classes released with MiniMax-Text-01 and M1, and of transformers' `MiniMaxConfig`. */
const MINIMAX_FIELDS = {
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  // Width of an expert.
  intermediate_size: wholeUpTo(LIMITS.width),
  num_local_experts: wholeUpTo(LIMITS.experts),
  num_experts_per_tok: wholeUpTo(LIMITS.experts),
  shared_intermediate_size: oneOf(0).optional().describe("0 (no shared expert)"),
  shared_moe_mode: z.string().optional().describe("a word"),
  sliding_window: oneOf(null).optional().describe("null (full layers attend to the whole context)"),
  rotary_dim: wholeUpTo(LIMITS.headDim).optional(),
  partial_rotary_factor: PARTIAL_ROTARY.optional(),
};

/** 0 is lightning attention, 1 softmax attention. */
const attentionTypes = z.array(z.int().min(0).max(1)).describe("a list with 0 or 1 for each layer");

const released = z.object({ ...MINIMAX_FIELDS, attn_type_list: attentionTypes });

const transformers = z.object({
  ...MINIMAX_FIELDS,
  layer_types: layerWords("full_attention", "linear_attention"),
  // MiniMax-M2 goes by the same name in some files, and has none of this class's layers.
  scoring_func: oneOf("softmax").optional().describe('"softmax" (MiniMax-M2 is not read)'),
  use_routing_bias: oneOf(false).optional().describe("false (MiniMax-M2 is not read)"),
  use_qk_norm: oneOf(false).optional().describe("false (MiniMax-M2 is not read)"),
});

const ALIASES = { ...ROPE_ALIASES, num_local_experts: ["num_experts"] };

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  num_key_value_heads: kvHeadsOr(8),
  head_dim: equalHeads,
  rope_theta: 1e6,
} as const;

/** Reads a `minimax_m1` configuration. */
export function readMinimaxM1(raw: RawObject, path: string): ModelFacts {
  return readReleased(raw, "minimax_m1", path);
}

/** Reads a `minimax_text_01` configuration, whose class is that of M1. */
export function readMinimaxText01(raw: RawObject, path: string): ModelFacts {
  return readReleased(raw, "minimax_text_01", path);
}

/** Reads a `minimax` configuration, as transformers has it: full and linear layers alternate where it has no list. */
export function readMinimax(raw: RawObject, path: string): ModelFacts {
  const rules = { modelType: "minimax", schema: transformers, defaults: DEFAULTS, aliases: ALIASES };
  const read = readFields(raw, rules, path);
  const { layer_types, num_hidden_layers } = read.fields;
  const kinds = perLayer(layer_types, num_hidden_layers, `${path}layer_types`, (index) =>
    index % 2 === 0 ? "full_attention" : "linear_attention",
  );
  return readLayers(read, (index) => (kinds[index] === "full_attention" ? "softmax" : "lightning"));
}

function readReleased(raw: RawObject, modelType: string, path: string): ModelFacts {
  const read = readFields(raw, { modelType, schema: released, defaults: DEFAULTS, aliases: ALIASES }, path);
  const { attn_type_list, num_hidden_layers } = read.fields;
  const types = perLayer(attn_type_list, num_hidden_layers, `${path}attn_type_list`, () => 0);
  return readLayers(read, (index) => (types[index] === 1 ? "softmax" : "lightning"));
}

type Read = ReadFields<typeof MINIMAX_FIELDS>;

function readLayers(read: Read, kindAt: (index: number) => "softmax" | "lightning"): ModelFacts {
  const { fields, path } = read;
  // @source Step-3 report, Tables 2 and 3: in an 8-bit deployment the KV of full layers stays in BF16
  const ropeDims = rotaryDim(fields, path);
  const softmax = groupedAttention(read, { kvBits: 16, ...(ropeDims === undefined ? {} : { ropeDims }) });
  const lightning: LinearSpec = {
    kind: "linear",
    rule: "lightning",
    keyHeads: fields.num_attention_heads,
    valueHeads: fields.num_attention_heads,
    keyDim: fields.head_dim,
    valueDim: fields.head_dim,
  };
  const ffn = moeFfn(
    {
      experts: fields.num_local_experts,
      expertDim: fields.intermediate_size,
      activation: activationOf(fields.hidden_act),
      router: { topK: fields.num_experts_per_tok },
    },
    `${path}num_experts_per_tok`,
  );
  return modelFacts(read, (index) => ({ attention: kindAt(index) === "softmax" ? softmax : lightning, ffn }));
}

/** @throws InvalidInputError where RoPE can't turn that many elements of a head */
function rotaryDim({ rotary_dim, head_dim }: Read["fields"], path: string): number | undefined {
  if (rotary_dim === undefined || (rotary_dim % 2 === 0 && rotary_dim <= head_dim)) return rotary_dim;
  const expected = `an even number up to head_dim (${head_dim})`;
  throw new InvalidInputError({ field: `${path}rotary_dim`, value: rotary_dim, expected });
}
