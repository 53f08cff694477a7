import { type MatmulShape, matmulCase, matmulTerm } from "../kernels/matmul.ts";
import { bytesPerWeightOf } from "../kernels/weights.ts";
import { reducedWidth, timesText, traceReduction } from "./benchTrace.ts";
import { columnScaleBytes, dtypePairs, type PlannedRow, storedText } from "./plannedRow.ts";
import type { Dtype, ShapeSettings } from "./settings.ts";

/** Shapes where none are given: one expert product at decode sizes and beyond. */
const ladder = { m: [1, 4, 16, 64, 256], n: [1280], k: [1792] } as const;

/** Rows of single products [m, k] x [k, n], for every combination of dtype, n, k and m. */
export function matmulRows(
  kernel: "moe.expertMatmul" | "linear.gemm",
  settings: ShapeSettings,
  threads: number,
): PlannedRow[] {
  const { m = ladder.m, n = ladder.n, k = ladder.k } = settings;
  return dtypePairs(settings).flatMap(({ dtype, weightDtype }) =>
    n.flatMap((columns) =>
      k.flatMap((inner) =>
        m.map((rows) => {
          const shape = { m: rows, n: columns, k: inner, dtype: weightDtype, seed: settings.seed };
          return matmulRow(kernel, shape, dtype, threads);
        }),
      ),
    ),
  );
}

function matmulRow(kernel: string, shape: MatmulShape, dtype: Dtype, threads: number): PlannedRow {
  const { m, n, k, dtype: weightDtype } = shape;
  const valueBytes = n * k * bytesPerWeightOf(weightDtype);
  const stored = storedText(dtype, weightDtype);
  const tracedN = reducedWidth(n, traceReduction(m * n * k, dtype));
  const planned: PlannedRow = {
    fields: { kernel, shape: `m=${m} n=${n} k=${k}${stored}`, m, n, k, dtype, weightDtype, threads },
    modeled: {
      flops: 2 * m * n * k,
      valueBytes,
      storedBytes: valueBytes + (dtype === "int8" ? columnScaleBytes * n : 0),
    },
    terms: [{ term: matmulTerm, flops: 2 * m * n * k, kvBytes: 0, weightBytes: valueBytes }],
    build: () => matmulCase(shape),
  };
  if (tracedN === n) return planned;
  return {
    ...planned,
    trace: () => ({
      kernelCase: matmulCase({ ...shape, n: tracedN }),
      shape: `m=${m} n=${tracedN} k=${k}, weight bytes times ${timesText(n / tracedN)}`,
    }),
  };
}
