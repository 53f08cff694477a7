import { InvalidInputError } from "../units/errors.ts";
import { firstAttendedToken, type Span } from "../workload/kv-cache.ts";
import type { KvCacheShape, TrueElements } from "./kvCache.ts";
import { type KvDtype, kvDtypes, kvFormats } from "./kvFormat.ts";
import type { Dtype } from "./weights.ts";

/** Attention of one decode step without its projections: any grouping of queryHeads over kvHeads (MHA, GQA, MQA, the MFA core), or absorbed MLA. */
export interface AttentionCoreShape {
  readonly batch: number;
  /** Cached tokens of every sequence, or of each; a sequence without any gives zeros. */
  readonly kvTokens: number | readonly number[];
  readonly queryHeads: number;
  readonly kvHeads: number;
  /** Values of a head; absorbed MLA: of the latent that is both the larger part of the key and the value. */
  readonly headDim: number;
  /** Absorbed MLA alone: elements of a key beside the latent. */
  readonly ropeHeadDim?: number;
  /** What the products run in. */
  readonly dtype: Dtype;
  /** How the cache is stored; absent: as dtype says. */
  readonly kvDtype?: KvDtype;
  /** What a query sees; absent: all cached tokens, of which its own is the last. */
  readonly span?: Span;
  /** Whether each head has a score of its own that takes part in the softmax and has no value; absent: none. */
  readonly sinks?: "none" | "perHead";
  /** Absent: contiguous. */
  readonly paging?: KvCacheShape["paging"];
  /** What scores are multiplied with; absent: 1 / sqrt(headDim + ropeHeadDim). */
  readonly scale?: number;
  readonly seed: number;
}

/** A shape with nothing left open. */
export interface CoreDims {
  readonly batch: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  /** Query heads on one KV head. */
  readonly groupHeads: number;
  readonly dtype: Dtype;
  readonly cache: KvCacheShape;
  /** Attended tokens of each sequence: first..last (exclusive). */
  readonly attended: readonly { readonly first: number; readonly last: number }[];
  /** Elements that are no padding, of a key (and a query) and of a value. */
  readonly elements: TrueElements;
  readonly hasSinks: boolean;
  readonly scale: number;
  readonly seed: number;
}

/** Query heads that fit a block of packed rows (assembly/tile/rows.ts). */
const mostGroupHeads = 288;
/** Products of 128 x 127 whose sum stays below 2^31. */
const mostInt8Terms = 132_104;

/**
 * Every dimension of a core.
 *
 * @throws InvalidInputError where no core has such a shape, or none here.
 */
export function resolveCore(shape: AttentionCoreShape): CoreDims {
  const { batch, queryHeads, kvHeads, headDim, ropeHeadDim = 0, dtype, kvDtype = dtype } = shape;
  const { span = { kind: "full" } } = shape;
  checkCounts(shape);
  const kvTokens = typeof shape.kvTokens === "number" ? Array<number>(batch).fill(shape.kvTokens) : shape.kvTokens;
  checkTokens(kvTokens, batch, span);
  checkFormat(kvDtype, dtype);
  const isLatent = ropeHeadDim > 0;
  const valueDim = paddedTo8(headDim);
  const keyDim = valueDim + paddedTo8(ropeHeadDim);
  if (dtype === "int8" && keyDim > mostInt8Terms)
    throw new InvalidInputError({ field: "headDim", value: keyDim, expected: `at most ${mostInt8Terms} in int8` });
  const rope = [valueDim, valueDim + ropeHeadDim] as const;
  return {
    ...{ batch, queryHeads, kvHeads, groupHeads: queryHeads / kvHeads, dtype },
    cache: {
      ...{ kvDtype, kvHeads, kvTokens, keyDim, valueDim, paging: shape.paging ?? "contiguous" },
      layout: isLatent ? "latent" : "keysAndValues",
    },
    attended: kvTokens.map((tokens) => ({ first: firstAttendedToken(span, tokens), last: tokens })),
    elements: { key: [[0, headDim], ...(isLatent ? [rope] : [])], value: [[0, headDim]] },
    hasSinks: shape.sinks === "perHead",
    scale: shape.scale ?? (headDim + ropeHeadDim) ** -0.5,
    seed: shape.seed,
  };
}

function checkCounts({ batch, queryHeads, kvHeads, headDim, ropeHeadDim = 1 }: AttentionCoreShape): void {
  for (const [field, value] of Object.entries({ batch, queryHeads, kvHeads, headDim, ropeHeadDim }))
    requireWhole(field, value, 1);
  const groupHeads = queryHeads / kvHeads;
  if (!Number.isInteger(groupHeads) || groupHeads > mostGroupHeads)
    throw new InvalidInputError({
      field: "queryHeads",
      value: queryHeads,
      expected: `as many for each of ${kvHeads} KV heads, at most ${mostGroupHeads}`,
    });
}

function checkTokens(kvTokens: readonly number[], batch: number, span: Span): void {
  if (span.kind !== "full") requireWhole("span.tokens", span.tokens, 1);
  if (kvTokens.length !== batch)
    throw new InvalidInputError({
      field: "kvTokens",
      value: kvTokens,
      expected: `a number for each of ${batch} sequences`,
    });
  for (const tokens of kvTokens) requireWhole("kvTokens", tokens, 0);
}

function checkFormat(kvDtype: KvDtype, dtype: Dtype): void {
  if (kvFormats[kvDtype]?.dtype === dtype) return;
  const known = kvDtypes.filter((name) => kvFormats[name].dtype === dtype);
  const expected = `${known.join(" or ")}, which are multiplied in ${dtype}`;
  throw new InvalidInputError({ field: "kvDtype", value: kvDtype, expected, known });
}

function requireWhole(field: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InvalidInputError({ field, value, expected: `a whole number of at least ${least}` });
}

function paddedTo8(width: number): number {
  return Math.ceil(width / 8) * 8;
}
