import { describe, expect, it } from "vitest";
import { readDtype } from "../../src/evidence/dtypes.ts";
import { readMeasurements } from "../../src/evidence/reader.ts";
import { kernelHardware } from "../../src/theory/families.ts";

describe("dtypes as tables spell them", () => {
  it.each([
    ["bf16", "bf16", 2],
    ["float16", "bf16", 2],
    ["FP8-block128", "fp8", 1],
    ["fp8_block", "fp8", 1],
    ["int8", "int8", 1],
    ["nvfp4", "fp4", 0.5],
    ["int4_wo", "bf16", 0.5],
    ["w4a16", "bf16", 0.5],
    ["w4a16_mxfp4", "bf16", 0.5],
    ["w4afp8", "fp8", 0.5],
    ["w4a8_mxfp4_mxfp8", "fp8", 0.5],
    ["w8a8", "int8", 1],
    ["w4a4", "fp4", 0.5],
  ])("%s multiplies in %s, %s bytes an element", (name, operand, bytesPerElement) => {
    expect(readDtype(name)).toEqual({ operand, bytesPerElement });
  });

  it.each(["", "tf99", "w4", "w4a3", "constructor", "-fp8"])("%j is none", (name) => {
    expect(readDtype(name)).toBeUndefined();
  });

  it("are a row's operands, at the FP4 rate that a file states or the catalog has", () => {
    const row = { gpu: "B200", kernelKind: "gemm", m: 8, n: 64, k: 64, dtype: "nvfp4", measuredUs: 9, kernel: "own" };
    const read = (peaksUsed?: object) =>
      readMeasurements({ source: {}, ...(peaksUsed && { peaksUsed }), rows: [row] }, "own.json").measured[0];
    const rateOf = (one: ReturnType<typeof read>) =>
      one && kernelHardware(one.peaks, "hopper", "own").flopsPerSecond[one.shape.operand];
    expect(rateOf(read())).toBe(9e15);
    expect(rateOf(read({ memGBps: 8000, bf16TFLOPS: 2250, fp8TFLOPS: 4500, fp4TFLOPS: 9500 }))).toBe(9.5e15);
    expect(rateOf(read({ memGBps: 8000, bf16TFLOPS: 2250, fp8TFLOPS: 4500 }))).toBe(4.5e15);
  });
});
