import { allocatePacked, allocateRows, fillRows, readRow } from "./activations.ts";
import { createArena } from "./arena.ts";
import { type Check, compareBounded, type KernelCase, worst } from "./case.ts";
import { checkDimensions } from "./dimensions.ts";
import { matmulSteps, packSteps } from "./linear.ts";
import { barrier } from "./program.ts";
import { boundedMatmul, boundedRound7, exactly } from "./reference/bounded.ts";
import {
  allocateWeight,
  packScratchBytes,
  packSeededWeight,
  unpackColumn,
  type WeightDtype,
  weightSource,
} from "./weights.ts";
import { weightWork } from "./work.ts";

/** y [m x n] = x [m x k] W [k x n], weights packed once; x is packed (int8, int4: in 7 bits) inside the timed call. */
export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** How the weights are stored. */
  readonly dtype: WeightDtype;
  readonly seed: number;
}

/** Term of a single product. */
export const matmulTerm = "product";

export function matmulCase(shape: MatmulShape): KernelCase {
  const { m, n, k, dtype, seed } = shape;
  checkDimensions({ m, n, k });
  const arena = createArena();
  const x = allocateRows(arena, "x", m, k);
  const packed = allocatePacked(arena, "x", dtype, m, k);
  const weight = allocateWeight(arena, "weight", { dtype, columns: n, k });
  const y = allocateRows(arena, "y", m, n);
  const scratch = arena.allocate("packScratch", "scratch", packScratchBytes(k));

  const work = weightWork(matmulTerm, weight, m);

  function check(memory: WebAssembly.Memory): Check {
    const few = m * n * k <= 4e6;
    const columnStride = few ? 1 : Math.max(1, Math.floor(n / 32));
    const rows = few ? Array.from({ length: m }, (_, row) => row) : [...new Set([0, m >> 1, m - 1])];
    const columns: { index: number; values: Float64Array }[] = [];
    for (let index = 0; index < n; index += columnStride)
      columns.push({ index, values: unpackColumn(memory, weight, index) });
    return worst(
      rows.map((row) => {
        const input = readRow(memory, x, row);
        const seen = dtype === "f32" ? exactly(input) : boundedRound7(exactly(input));
        const output = readRow(memory, y, row);
        const actual = columns.map(({ index }) => output[index] as number);
        const chain = dtype === "f32" ? "float32" : "int32";
        const column = (at: number): Float64Array => (columns[at] as (typeof columns)[number]).values;
        return compareBounded(actual, boundedMatmul(seen, columns.length, column, chain));
      }),
    );
  }

  return {
    work: { term: matmulTerm, products: [work.product], tensors: [work.tensor] },
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports) {
      fillRows(exports, x, seed, 1);
      packSeededWeight(exports, weight, weightSource(seed, 2, k), scratch.address);
    },
    steps: (rank, ranks) => [
      ...packSteps(x, packed, rank, ranks),
      barrier,
      ...matmulSteps(weight, packed, y, m, rank, ranks),
    ],
    check,
  };
}
