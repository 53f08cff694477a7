import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readMeasurementFiles } from "../../src/evidence/files.ts";
import { engineName, measurementKey, shapeFamily } from "../../src/evidence/measurement.ts";
import { readMeasurements } from "../../src/evidence/reader.ts";
import { shippedMeasurements } from "../../src/evidence/shipped.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { kernelWork } from "../../src/workload/kernelShape.ts";

const GEMM = {
  gpu: "H100",
  kernelKind: "gemm",
  m: 16,
  n: 4096,
  k: 7168,
  dtype: "fp8",
  measuredUs: 20,
  kernel: "X 1.2.3 y",
};
const file = (...rows: unknown[]) => ({ source: { repo: "own" }, rows });

describe("a file of measurements", () => {
  it("gives a row its shape, peaks and engine", () => {
    const { measured, faults } = readMeasurements(file(GEMM), "own.json");
    expect(faults).toEqual([]);
    expect(measured).toHaveLength(1);
    expect(measured[0]).toMatchObject({
      engine: "x y",
      measuredNs: 20_000,
      peaks: { name: "h100", bytesPerSecond: 3.35e12 },
      shape: { kind: "gemm", groups: 1, m: 16, n: 4096, k: 7168, operand: "fp8", bytesPerWeight: 1 },
    });
  });

  it("takes the peaks that it states before the catalog's, cores and cache from there", () => {
    const stated = { ...file(GEMM), peaksUsed: { memGBps: 1000, bf16TFLOPS: 100 } };
    expect(readMeasurements(stated, "own.json").measured[0]?.peaks).toEqual({
      name: "h100",
      bytesPerSecond: 1e12,
      bf16FlopsPerSecond: 1e14,
      cores: 132,
      l2Bytes: 50 * 2 ** 20,
    });
    const byName = { ...file({ ...GEMM, gpu: "MI210" }), peaksUsed: { MI210: { memGBps: 1600, bf16TFLOPS: 181 } } };
    expect(readMeasurements(byName, "own.json").measured[0]?.peaks.name).toBe("mi210");
  });

  it.each([
    [{ ...GEMM, measuredUs: undefined }, "measuredUs"],
    [{ ...GEMM, measuredUs: -1 }, "measuredUs"],
    [{ ...GEMM, n: undefined }, "n"],
    [{ ...GEMM, k: 1.5 }, "k"],
    [{ ...GEMM, dtype: "tf99" }, "dtype"],
    [{ ...GEMM, gpu: "MI100" }, "gpu"],
    [{ ...GEMM, kernelKind: "gem" }, "kernelKind"],
    [{ ...GEMM, kernelKind: "Grouped_GEMM" }, "kernelKind"],
    [{ kernelKind: "gemm" }, "gpu"],
    ["no row", "row"],
  ])("names what is wrong with %j and uses the others", (wrong, field) => {
    const { measured, faults } = readMeasurements(file(GEMM, wrong, GEMM), "own.json");
    expect(measured.map(({ row }) => row)).toEqual([1, 3]);
    expect(faults).toMatchObject([{ file: "own.json", row: 2, error: { field } }]);
  });

  it("takes a file's own name for a kernel that its rows do not name", () => {
    const { kernel: _, ...unnamed } = GEMM;
    expect(readMeasurements(file(unnamed), "/some/folder/vidur.json").measured[0]?.engine).toBe("vidur");
    const amd = { ...file({ ...GEMM, gpu: "AMD Instinct MI300X" }) };
    expect(readMeasurements(amd, "own.json").measured[0]?.peaks.name).toBe("mi300x");
  });

  it("takes a repository's name for it where the file names one", () => {
    const { kernel: _, ...unnamed } = GEMM;
    const own = { source: { repo: "microsoft/vidur" }, rows: [unnamed] };
    expect(readMeasurements(own, "holdout.json").measured[0]?.engine).toBe("vidur");
  });

  it.each([
    ["NVIDIA H200 SXM", "h200"],
    ["H100-SXM5-80GB", "h100"],
    ["RTX 4090", "rtx-4090"],
    ["Ascend 910B", "910b"],
    ["some card", "some card"],
  ])("knows %s", (gpu, name) => {
    const stated = { ...file({ ...GEMM, gpu }), peaksUsed: { memGBps: 1000, bf16TFLOPS: 100 } };
    expect(readMeasurements(stated, "own.json").measured[0]?.peaks.name).toBe(name);
  });

  it("counts rows without a kernel time", () => {
    const { unsupported, faults } = readMeasurements(file({ gpu: "H100", kernelKind: "nccl-all_reduce" }), "own.json");
    expect({ kinds: unsupported.map(({ kernelKind }) => kernelKind), faults }).toEqual({
      kinds: ["nccl-all_reduce"],
      faults: [],
    });
  });

  it.each([[{}], [[]], [null], [{ source: {}, rows: [] }], [{ source: {}, rows: 3 }], [{ rows: [GEMM] }]])(
    "refuses %j",
    (content) => expect(() => readMeasurements(content, "own.json")).toThrow(InvalidInputError),
  );

  it("takes a masked layout's own tokens, and all that a fused kernel sorts", () => {
    const moe = {
      ...{
        gpu: "H100",
        kernelKind: "moe-fused",
        dtype: "bf16",
        measuredUs: 100,
        experts: 64,
        localExperts: 8,
        topK: 4,
      },
      ...{ tokens: 128, hiddenSize: 1024, expertIntermediateSize: 512, routing: "balanced" },
    };
    const read = (row: object) => readMeasurements(file(row), "own.json").measured[0]?.shape;
    expect(read({ ...moe, kernel: "DeepEP masked" })).toMatchObject({ routedTokens: 64, movedTokens: 64 });
    expect(read({ ...moe, kernel: "fused" })).toMatchObject({ routedTokens: 64, movedTokens: 512, touchedExperts: 8 });
  });
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "afdbench-evidence-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are read one by one or as a folder", () => {
    writeFileSync(join(folder, "b.json"), JSON.stringify(file(GEMM)));
    writeFileSync(join(folder, "a.json"), JSON.stringify(file(GEMM, GEMM)));
    writeFileSync(join(folder, "notes.txt"), "not read");
    expect(readMeasurementFiles(folder).map(({ measured }) => measured.length)).toEqual([2, 1]);
    expect(readMeasurementFiles(join(folder, "b.json"))).toHaveLength(1);
    expect(() => readMeasurementFiles(join(folder, "c.json"))).toThrow(/no such file/);
    expect(() => readMeasurementFiles(join(folder, "notes.txt"))).toThrow(InvalidInputError);
  });
});

