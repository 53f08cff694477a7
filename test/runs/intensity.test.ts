import { describe, expect, it } from "vitest";
import { flopCauses } from "../../src/measure/causes.ts";
import { zeroCounts } from "../../src/measure/counts.ts";
import type { IntensityRow } from "../../src/record/intensityRows.ts";
import { type IntensitySettings, intensity } from "../../src/runs/intensity.ts";

const settings: Omit<IntensitySettings, "kernels"> = {
  batches: [2],
  contexts: [37],
  dtypes: ["f32", "int8"],
  tokensPerExpert: [1],
  seed: 1,
  signal: new AbortController().signal,
  onProgress: () => {},
};

describe("every difference has its cause", () => {
  it.each<[string, Pick<IntensitySettings, "kernels"> & Partial<IntensitySettings>]>([
    ["MFA at an odd context", { kernels: ["attention.core", "attention.layer"], model: "step3" }],
    [
      "MLA in every format",
      { kernels: ["attention.core"], model: "deepseek-v3", kvDtypes: ["f32", "bf16", "fp8", "int8", "int4"] },
    ],
    [
      "a sliding window with sinks",
      { kernels: ["attention.core"], configFile: "test/model/configs/gpt-oss-120b.json", contexts: [391] },
    ],
    [
      "experts that get parts of tokens",
      { kernels: ["moe.router", "moe.layer"], configFile: "test/model/configs/deepseek-v2-lite.json" },
    ],
    [
      "odd products",
      { kernels: ["linear.gemm"], m: [1, 7], n: [1, 77], k: [1, 515], weightDtypes: ["f32", "int8", "int4"] },
    ],
  ])("%s", async (_, more) => {
    const { document, failed } = await intensity({ ...settings, ...more });
    expect(failed).toBe(false);
    const kernels = document.rows.filter((row) => row.row === "kernel");
    expect(kernels.length).toBeGreaterThan(0);
    for (const kernel of kernels) {
      expect(kernel).toMatchObject({ status: "ok", unexplainedFraction: expect.closeTo(0, 9) });
      if (Math.abs((kernel.ratio ?? 1) - 1) > 0.01)
        expect(kernel.reason).toMatch(/: [\d.]+% (more|fewer) (FLOPs|bytes)/);
      const isOwn = (row: IntensityRow): boolean =>
        "kernel" in row && row.kernel === kernel.kernel && row.shape === kernel.shape && row.dtype === kernel.dtype;
      expectSums(document.rows.filter(isOwn));
    }
  });

  it("and what has none is unexplained", () => {
    const product = {
      ...{ term: "product", name: "weight", times: 1, groups: 1, m: 4, n: 8, k: 8 },
      tiledN: 8,
      tiledK: 8,
    };
    const counts = { ...zeroCounts(), matrixFlops: 3 * 512 };
    const part = {
      term: "product",
      kernel: "matmulF32",
      counts,
      buffers: [],
      ownData: { loadBytes: 0, storeBytes: 0 },
    };
    const modeled = { flops: 512, kvBytes: 0, weightBytes: 256 };
    expect(flopCauses(modeled, { products: [product], tensors: [], partial: undefined }, [part])).toEqual([
      { quantity: "productFlops", cause: "unexplained", detail: "", amount: 1024 },
    ]);
    // A formula that is off is not explained away by what the kernel does either.
    const right = { ...part, counts: { ...counts, matrixFlops: 512 } };
    expect(
      flopCauses({ ...modeled, flops: 256 }, { products: [product], tensors: [], partial: undefined }, [right]),
    ).toEqual([{ quantity: "productFlops", cause: "unexplained", detail: "", amount: 256 }]);
  });
});

it("ends where it is interrupted, with what was counted", async () => {
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }): void => {
    if (done === 1) controller.abort();
  };
  const gemm = { kernels: ["linear.gemm"] as const, m: [1], n: [8, 16, 24], k: [8], dtypes: ["f32"] as const };
  const { document, interrupted } = await intensity({ ...settings, ...gemm, signal: controller.signal, onProgress });
  expect(interrupted).toBe(true);
  expect(document.rows.filter(({ row }) => row === "kernel")).toHaveLength(1);
});

/** Amounts of causes add up to the differences of their terms and ranges. */
function expectSums(rows: readonly IntensityRow[]): void {
  const causes = rows.filter((row) => row.row === "cause");
  const sumOf = (term: string, ...quantities: string[]): number =>
    causes
      .filter((cause) => cause.term === term && quantities.includes(cause.quantity))
      .reduce((sum, { amount }) => sum + amount, 0);
  for (const row of rows) {
    if (row.row === "term") {
      const executed = (row.matrixFlops ?? 0) + (row.int8Ops ?? 0) + (row.elementwiseFlops ?? 0);
      const sum = sumOf(row.term, "productFlops", "elementwiseFlops");
      expect([row.term, sum]).toEqual([row.term, expect.closeTo(executed - (row.modeledFlops ?? 0), 2)]);
    }
    if (row.row === "range" && (row.range === "kv" || row.range === "weights") && row.measuredBytes !== undefined) {
      const sum = sumOf(row.term, row.range === "kv" ? "kvBytes" : "weightBytes");
      const difference = row.measuredBytes - (row.modeledBytes ?? 0);
      expect([row.term, row.range, sum]).toEqual([row.term, row.range, expect.closeTo(difference, 2)]);
    }
  }
}
