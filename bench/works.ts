import { allocatePacked, allocateRows, fillRows, type Rows } from "../src/kernels/activations.ts";
import { createArena } from "../src/kernels/arena.ts";
import { attentionCoreCase } from "../src/kernels/attentionCore.ts";
import type { KernelCase } from "../src/kernels/case.ts";
import { matmulSteps, packSteps } from "../src/kernels/linear.ts";
import { matmulCase } from "../src/kernels/matmul.ts";
import { moeLayerCase } from "../src/kernels/moe.ts";
import { barrier } from "../src/kernels/program.ts";
import type { RouterRule } from "../src/kernels/routerRule.ts";
import {
  allocateWeight,
  type Dtype,
  packScratchBytes,
  packSeededWeight,
  weightSource,
} from "../src/kernels/weights.ts";

/** Seed of every input, so that peers can make the same. */
export const seed = 1;

/** Products [m x k] x [k x n] with `experts` distinct weights, one after the other. */
export interface MatmulWork {
  readonly kind: "matmul";
  readonly dtype: Dtype;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly experts: number;
}

/** softmax(Q K^T / sqrt(headDim)) V over a cache. */
export interface AttentionWork {
  readonly kind: "attention";
  readonly dtype: Dtype;
  readonly batch: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly kvTokens: number;
}

/** x + sum of the weights of topK experts times their SwiGLU of RMSNorm(x). */
export interface MoeWork {
  readonly kind: "moe";
  readonly dtype: Dtype;
  readonly tokens: number;
  readonly hidden: number;
  readonly expertDim: number;
  readonly experts: number;
  readonly topK: number;
}

export type Work = MatmulWork | AttentionWork | MoeWork;

export const moeEpsilon = 1e-5;

/** Softmax over all experts, the best of them, weights divided by their sum: what peers have an operator for. */
const mixtureRule: Omit<RouterRule, "topK"> = {
  score: "softmax",
  normalizeTopK: true,
  scalingFactor: 1,
  correctionBias: false,
  logitBias: false,
  scalesInput: false,
  groups: 1,
  groupsKept: 1,
  groupRule: "none",
};

/** One line that names a work; dtype stands apart. */
export function nameOf(work: Work): string {
  switch (work.kind) {
    case "matmul": {
      const { m, n, k, experts } = work;
      return experts === 1 ? `expert matmul ${k}x${n}, M=${m}` : `${experts} experts ${k}x${n} in turn, M=${m}`;
    }
    case "attention": {
      const { queryHeads, kvHeads, headDim, kvTokens, batch } = work;
      return `attention ${queryHeads}/${kvHeads} x ${headDim}, ${kvTokens} tokens, batch ${batch}`;
    }
    case "moe": {
      const { experts, topK, hidden, expertDim, tokens } = work;
      return `MoE layer ${hidden}x${expertDim}, ${experts} experts top-${topK}, ${tokens} tokens`;
    }
  }
}

/** FLOPs of the matrix products; an int8 multiply-add counts as 2, as a float one does. */
export function flopsOf(work: Work): number {
  switch (work.kind) {
    case "matmul":
      return 2 * work.m * work.n * work.k * work.experts;
    case "attention":
      return 4 * work.batch * work.queryHeads * work.headDim * work.kvTokens;
    case "moe":
      return 2 * work.tokens * work.hidden * (work.experts + 3 * work.topK * work.expertDim);
  }
}

/** Bytes of the weights of a matmul work, values alone. */
export function weightBytesOf({ n, k, experts, dtype }: MatmulWork): number {
  return n * k * experts * (dtype === "f32" ? 4 : dtype === "int8" ? 1 : 0.5);
}

/** Our kernels on that work. */
export function caseOf(work: Work): KernelCase {
  switch (work.kind) {
    case "matmul":
      return work.experts === 1 ? matmulCase({ ...work, seed }) : matmulsInTurn(work);
    case "attention":
      return attentionCoreCase({ ...work, seed });
    case "moe":
      return moeLayerCase({
        ...work,
        ...{
          router: { ...mixtureRule, topK: work.topK },
          residentExperts: work.experts,
          sharedDim: 0,
          epsilon: moeEpsilon,
          routing: "router",
          seed,
        },
      });
  }
}

/** Name of the buffer with the result, and how its rows lie. */
export function resultOf(work: Work): { readonly buffer: string; readonly rows: number; readonly width: number } {
  switch (work.kind) {
    case "matmul":
      return { buffer: "y", rows: work.m, width: work.n };
    case "attention":
      return { buffer: "attentionOut", rows: work.batch * work.queryHeads, width: work.headDim };
    case "moe":
      return { buffer: "y", rows: work.tokens, width: work.hidden };
  }
}

/** The result of the last expert stands in y: all of them write there. */
function matmulsInTurn({ dtype, m, n, k, experts }: MatmulWork): KernelCase {
  const arena = createArena();
  const x: Rows = allocateRows(arena, "x", m, k);
  const packed = allocatePacked(arena, "x", dtype, m, k);
  const weights = Array.from({ length: experts }, (_, index) =>
    allocateWeight(arena, `weight${index}`, { dtype, columns: n, k }),
  );
  const y = allocateRows(arena, "y", m, n);
  const scratch = arena.allocate("packScratch", "scratch", packScratchBytes(k));
  return {
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports) {
      fillRows(exports, x, seed, 1);
      for (const [index, weight] of weights.entries())
        packSeededWeight(exports, weight, weightSource(seed, 2 + index, k), scratch.address);
    },
    steps: (rank, ranks) => [
      ...packSteps(x, packed, rank, ranks),
      barrier,
      ...weights.flatMap((weight) => matmulSteps(weight, packed, y, m, rank, ranks)),
    ],
    check: () => ({ ok: true, maxErrorFraction: 0, compared: 0 }),
  };
}