describe("the measurements that ship", () => {
  const files = shippedMeasurements();
  const measured = files.flatMap((one) => one.measured);

  it("are read without a fault", () => {
    expect(files.flatMap(({ faults }) => faults)).toEqual([]);
    expect(measured.length).toBeGreaterThan(1200);
  });

  it("lie in one shape family where they differ in their rows alone", () => {
    const gemms = measured.filter(({ shape }) => shape.kind === "gemm");
    for (const one of gemms) expect(shapeFamily(one)).toBe("n" in one.shape ? `${one.shape.n} ${one.shape.k}` : "");
    expect(new Set(measured.map(measurementKey)).size).toBeGreaterThan(0.9 * measured.length);
  });

  it("are none of them faster than the peaks that they state, caches left aside", () => {
    const tooFast = measured.filter(({ shape, peaks, measuredNs }) => {
      const { streamedBytes, flops } = kernelWork(shape);
      const peak = Math.max(peaks.bf16FlopsPerSecond, peaks.fp8FlopsPerSecond ?? 0, peaks.int8FlopsPerSecond ?? 0);
      const beyondCaches = streamedBytes > 4e8;
      return (
        flops / peak > measuredNs / 1e9 || (beyondCaches && streamedBytes / peaks.bytesPerSecond > measuredNs / 1e9)
      );
    });
    // Expected routing, and rows of masked groups, are not what every run got.
    expect(tooFast.map(({ source }) => source).length).toBeLessThanOrEqual(3);
  });

  it.each([
    ["SGLang 0.5.14 fa3", "sglang fa3"],
    ["FlashInfer BatchDecodeWithPagedKVCache (page size 1)", "flashinfer batchdecodewithpagedkvcache page size 1"],
    ["TRTLLM 1.3.0rc20 default", "trtllm default"],
  ])("%s is the engine %s", (kernel, engine) => expect(engineName(kernel)).toBe(engine));
});
