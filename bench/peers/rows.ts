import type { Work } from "../works.ts";

/** What a work is to reach: rates over those of others. */
export interface Goals {
  /** Over each WASM peer, the fastest of which decides. */
  readonly wasm?: number;
  /** Over native code. */
  readonly native?: number;
  /** Of the host's roof: multiply-add, dot, or read bandwidth where memory binds. */
  readonly roof?: number;
  /** Over our own float32 kernel. */
  readonly float32?: number;
  /** Of two threads over one. */
  readonly twoThreads?: number;
}

/** A work with its goals, as the project's issue on kernels states them. */
export interface PlannedWork {
  readonly work: Work;
  /** Whether weights come from memory, so that bytes are counted. */
  readonly memoryBound: boolean;
  readonly plain: Goals;
  readonly revectorized: Goals;
  /** Part of the short run. */
  readonly quick: boolean;
}

const quarter = { n: 1280, k: 1792, experts: 1 } as const;
const full = { n: 5120, k: 7168, experts: 1 } as const;
const mqa = { queryHeads: 64, kvHeads: 1, headDim: 256, kvTokens: 4096 } as const;
const gqa = { queryHeads: 64, kvHeads: 8, headDim: 128, kvTokens: 4096 } as const;
const moe = { hidden: 1792, expertDim: 1280, experts: 8, topK: 2 } as const;

/** Two threads of one, where both are bound by compute. */
const twoThreads = 1.85;

/** Every row of the bench. @param lastCacheBytes experts in turn exceed four times this, so that they come from memory. */
export function plannedWorks(lastCacheBytes: number): PlannedWork[] {
  const inTurn = (bytes: number): number => Math.max(32, Math.ceil((4 * lastCacheBytes) / bytes));
  const weights = quarter.n * quarter.k;
  return [
    ...[4, 16, 64, 256].map((m): PlannedWork => {
      const own = { ...(m >= 16 ? { roof: 0.9 } : {}), ...(m === 64 ? { twoThreads } : {}) };
      return {
        ...{ work: { kind: "matmul", dtype: "f32", m, ...quarter }, memoryBound: false, quick: m === 4 || m === 16 },
        ...{ plain: { wasm: 1.3, ...own }, revectorized: { wasm: 1.8, ...(m <= 16 ? { native: 1 } : {}), ...own } },
      };
    }),
    ...[4, 16, 64, 256].map((m): PlannedWork => {
      const own = { ...(m >= 16 ? { roof: 0.85 } : {}), ...(m === 64 ? { twoThreads } : {}) };
      return {
        ...{ work: { kind: "matmul", dtype: "int8", m, ...quarter }, memoryBound: false, quick: m === 4 || m === 16 },
        ...{ plain: { wasm: 1.6, ...own }, revectorized: { wasm: 1.25, ...own } },
      };
    }),
    ...[4, 16, 64, 256].map(
      (m): PlannedWork => ({
        ...{
          work: { kind: "matmul", dtype: "int4", m, ...quarter } as unknown as Work,
          memoryBound: false,
          quick: m === 16,
        },
        ...{ plain: { wasm: 2 }, revectorized: {} },
      }),
    ),
    ...(["f32", "int8"] as const).map(
      (dtype): PlannedWork => ({
        ...{ work: { kind: "matmul", dtype, m: 16, ...full }, memoryBound: false, quick: false },
        ...{ plain: { wasm: dtype === "f32" ? 1.8 : 1.7 }, revectorized: {} },
      }),
    ),
    ...(["f32", "int8"] as const).map((dtype): PlannedWork => {
      const experts = inTurn(dtype === "f32" ? 4 * weights : weights);
      return {
        ...{ work: { kind: "matmul", dtype, m: 1, ...quarter, experts }, memoryBound: true, quick: dtype === "int8" },
        ...{ plain: { roof: 0.9 }, revectorized: { roof: 0.9 } },
      };
    }),
    ...[1, 4].map((batch): PlannedWork => {
      const own = { roof: 0.85, ...(batch === 4 ? { twoThreads } : {}) };
      return {
        ...{ work: { kind: "attention", dtype: "f32", batch, ...mqa }, memoryBound: false, quick: batch === 1 },
        ...{ plain: { wasm: 1.5, ...own }, revectorized: own },
      };
    }),
    ...[1, 4].map((batch): PlannedWork => {
      const own = { float32: 3, ...(batch === 4 ? { twoThreads } : {}) };
      return {
        ...{ work: { kind: "attention", dtype: "int8", batch, ...mqa }, memoryBound: false, quick: batch === 1 },
        ...{ plain: own, revectorized: own },
      };
    }),
    ...[1, 4].map(
      (batch): PlannedWork => ({
        ...{ work: { kind: "attention", dtype: "f32", batch, ...gqa }, memoryBound: false, quick: batch === 1 },
        ...{ plain: { wasm: 2 }, revectorized: {} },
      }),
    ),
    ...(["f32", "int8"] as const).flatMap((dtype) =>
      [1, 16, 64].map(
        (tokens): PlannedWork => ({
          ...{
            work: { kind: "moe", dtype, tokens, ...moe },
            memoryBound: false,
            quick: dtype === "f32" && tokens === 16,
          },
          ...{ plain: { wasm: 3, ...(tokens === 64 ? { twoThreads } : {}) }, revectorized: {} },
        }),
      ),
    ),
  ];
}
