import { expect, it } from "vitest";
import { complaintAboutEngine, revectorizeFlag } from "../../src/host/vectorWidth.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { bench } from "../../src/runs/bench.ts";

it.skipIf(complaintAboutEngine(process.versions.node, process.arch) !== undefined)(
  "a revectorized run says so on every row and among the flags, and is right",
  async () => {
    const { document, failed } = await bench({
      ...{ kernels: ["linear.gemm"], batches: [1], contexts: [256], dtypes: ["f32", "int8"], tokensPerExpert: [1] },
      ...{ m: [1, 13], n: [40], k: [515], threads: [1, 2], hardware: [], seed: 1, quick: true, repetitions: 1 },
      ...{ revectorize: true, signal: new AbortController().signal, onProgress: () => {} },
    });
    expect(failed).toBe(false);
    expect(document.environment.nodeFlags).toContain(revectorizeFlag);
    const rows = document.rows.filter((row) => row.row === "kernel");
    expect(rows.filter(({ kernel }) => kernel === "linear.gemm")).toHaveLength(8);
    for (const row of rows) expect(row.revectorized).toBe(true);
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  },
);
