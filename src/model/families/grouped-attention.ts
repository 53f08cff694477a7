import { InvalidInputError } from "../../units/errors.ts";
import type { GroupedSpec, Span } from "../card.ts";
import { LIMITS, objectOrNull, positiveUpTo, type RawObject, wholeUpTo } from "../fields.ts";
import { type RopeFields, readRopeScaling } from "../rope-fields.ts";
import { checkDivides, checkEven } from "./checks.ts";

/** Fields of plain attention with grouped KV heads. */
export const GROUPED_FIELDS = {
  num_attention_heads: wholeUpTo(LIMITS.heads),
  num_key_value_heads: wholeUpTo(LIMITS.heads),
  head_dim: wholeUpTo(LIMITS.headDim),
  rope_theta: positiveUpTo(1e12),
  rope_scaling: objectOrNull,
  rope_parameters: objectOrNull,
};

/** `partial_rotary_factor`: the part of a head that RoPE turns. */
export const PARTIAL_ROTARY = positiveUpTo(1);

/** Newer files of transformers keep RoPE's fields in an object, of which there may be one for each kind of layer. */
export const ROPE_ALIASES = {
  rope_theta: ["rope_parameters.rope_theta", "rope_parameters.full_attention.rope_theta"],
  partial_rotary_factor: [
    "rope_parameters.partial_rotary_factor",
    "rope_parameters.full_attention.partial_rotary_factor",
  ],
} as const;

/** As many KV heads as query heads where a file says `null` or nothing. */
export function sameHeads({ num_attention_heads }: RawObject): unknown {
  return num_attention_heads;
}

/** A class whose number of KV heads is `kvHeads` where a file says nothing; `null` means as many as query heads. */
export function kvHeadsOr(kvHeads: number): (given: RawObject) => unknown {
  return ({ num_key_value_heads, num_attention_heads }) =>
    num_key_value_heads === null ? num_attention_heads : kvHeads;
}

/** A head's share of the hidden size where a file says `null` or nothing. */
export function equalHeads({ hidden_size, num_attention_heads }: RawObject): unknown {
  if (typeof hidden_size !== "number" || typeof num_attention_heads !== "number") return undefined;
  return hidden_size / num_attention_heads;
}

/** A class whose head width is `headDim` where a file says nothing; `null` means the heads' share of the hidden size. */
export function headDimOr(headDim: number): (given: RawObject) => unknown {
  return (given) => (given["head_dim"] === null ? equalHeads(given) : headDim);
}

interface GroupedFields extends RopeFields {
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rope_theta: number;
  readonly partial_rotary_factor?: number | undefined;
}

/**
 * Plain attention over all cached tokens in an 8-bit cache, but for what `changes` says.
 * @throws InvalidInputError unless KV heads divide query heads, RoPE turns an even width and its scaling is known
 */
export function groupedAttention(
  { fields, path }: { readonly fields: GroupedFields; readonly path: string },
  changes: Partial<GroupedSpec> = {},
): GroupedSpec {
  const { num_attention_heads: queryHeads, num_key_value_heads: kvHeads, head_dim: headDim } = fields;
  checkDivides(kvHeads, queryHeads, `${path}num_key_value_heads`, "num_attention_heads");
  const ropeTheta = changes.ropeTheta ?? fields.rope_theta;
  const ropeDims = changes.ropeDims ?? ropeDimsOf(fields, path);
  return {
    kind: groupingOf(queryHeads, kvHeads),
    queryHeads,
    kvHeads,
    headDim,
    span: { kind: "full" },
    kvBits: 8,
    ropeTheta,
    ropeDims,
    ropeScaling: changes.ropeScaling ?? readRopeScaling(fields, path, { dims: ropeDims, theta: ropeTheta }),
    softmaxScale: headDim ** -0.5,
    qkNorm: false,
    bias: "none",
    sinks: false,
    outputGate: false,
    ...changes,
  };
}

/** Biases of all four projections, where a class has one field for them. */
export function allBiases(isThere: boolean): GroupedSpec["bias"] {
  return isThere ? "all" : "none";
}

/** Biases of queries, keys and values, where a class's output projection never has one. */
export function queryKeyValueBiases(isThere: boolean): GroupedSpec["bias"] {
  return isThere ? "queryKeyValue" : "none";
}

/** The whole context, or the last `tokens` of it. */
export function slidingSpan(tokens: number | null | undefined): Span {
  return tokens === null || tokens === undefined ? { kind: "full" } : { kind: "sliding", tokens };
}

function groupingOf(queryHeads: number, kvHeads: number): GroupedSpec["kind"] {
  if (kvHeads === queryHeads) return "mha";
  return kvHeads === 1 ? "mqa" : "gqa";
}

/** @throws InvalidInputError where no even number of at least 2 comes out */
function ropeDimsOf({ head_dim: headDim, partial_rotary_factor: part = 1 }: GroupedFields, path: string): number {
  if (part === 1) {
    checkEven(headDim, `${path}head_dim`);
    return headDim;
  }
  const turned = Math.trunc(headDim * part);
  if (turned >= 2 && turned % 2 === 0) return turned;
  const expected = `a part of head_dim (${headDim}) that is an even number of elements`;
  throw new InvalidInputError({ field: `${path}partial_rotary_factor`, value: part, expected });
}
