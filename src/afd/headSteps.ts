import type { PackedRows, Rows } from "../kernels/activations.ts";
import { matmulSteps, packSteps, projectSteps, rowSteps } from "../kernels/linear.ts";
import { barrier, call, type Step, shareOf } from "../kernels/program.ts";
import { expertOf, type PackedWeight } from "../kernels/weights.ts";
import type { AttentionKind, LatentRows } from "./attentionLayout.ts";
import type { HeadWeights } from "./attentionWeights.ts";
import type { DecodeAttention, DecodeRope, GroupedAttention, LatentAttention } from "./decodeWork.ts";

/** One thread's part in what differs from one attention to another, for so many sequences. */
export interface HeadThread {
  readonly weights: HeadWeights;
  readonly kind: AttentionKind;
  readonly count: number;
  /** Cosines and sines of each sequence's position. */
  readonly ropeTable: number;
  readonly epsilon: number;
  readonly rank: number;
  readonly ranks: number;
}

/** The query projection from rows that all threads see, by columns and by heads. */
export function headQuerySteps(thread: HeadThread, from: PackedRows): Step[] {
  const { weights, kind, count, rank, ranks } = thread;
  if (weights.kind === "grouped") return projectSteps(weights.query, from, queriesOf(kind), count, rank, ranks);
  const { attention, latent } = latentOf(kind);
  const { strideBytes } = kind.q;
  return [
    ...matmulSteps(weights.queryNope, from, latent.queryNope, count, rank, ranks),
    ...perHead(thread, (head) => {
      const address = kind.q.address + head * strideBytes + attention.kvRank * 4;
      const target = { ...kind.q, address, strideBytes: attention.queryHeads * strideBytes };
      return matmulSteps(expertOf(weights.queryRope, head), from, target, count, 0, 1);
    }),
  ];
}

/** Norms and RoPE of what is to be appended, by sequences. */
export function headKeySteps(thread: HeadThread, keyValue: Rows): Step[] {
  const { weights, kind } = thread;
  const { attention } = kind;
  if (attention.kind === "grouped") {
    const { kvHeads, headDim } = attention;
    return [
      ...(weights.kind === "grouped" ? headNormSteps(thread, keyValue, weights.norms?.key, kvHeads, headDim) : []),
      ...ropeSteps(thread, keyValue, kvHeads, headDim),
    ];
  }
  const { kvRank, ropeHeadDim } = attention;
  const key = { ...keyValue, address: keyValue.address + kvRank * 4 };
  return [
    ...(weights.kind === "latent" ? headNormSteps(thread, keyValue, weights.latentNorm, 1, kvRank) : []),
    ...ropeSteps(thread, key, 1, ropeHeadDim),
  ];
}

/** From what headQuerySteps gave to the core's queries: norms and RoPE by sequences, the absorbed product of the key by heads. */
export function finishQuerySteps(thread: HeadThread): Step[] {
  const { weights, kind } = thread;
  if (weights.kind === "grouped") {
    const { queryHeads, headDim } = groupedOf(kind.attention);
    const queries = queriesOf(kind);
    return [
      ...headNormSteps(thread, queries, weights.norms?.query, queryHeads, headDim),
      ...ropeSteps(thread, queries, queryHeads, headDim),
    ];
  }
  const { attention, latent } = latentOf(kind);
  const { queryHeads, kvRank, nopeHeadDim } = attention;
  const strideBytes = queryHeads * kind.q.strideBytes;
  const turned = { ...kind.q, address: kind.q.address + kvRank * 4, strideBytes };
  return [
    ...ropeSteps(thread, turned, queryHeads, kind.q.width),
    ...headProductSteps(thread, {
      weight: weights.keyUp,
      from: (head) => ({
        ...latent.queryNope,
        address: latent.queryNope.address + head * nopeHeadDim * 4,
        width: nopeHeadDim,
      }),
      packed: latent.nopePacked,
      to: (head) => ({ ...kind.q, address: kind.q.address + head * kind.q.strideBytes, strideBytes }),
    }),
  ];
}

