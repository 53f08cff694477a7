import { describe, expect, it } from "vitest";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { carriedConstants } from "../../src/theory/carriedConstants.ts";
import type { ConstantVector } from "../../src/theory/constantVector.ts";
import { type AcceleratorPeaks, type FamilyName, peaksOf } from "../../src/theory/families.ts";
import type { EngineFit } from "../../src/theory/fittedConstants.ts";
import type { KernelKind, ProductShape } from "../../src/workload/kernelShape.ts";

const H800 = peaksOf(loadAccelerator("h800"));
const H20 = peaksOf(loadAccelerator("h20"));
const A100 = peaksOf(loadAccelerator("a100"));

function vector(fixedNs: number, computeShare: number): ConstantVector {
  return [fixedNs, 0.8, computeShare, 3, 0.4, 0.1, 1, 150e9, 1, 1, 150, 1];
}

function fitted(
  kind: KernelKind,
  family: FamilyName,
  engine: string,
  fixedNs: number,
  computeShare: number,
): EngineFit {
  const constants = vector(fixedNs, computeShare);
  return {
    kind,
    family,
    engine,
    operand: "fp8",
    constants,
    rows: 9,
    accelerators: [],
    ranges: {},
    nearby: [],
    band: 0.1,
  };
}

function shape(kind: "gemm" | "grouped-gemm"): ProductShape {
  return { kind, groups: 4, m: 64, n: 4096, k: 7168, operand: "fp8", bytesPerWeight: 1, rows: "even" };
}

function carried(
  from: EngineFit,
  kind: "gemm" | "grouped-gemm",
  peaks: AcceleratorPeaks,
  others: EngineFit[],
  engine = "x",
) {
  return carriedConstants(from, shape(kind), peaks, engine, [from, ...others]);
}

describe("constants carried to what was not measured", () => {
  const hopper = fitted("gemm", "hopper", "cutlass", 6000, 0.7);

  it("take the fixed time of the very engine on a card that runs the same code", () => {
    const deepgemm = fitted("gemm", "h20", "deepgemm", 3000, 0.95);
    const { fixedNs, computeShare } = carried(hopper, "gemm", H800, [deepgemm], "deepgemm");
    expect([fixedNs, computeShare]).toEqual([3000, 0.7]);
  });

  it("leave it where the engine is the fit's own, is another's, or ran on another architecture", () => {
    const ampere = fitted("gemm", "ampere", "deepgemm", 3000, 0.8);
    expect(carried(hopper, "gemm", H800, [ampere], "deepgemm").fixedNs).toBe(6000);
    expect(carried(hopper, "gemm", H800, [fitted("gemm", "h20", "other", 3000, 0.9)], "deepgemm").fixedNs).toBe(6000);
    expect(carried(hopper, "gemm", H800, [fitted("gemm", "h20", "cutlass", 3000, 0.9)], "cutlass").fixedNs).toBe(6000);
  });

  it("scale another family's share of compute as both families' shares differ in the sibling kind", () => {
    const grouped = fitted("grouped-gemm", "h20", "deepgemm", 7000, 0.9);
    const siblings = [
      hopper,
      fitted("gemm", "hopper", "deepgemm", 5000, 0.7),
      fitted("gemm", "h20", "deepgemm", 3000, 1),
    ];
    expect(carried(grouped, "grouped-gemm", H800, siblings).computeShare).toBeCloseTo(0.9 * 0.7, 12);
    expect(carried(fitted("gemm", "h20", "y", 1, 0.9), "gemm", A100, siblings).computeShare).toBe(0.9);
  });

  it("are the fit's own in its family, and for a card of no family", () => {
    const siblings = [fitted("grouped-gemm", "hopper", "a", 1, 0.5), fitted("grouped-gemm", "h20", "a", 1, 0.9)];
    expect(carried(hopper, "gemm", H800, siblings).computeShare).toBeCloseTo(0.7, 12);
    expect(carried(hopper, "gemm", { ...H20, name: "mine" }, siblings)).toMatchObject({
      fixedNs: 6000,
      computeShare: 0.7,
    });
  });
});
