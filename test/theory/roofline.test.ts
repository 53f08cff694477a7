import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAccelerator, reportAcceleratorNames } from "../../src/hardware/catalog.ts";
import { projectKernel, roofsFor } from "../../src/theory/projection.ts";
import { attainableFlopsPerSecond, boundOf, ridgeFlopsPerByte, roofTimeNs } from "../../src/theory/roofline.ts";

const positive = fc.double({ min: 1, max: 1e15, noNaN: true });

describe("roofline", () => {
  // Step-3 report, Table 4, last column.
  it.each([
    ["h800", 591],
    ["h20", 74],
    ["a800", 156],
    ["910b", 175],
  ])("%s's ridge is at %d FLOPs per byte", (name, ridge) => {
    expect(Math.round(ridgeFlopsPerByte(roofsFor(loadAccelerator(name), "int8")))).toBe(ridge);
  });

  it("is the slower of compute and memory", () => {
    const roofs = { flopsPerSecond: 100, bytesPerSecond: 10 };
    expect(roofTimeNs(roofs, { flops: 100, bytes: 5 })).toBe(1e9);
    expect(boundOf(roofs, { flops: 100, bytes: 5 })).toBe("compute");
    expect(roofTimeNs(roofs, { flops: 100, bytes: 20 })).toBe(2e9);
    expect(boundOf(roofs, { flops: 100, bytes: 20 })).toBe("memory");
    expect(boundOf(roofs, { flops: 100, bytes: 10 })).toBe("compute");
    expect(attainableFlopsPerSecond(roofs, 5)).toBe(50);
    expect(attainableFlopsPerSecond(roofs, 50)).toBe(100);
  });

  it("takes as long as the attainable rate says", () => {
    fc.assert(
      fc.property(positive, positive, positive, positive, (flopsPerSecond, bytesPerSecond, flops, bytes) => {
        const roofs = { flopsPerSecond, bytesPerSecond };
        const rate = flops / (roofTimeNs(roofs, { flops, bytes }) / 1e9);
        expect(rate / attainableFlopsPerSecond(roofs, flops / bytes)).toBeCloseTo(1, 9);
        expect(boundOf(roofs, { flops, bytes }) === "memory").toBe(flops / flopsPerSecond < bytes / bytesPerSecond);
      }),
    );
  });
});

describe("projectKernel", () => {
  it("computes 8-bit work in FP8 where the card has it, and f32 in BF16", () => {
    const precisions = reportAcceleratorNames().map((name) => {
      const accelerator = loadAccelerator(name);
      return [roofsFor(accelerator, "int8").precision, roofsFor(accelerator, "f32").precision];
    });
    expect(precisions).toEqual([
      ["fp8", "bf16"],
      ["fp8", "bf16"],
      ["bf16", "bf16"],
      ["bf16", "bf16"],
    ]);
  });

  it("bounds Step-3's attention core by memory on H800 and by compute on H20", () => {
    const core = { flops: 128e9, bytes: 1e9 };
    expect(projectKernel(core, loadAccelerator("h800"), "int8")).toEqual({
      accelerator: "h800",
      precision: "fp8",
      latencyNs: expect.closeTo((1e9 / 3.35e12) * 1e9, 3),
      bound: "memory",
      attainableFlopsPerSecond: 128 * 3.35e12,
    });
    expect(projectKernel(core, loadAccelerator("h20"), "int8")).toMatchObject({
      bound: "compute",
      attainableFlopsPerSecond: 2.96e14,
    });
  });

  it("has a time for work without bytes and without FLOPs", () => {
    const h800 = loadAccelerator("h800");
    expect(projectKernel({ flops: 1.98e15, bytes: 0 }, h800, "int8")).toMatchObject({
      latencyNs: 1e9,
      bound: "compute",
    });
    expect(projectKernel({ flops: 0, bytes: 3.35e12 }, h800, "int8")).toMatchObject({
      latencyNs: 1e9,
      bound: "memory",
      attainableFlopsPerSecond: 0,
    });
  });
});