/** From the core's outputs to what the output projection reads: of latent attention the absorbed product of the value, by heads. */
export function attendedSteps(thread: HeadThread): Step[] {
  const { weights, kind } = thread;
  if (weights.kind === "grouped") return [];
  const { attention, latent } = latentOf(kind);
  const { out, attended } = kind;
  return [
    ...headProductSteps(thread, {
      weight: weights.valueUp,
      from: (head) => ({
        ...out,
        address: out.address + head * out.strideBytes,
        strideBytes: attention.queryHeads * out.strideBytes,
        width: attention.kvRank,
      }),
      packed: latent.outPacked,
      to: (head) => ({ ...attended, address: attended.address + head * attention.valueHeadDim * 4 }),
    }),
    barrier,
  ];
}

/** A product of each head with a weight of its own. */
interface HeadProduct {
  readonly weight: PackedWeight;
  readonly from: (head: number) => Rows;
  /** [head] */
  readonly packed: readonly PackedRows[];
  readonly to: (head: number) => Rows;
}

/** Packed and multiplied by the thread that the head falls to, so that nobody waits in between. */
function headProductSteps(thread: HeadThread, { weight, from, packed, to }: HeadProduct): Step[] {
  const { count } = thread;
  return perHead(thread, (head) => {
    const laidOut = packed[head] as PackedRows;
    return [
      ...packSteps({ ...from(head), rows: count }, laidOut, 0, 1),
      ...matmulSteps(expertOf(weight, head), laidOut, to(head), count, 0, 1),
    ];
  });
}

/** Steps of the heads that fall to a thread. */
function perHead({ kind, rank, ranks }: HeadThread, steps: (head: number) => Step[]): Step[] {
  const { first, last } = shareOf(kind.attention.queryHeads, rank, ranks);
  return Array.from({ length: last - first }, (_, index) => steps(first + index)).flat();
}

/** Norms of heads in place, where there are any. */
function headNormSteps(
  { count, epsilon, rank, ranks }: HeadThread,
  rows: Rows,
  weight: Rows | undefined,
  heads: number,
  headDim: number,
): Step[] {
  if (weight === undefined) return [];
  return Array.from({ length: heads }, (_, head) => {
    const at = [rows.address + head * headDim * 4, rows.strideBytes] as const;
    return rowSteps(count, rank, ranks, ({ first, last }) =>
      call("rmsNormRows", ...at, weight.address, ...at, first, last, headDim, epsilon),
    );
  }).flat();
}

const ropeKernels: Readonly<Record<DecodeRope["pairs"], string>> = {
  halves: "ropeRows",
  neighbours: "ropeNeighbourRows",
};

function ropeSteps(
  { kind, count, ropeTable, rank, ranks }: HeadThread,
  rows: Rows,
  heads: number,
  headDim: number,
): Step[] {
  const { dims, pairs } = kind.attention.rope;
  if (dims === 0) return [];
  return rowSteps(count, rank, ranks, ({ first, last }) =>
    call(ropeKernels[pairs], rows.address, rows.strideBytes, ropeTable, first, last, heads, headDim, dims),
  );
}

/** Heads of a sequence lie one after the other: rows of the core are columns of these. */
function queriesOf({ q, attention }: AttentionKind): Rows {
  const { queryHeads, headDim } = groupedOf(attention);
  const width = queryHeads * headDim;
  return { ...q, width, strideBytes: width * 4 };
}

function groupedOf(attention: DecodeAttention): GroupedAttention {
  if (attention.kind !== "grouped") throw new Error("heads and weights are of different kinds");
  return attention;
}

function latentOf({ attention, latent }: AttentionKind): {
  readonly attention: LatentAttention;
  readonly latent: LatentRows;
} {
  if (attention.kind !== "latent" || latent === undefined) throw new Error("heads and weights are of different kinds");
  return { attention, latent };
}
