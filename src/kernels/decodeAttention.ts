import { InvalidInputError } from "../units/errors.ts";
import type { Span } from "../workload/kv-cache.ts";
import { type Rope, ropeFault } from "../workload/ropeFrequencies.ts";

/** How RoPE turns a head: its first elements, or none where a layer has no positions. */
export interface DecodeRope extends Rope {
  /** Whether element i is turned with i + dims / 2, or with its neighbour. */
  readonly pairs: "halves" | "neighbours";
}

/** Attention of one layer. */
export type DecodeAttention = GroupedAttention | LatentAttention;

/** Attention over keys and values of each KV head: MFA with a query rank, GQA and its like without. */
export interface GroupedAttention {
  readonly kind: "grouped";
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Undefined: queries are projected directly. */
  readonly queryRank: number | undefined;
  readonly rope: DecodeRope;
  readonly span: Span;
  /** Whether each head's query and key are RMS-normed before RoPE. */
  readonly qkNorm: boolean;
  /** Which projections have biases; the output's is among `all` alone. */
  readonly bias: "none" | "queryKeyValue" | "all";
  readonly sinks: boolean;
  /** What scores are multiplied with. */
  readonly softmaxScale: number;
}

/** Multi-head latent attention, absorbed: all heads attend to one latent of kvRank elements and a key of ropeHeadDim that RoPE turns whole. */
export interface LatentAttention {
  readonly kind: "latent";
  readonly queryHeads: number;
  /** Undefined: queries are projected directly. */
  readonly queryRank: number | undefined;
  readonly kvRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly valueHeadDim: number;
  readonly rope: DecodeRope;
  readonly span: Span;
  /** What scores are multiplied with. */
  readonly softmaxScale: number;
}

/** @throws InvalidInputError where a width is none that the kernels of a layer take, or RoPE's scaling does not go with its RoPE. */
export function checkAttention(attention: DecodeAttention): void {
  const uneven = unevenWidth(attention);
  if (uneven !== undefined) throw new InvalidInputError({ ...uneven, expected: "a multiple of 8" });
  const { dims } = attention.rope;
  const [least, most] =
    attention.kind === "grouped" ? [0, attention.headDim] : [attention.ropeHeadDim, attention.ropeHeadDim];
  if (!(Number.isSafeInteger(dims) && dims % 2 === 0 && dims >= least && dims <= most)) {
    const expected = least === most ? `${most} (ropeHeadDim)` : `an even number of 0 to ${most} (headDim)`;
    throw new InvalidInputError({ field: "ropeDims", value: dims, expected });
  }
  const fault = ropeFault(attention.rope);
  if (fault !== undefined) throw new InvalidInputError({ ...fault, field: `ropeScaling.${fault.field}` });
}

/** The first width of heads and ranks that fills no whole panels of 8, which the layer's kernels need; undefined where all do. */
export function unevenWidth(
  attention: DecodeAttention,
): { readonly field: string; readonly value: number } | undefined {
  const widths = Object.entries(widthsOf(attention));
  const [field, value] = widths.find(([, width]) => !Number.isSafeInteger(width) || width < 8 || width % 8 !== 0) ?? [];
  return field === undefined || value === undefined ? undefined : { field, value };
}

function widthsOf(attention: DecodeAttention): Readonly<Record<string, number>> {
  const rank = attention.queryRank === undefined ? {} : { queryRank: attention.queryRank };
  if (attention.kind === "grouped") return { ...rank, headDim: attention.headDim };
  const { kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
  return { ...rank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim };
}
