import { z } from "zod";
import { InvalidInputError } from "../../units/errors.ts";
import type { GroupedSpec, ModelFacts } from "../card.ts";
import { LIMITS, layerWords, type RawObject, trueOrFalse, wholeOrZeroUpTo, wholeUpTo } from "../fields.ts";
import { type ReadFields, readFields } from "../read-fields.ts";
import {
  allBiases,
  equalHeads,
  GROUPED_FIELDS,
  groupedAttention,
  headDimOr,
  kvHeadsOr,
  ROPE_ALIASES,
  slidingSpan,
} from "./grouped-attention.ts";
import { denseFfn, MODEL_DEFAULTS, MODEL_FIELDS, modelFacts } from "./language-model.ts";
import { perLayer } from "./per-layer.ts";

/** Field meanings: transformers' `Qwen2Config` and `Qwen3Config`. */
const schema = z.object({
  ...MODEL_FIELDS,
  ...GROUPED_FIELDS,
  intermediate_size: wholeUpTo(LIMITS.width),
  use_sliding_window: trueOrFalse,
  sliding_window: wholeUpTo(LIMITS.contextTokens).nullish(),
  // Layers before this one attend to the whole context even where the window is on.
  max_window_layers: wholeOrZeroUpTo(LIMITS.layers).optional(),
  layer_types: layerWords("full_attention", "sliding_attention"),
});

const qwen3 = schema.extend({ attention_bias: trueOrFalse });

const DEFAULTS = {
  ...MODEL_DEFAULTS,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  num_key_value_heads: kvHeadsOr(32),
  rope_theta: 10000,
  use_sliding_window: false,
  sliding_window: whereWindowed("sliding_window", 4096),
  max_window_layers: whereWindowed("max_window_layers", 28),
} as const;

/** Reads a `qwen2` configuration (Qwen2 and Qwen2.5): biases on query, key and value. */
export function readQwen2(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, head_dim: equalHeads };
  const read = readFields(raw, { modelType: "qwen2", schema, defaults, aliases: ROPE_ALIASES }, path);
  return readDense(read, { qkNorm: false, bias: "queryKeyValue" });
}

/** Reads a `qwen3` configuration: norms on each head's query and key. */
export function readQwen3(raw: RawObject, path: string): ModelFacts {
  const defaults = { ...DEFAULTS, head_dim: headDimOr(128), attention_bias: false };
  const read = readFields(raw, { modelType: "qwen3", schema: qwen3, defaults, aliases: ROPE_ALIASES }, path);
  return readDense(read, { qkNorm: true, bias: allBiases(read.fields.attention_bias) });
}

type Read = ReadFields<typeof schema.shape>;

function readDense(read: Read, extras: Pick<GroupedSpec, "qkNorm" | "bias">): ModelFacts {
  const { fields, path } = read;
  const window = fields.use_sliding_window ? (fields.sliding_window ?? null) : null;
  const firstSliding = fields.max_window_layers ?? 0;
  const full = groupedAttention(read, extras);
  const sliding = groupedAttention(read, { ...extras, span: slidingSpan(window) });
  const kinds = perLayer(fields.layer_types, fields.num_hidden_layers, `${path}layer_types`, (index) =>
    window !== null && index >= firstSliding ? "sliding_attention" : "full_attention",
  );
  if (window === null && kinds.includes("sliding_attention")) {
    const expected = "a window that is on (use_sliding_window): layer_types has sliding layers";
    throw new InvalidInputError({ field: `${path}sliding_window`, value: fields.sliding_window, expected });
  }
  const ffn = denseFfn(fields);
  return modelFacts(read, (index) => ({ attention: kinds[index] === "sliding_attention" ? sliding : full, ffn }));
}

/** A default that counts only where the window is on. */
function whereWindowed(field: string, value: number): (given: RawObject) => unknown {
  return (given) => (given["use_sliding_window"] === true && given[field] === undefined ? value : undefined);
}
