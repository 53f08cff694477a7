import type { PackedRows, Rows } from "./activations.ts";
import type { AttentionRows, LatentRows } from "./attentionRows.ts";
import type { AttentionWeights } from "./attentionWeights.ts";
import type { DecodeAttention, DecodeRope, GroupedAttention, LatentAttention } from "./decodeAttention.ts";
import { matmulSteps, packSteps, projectSteps, rowSteps } from "./linear.ts";
import { barrier, call, type Step, shareOf, term } from "./program.ts";
import { expertOf, type PackedWeight } from "./weights.ts";

/** Terms of the workload that a layer's steps belong to; norms, RoPE, append and residual are in no formula. */
export const layerTerms = {
  projections: "attention.projections",
  core: "attention.core",
  rest: "attention.rest",
} as const;

/** One thread's part in a layer's attention, of so many sequences. */
export interface AttentionPart {
  readonly weights: AttentionWeights;
  readonly rows: AttentionRows;
  readonly count: number;
  /** Cosines and sines of each sequence's position. */
  readonly ropeTable: number;
  readonly epsilon: number;
  readonly rank: number;
  readonly ranks: number;
}

/** Steps that belong to the projections. */
export function projections(steps: readonly Step[]): Step[] {
  return [term(layerTerms.projections), ...steps, term(layerTerms.rest)];
}

/** The query projection from rows that all threads see, by columns and by heads. */
export function headQuerySteps(part: AttentionPart, from: PackedRows): Step[] {
  const { rows, count, rank, ranks } = part;
  const { heads } = part.weights;
  if (heads.kind === "grouped")
    return projections(projectSteps(heads.query, from, queriesOf(rows), count, rank, ranks));
  const { attention, latent } = latentOf(rows);
  const { strideBytes } = rows.q;
  return projections([
    ...matmulSteps(heads.queryNope, from, latent.queryNope, count, rank, ranks),
    ...perHead(part, (head) => {
      const address = rows.q.address + head * strideBytes + attention.kvRank * 4;
      const target = { ...rows.q, address, strideBytes: attention.queryHeads * strideBytes };
      return matmulSteps(expertOf(heads.queryRope, head), from, target, count, 0, 1);
    }),
  ]);
}

/** Norms and RoPE of what is to be appended, by sequences. */
export function headKeySteps(part: AttentionPart, keyValue: Rows): Step[] {
  const { rows, weights } = part;
  const { heads } = weights;
  const { attention } = rows;
  if (attention.kind === "grouped") {
    const { kvHeads, headDim } = attention;
    return [
      ...(heads.kind === "grouped" ? headNormSteps(part, keyValue, heads.norms?.key, kvHeads, headDim) : []),
      ...ropeSteps(part, keyValue, kvHeads, headDim),
    ];
  }
  const { kvRank, ropeHeadDim } = attention;
  const key = { ...keyValue, address: keyValue.address + kvRank * 4 };
  return [
    ...(heads.kind === "latent" ? headNormSteps(part, keyValue, heads.latentNorm, 1, kvRank) : []),
    ...ropeSteps(part, key, 1, ropeHeadDim),
  ];
}

/** From what headQuerySteps gave to the core's queries: norms and RoPE by sequences, the absorbed product of the key by heads. */
export function finishQuerySteps(part: AttentionPart): Step[] {
  const { rows } = part;
  const { heads } = part.weights;
  if (heads.kind === "grouped") {
    const { queryHeads, headDim } = groupedOf(rows.attention);
    const queries = queriesOf(rows);
    return [
      ...headNormSteps(part, queries, heads.norms?.query, queryHeads, headDim),
      ...ropeSteps(part, queries, queryHeads, headDim),
    ];
  }
  const { attention, latent } = latentOf(rows);
  const { queryHeads, kvRank, nopeHeadDim } = attention;
  const strideBytes = queryHeads * rows.q.strideBytes;
  const turned = { ...rows.q, address: rows.q.address + kvRank * 4, strideBytes };
  return [
    ...ropeSteps(part, turned, queryHeads, rows.q.width),
    ...headProductSteps(part, {
      weight: heads.keyUp,
      from: (head) => ({
        ...latent.queryNope,
        address: latent.queryNope.address + head * nopeHeadDim * 4,
        width: nopeHeadDim,
      }),
      packed: latent.nopePacked,
      to: (head) => ({ ...rows.q, address: rows.q.address + head * rows.q.strideBytes, strideBytes }),
    }),
  ];
}

/** From the core's outputs to what the output projection reads: of latent attention the absorbed product of the value, by heads. */
export function attendedSteps(part: AttentionPart): Step[] {
  const { rows } = part;
  const { heads } = part.weights;
  if (heads.kind === "grouped") return [];
  const { attention, latent } = latentOf(rows);
  const { out, attended } = rows;
  return [
    ...headProductSteps(part, {
      weight: heads.valueUp,
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
function headProductSteps(part: AttentionPart, { weight, from, packed, to }: HeadProduct): Step[] {
  const { count } = part;
  return perHead(part, (head) => {
    const laidOut = packed[head] as PackedRows;
    return [
      ...packSteps({ ...from(head), rows: count }, laidOut, 0, 1),
      ...projections(matmulSteps(expertOf(weight, head), laidOut, to(head), count, 0, 1)),
    ];
  });
}

/** Steps of the heads that fall to a thread. */
function perHead({ rows, rank, ranks }: AttentionPart, steps: (head: number) => Step[]): Step[] {
  const { first, last } = shareOf(rows.attention.queryHeads, rank, ranks);
  return Array.from({ length: last - first }, (_, index) => steps(first + index)).flat();
}

/** Norms of heads in place, where there are any. */
function headNormSteps(
  { count, epsilon, rank, ranks }: AttentionPart,
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
  { rows: { attention }, count, ropeTable, rank, ranks }: AttentionPart,
  rows: Rows,
  heads: number,
  headDim: number,
): Step[] {
  const { dims, pairs } = attention.rope;
  if (dims === 0) return [];
  return rowSteps(count, rank, ranks, ({ first, last }) =>
    call(ropeKernels[pairs], rows.address, rows.strideBytes, ropeTable, first, last, heads, headDim, dims),
  );
}

/** Heads of a sequence lie one after the other: rows of the core are columns of these. */
function queriesOf({ q, attention }: AttentionRows): Rows {
  const { queryHeads, headDim } = groupedOf(attention);
  const width = queryHeads * headDim;
  return { ...q, width, strideBytes: width * 4 };
}

function groupedOf(attention: DecodeAttention): GroupedAttention {
  if (attention.kind !== "grouped") throw new Error("heads and weights are of different kinds");
  return attention;
}

function latentOf({ attention, latent }: AttentionRows): {
  readonly attention: LatentAttention;
  readonly latent: LatentRows;
} {
  if (attention.kind !== "latent" || latent === undefined) throw new Error("heads and weights are of different kinds");
  return { attention, latent };
}
