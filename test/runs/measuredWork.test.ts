import { describe, expect, it } from "vitest";
import { measureWork, withMeasured } from "../../src/runs/measuredWork.ts";
import { type AttentionShape, kernelWork, type MoeShape, type ProductShape } from "../../src/workload/kernelShape.ts";

const L2 = 50 * 2 ** 20;

const product: ProductShape = {
  ...{ kind: "gemm", groups: 1, m: 16, n: 512, k: 1024, operand: "fp8", bytesPerWeight: 1, rows: "even" },
};
const attention: AttentionShape = {
  ...{ kind: "attention-decode", batch: 8, queryTokens: 1, kvTokens: 1024, queryHeads: 16, kvHeads: 2 },
  ...{ headDim: 64, valueDim: 64, operand: "bf16", bytesPerKvElement: 2 },
};
const latent: AttentionShape = {
  ...{ ...attention, kind: "mla-decode", kvHeads: 1, headDim: 576, valueDim: 512, bytesPerKvElement: 1 },
};
const experts: MoeShape = {
  ...{ kind: "moe-fused", experts: 64, localExperts: 8, topK: 4, tokens: 64, hidden: 256, expertDim: 128 },
  ...{ touchedExperts: 8, routedTokens: 44, movedTokens: 44, operand: "fp8", bytesPerWeight: 1, rows: "uneven" },
};

describe("measured work", () => {
  it.each([
    ["a product", product, 8 * 512],
    ["groups of it, with rows that do not divide", { ...product, kind: "grouped-gemm", groups: 6, m: 2.5 }, 6 * 4096],
    ["a product in BF16, for which float32 stands", { ...product, operand: "bf16", bytesPerWeight: 2 }, 0],
    ["attention", attention, 0],
    ["latent attention", latent, 0],
    ["experts", experts, 8 * 8 * (2 * 128 + 256)],
  ] as const)("of %s is its shape's, and the scales beside its values", (_, shape, scaleBytes) => {
    const measured = measureWork("simd", shape, L2);
    const modeled = kernelWork(shape);
    expect(measured.flops / modeled.flops).toBeCloseTo(1, 6);
    const bytes = modeled.streamedBytes + scaleBytes;
    expect(Math.abs(measured.streamedBytes / bytes - 1)).toBeLessThan(0.005);
    expect(withMeasured(shape, measured).activationBytes).toBe(modeled.activationBytes);
  });

  it("shows panels of 8 columns that a narrower product pads", () => {
    const odd = { ...product, n: 121, operand: "bf16", bytesPerWeight: 2 } as const;
    expect(measureWork("simd", odd, L2).flops / kernelWork(odd).flops).toBeCloseTo(128 / 121, 6);
  });

  it("reads no weights of groups that get no row", () => {
    const sparse = { ...product, kind: "grouped-gemm", groups: 10, m: 0.3 } as const;
    const measured = measureWork("simd", sparse, L2);
    expect(measured.streamedBytes / kernelWork({ ...sparse, groups: 3 }).streamedBytes).toBeCloseTo(1, 1);
    expect(measured.flops).toBeCloseTo(kernelWork(sparse).flops, -1);
  });

  it("reads weights again from memory where the cache is smaller than what a kernel goes over again", () => {
    const tall = { ...product, m: 256, n: 64, k: 4096 };
    const [large, small] = [L2, 4096].map((l2Bytes) => measureWork("simd", tall, l2Bytes).streamedBytes);
    expect(small).toBeGreaterThan(2 * (large ?? 0));
  });

  it("counts each line once where nothing states the cache", () => {
    expect(measureWork("simd", product, undefined).streamedBytes).toBe(measureWork("simd", product, L2).streamedBytes);
  });

  it.each([
    [
      { ...attention, queryTokens: 2 },
      /^--measured: expected a shape that a kernel here has \(no attention of 2 query tokens\)/,
    ],
    [{ ...attention, bytesPerKvElement: 3 }, /no cache of 3 bytes an element/],
    [{ ...attention, queryHeads: 600, kvHeads: 1 }, /queryHeads: expected as many for each of 1 KV heads, at most 288/],
    [{ ...product, bytesPerWeight: 3 }, /no weights of 3 bytes/],
  ] as const)("refuses a shape that no kernel here has", (shape, message) => {
    expect(() => measureWork("simd", shape, L2)).toThrow(message);
  });
});
