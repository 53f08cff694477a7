import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantsOf } from "../../src/theory/constantVector.ts";
import { familyOf, kernelHardware } from "../../src/theory/families.ts";
import { doublingsOutside } from "../../src/theory/fittedConstants.ts";
import { kernelLatency } from "../../src/theory/latencyModel.ts";
import { engineNames, projectLatency } from "../../src/theory/projectLatency.ts";
import { SHIPPED_CONSTANTS } from "../../src/theory/shippedConstants.ts";
import { coreUse, paddedRows } from "../../src/theory/tiling.ts";
import { type AttentionShape, kernelWork, type ProductShape } from "../../src/workload/kernelShape.ts";

const H100 = { name: "h100", bytesPerSecond: 3.35e12, bf16FlopsPerSecond: 9.89e14, fp8FlopsPerSecond: 1.979e15 };
const B200 = { name: "b200", bytesPerSecond: 7.7e12, bf16FlopsPerSecond: 2.25e15, fp8FlopsPerSecond: 4.5e15 };
const H20 = { name: "h20", bytesPerSecond: 4e12, bf16FlopsPerSecond: 1.48e14, fp8FlopsPerSecond: 2.96e14 };

function gemm(m: number, n: number, k: number): ProductShape {
  return { kind: "gemm", groups: 1, m, n, k, operand: "fp8", bytesPerWeight: 1, rows: "even" };
}

function attention(batch: number, kvTokens: number): AttentionShape {
  const heads = { queryHeads: 64, kvHeads: 8, headDim: 128, valueDim: 128 };
  return { kind: "attention-decode", batch, queryTokens: 1, kvTokens, ...heads, operand: "bf16", bytesPerKvElement: 2 };
}

describe("a kernel's work", () => {
  it("is counted by hand", () => {
    expect(kernelWork(gemm(2, 3, 5))).toEqual({ streamedBytes: 15, activationBytes: 2 * 5 + 2 * 3 * 2, flops: 60 });
    expect(kernelWork(attention(2, 10))).toEqual({
      streamedBytes: 2 * 10 * 8 * 256 * 2,
      activationBytes: 2 * 64 * 256 * 2,
      flops: 2 * 2 * 10 * 64 * 256,
    });
    const mla = { ...attention(1, 4), kind: "mla-decode" as const, kvHeads: 1, headDim: 576, valueDim: 512 };
    expect(kernelWork(mla)).toMatchObject({ streamedBytes: 4 * 576 * 2, flops: 2 * 4 * 64 * (576 + 512) });
  });
});

describe("tiles", () => {
  it("pad rows to whole ones", () => {
    expect(paddedRows(gemm(1, 8, 8), 64)).toEqual({ paddedM: 64, paddingFactor: 64 });
    expect(paddedRows(gemm(65, 8, 8), 64).paddedM).toBe(128);
    expect(paddedRows(gemm(65, 8, 8), "adaptive").paddedM).toBe(128);
    expect(paddedRows(gemm(7, 8, 8), 1)).toEqual({ paddedM: 7, paddingFactor: 1 });
    const masked = { ...gemm(64, 8, 8), kind: "grouped-gemm" as const, groups: 4, rows: "uneven" as const };
    expect(paddedRows(masked, 64).paddedM).toBeGreaterThan(64);
  });

  it("fill cores in waves", () => {
    expect(coreUse(gemm(128, 128 * 100, 8), 100, 128, 128)).toMatchObject({ busyShare: 1, tiles: 100 });
    expect(coreUse(gemm(128, 128 * 150, 8), 100, 128, 128)).toMatchObject({ busyShare: 0.75, tiles: 150 });
  });

  it("are wider on a cube unit once one of 128 rows does not hold all", () => {
    const tilesOf = (m: number) => coreUse(gemm(m, 256 * 30, 8), 20, 1, 256);
    expect(tilesOf(128)).toMatchObject({ tiles: 60, busyShare: 1 });
    // Two rows of 30 wide tiles.
    expect(tilesOf(129)).toMatchObject({ tiles: 60, busyShare: 1 });
    expect(coreUse(gemm(256, 256 * 11, 8), 20, 1, 256).busyShare).toBeCloseTo(22 / 40, 9);
    expect(coreUse(gemm(256, 256 * 11, 8), 20, 1, 128).busyShare).toBeCloseTo(44 / 60, 9);
  });

  it("split a long cache over idle cores, and read the parts again", () => {
    expect(coreUse(attention(1, 8192), 132, 1, 128).combineBytes).toBeGreaterThan(0);
    expect(coreUse(attention(64, 8192), 132, 1, 128).combineBytes).toBe(0);
  });
});

describe("a projection", () => {
  const dimension = fc.integer({ min: 1, max: 65536 });

  it("is above the roofline's shares, finite, and inside its band", () => {
    fc.assert(
      fc.property(dimension, dimension, dimension, fc.constantFrom(H100, B200, H20), (m, n, k, peaks) => {
        const shape = gemm(m, n, k);
        const { latencyNs, lowNs, highNs, fixedNs, paddingNs } = projectLatency(shape, peaks, SHIPPED_CONSTANTS);
        expect(Number.isFinite(latencyNs)).toBe(true);
        expect(latencyNs).toBeGreaterThanOrEqual(fixedNs);
        expect(lowNs).toBeGreaterThan(0);
        expect(lowNs).toBeLessThan(latencyNs);
        expect(highNs).toBeGreaterThan(latencyNs);
        expect(paddingNs).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it("takes longer over a longer cache", () => {
    fc.assert(
      fc.property(fc.integer({ min: 256, max: 60_000 }), fc.integer({ min: 64, max: 256 }), (kvTokens, batch) => {
        const at = (tokens: number) =>
          projectLatency(attention(batch, tokens), H100, SHIPPED_CONSTANTS, "sglang fa3").latencyNs;
        expect(at(2 * kvTokens)).toBeGreaterThan(at(kvTokens));
      }),
    );
  });

  it("says on H20 that M = 1 costs what M = 64 does, because of padding", () => {
    const at = (m: number) => projectLatency(gemm(m, 24576, 4096), H20, SHIPPED_CONSTANTS);
    expect(at(1).latencyNs / at(64).latencyNs).toBeGreaterThan(0.9);
    expect(at(1).paddedM).toBe(64);
    expect(at(1).paddingNs).toBeGreaterThan(0.1 * at(1).latencyNs);
  });

  it("says what it stands on, and is less sure of what was not measured", () => {
    const shape = gemm(64, 4096, 7168);
    const width = ({ lowNs, highNs }: { lowNs: number; highNs: number }) => highNs / lowNs;
    const own = projectLatency(shape, H100, SHIPPED_CONSTANTS, "deepgemm");
    const median = projectLatency(shape, H100, SHIPPED_CONSTANTS);
    const foreign = projectLatency(shape, B200, SHIPPED_CONSTANTS);
    expect([own.basis, median.basis, foreign.basis]).toEqual(["engine", "otherEngine", "otherFamily"]);
    expect(foreign).toMatchObject({ family: "hopper", nearestFamily: true });
    expect(width(foreign)).toBeGreaterThan(width(own));
    const far = projectLatency(gemm(64, 4096 * 1024, 7168), H100, SHIPPED_CONSTANTS, "deepgemm");
    expect(far.outsideDoublings).toBeGreaterThan(0);
  });

  it("is the median of the family's engines without one", () => {
    const shape = attention(32, 8192);
    const times = engineNames(SHIPPED_CONSTANTS, "attention-decode")
      .map((engine) => projectLatency(shape, H100, SHIPPED_CONSTANTS, engine))
      .filter(({ basis }) => basis === "engine")
      .map(({ latencyNs }) => latencyNs);
    const { latencyNs } = projectLatency(shape, H100, SHIPPED_CONSTANTS);
    expect(latencyNs).toBeGreaterThanOrEqual(Math.min(...times));
    expect(latencyNs).toBeLessThanOrEqual(Math.max(...times));
    expect(times).toContain(latencyNs);
  });
});

describe("families", () => {
  const available = ["ampere", "hopper", "h20", "ascend"] as const;

  it("are an accelerator's own, or the nearest by both peaks, GPUs among GPUs", () => {
    expect(familyOf(H100, available)).toEqual({ family: "hopper", nearest: false });
    expect(familyOf(B200, available)).toEqual({ family: "hopper", nearest: true });
    const mi210 = { name: "mi210", bytesPerSecond: 1.6e12, bf16FlopsPerSecond: 1.81e14 };
    expect(familyOf(mi210, available)).toEqual({ family: "ampere", nearest: true });
    expect(familyOf(H100, ["h20", "ampere"])).toMatchObject({ family: "h20", nearest: true });
    const mi300x = { name: "mi300x", bytesPerSecond: 5.3e12, bf16FlopsPerSecond: 1.307e15 };
    expect(familyOf(mi300x, [...available, "ga102"])).toEqual({ family: "hopper", nearest: true });
    const l4 = { name: "l4", bytesPerSecond: 3e11, bf16FlopsPerSecond: 1.21e14 };
    expect(familyOf(l4, [...available, "ga102"])).toEqual({ family: "ga102", nearest: true });
  });

  it("multiply 8-bit operands at the BF16 rate where nothing better is stated", () => {
    const bare = kernelHardware({ name: "x", bytesPerSecond: 1e12, bf16FlopsPerSecond: 1e14 }, "ampere", "");
    expect(bare.flopsPerSecond).toEqual({ bf16: 1e14, fp8: 1e14, int8: 1e14, fp4: 1e14 });
  });
});

describe("distance from measured shapes", () => {
  it("counts doublings in each dimension", () => {
    const ranges = { m: [1, 16], n: [64, 64] } as const;
    expect(doublingsOutside({ m: 4, n: 64 }, ranges)).toBe(0);
    expect(doublingsOutside({ m: 64, n: 64 }, ranges)).toBe(2);
    expect(doublingsOutside({ m: 128, n: 1024 }, ranges)).toBe(5);
  });
});

describe("the model", () => {
  it("has no term where a kernel has no work for it", () => {
    const [fit] = SHIPPED_CONSTANTS.engines.filter(({ kind }) => kind === "gemm");
    if (fit === undefined) throw new Error("no GEMM was fitted");
    const constants = { ...constantsOf(fit.constants), fixedNs: 0, l2Gain: 0, prologueK: 0, tileRows: 1 as const };
    const ideal = {
      ...constants,
      bandwidthShare: 1,
      computeShare: 1,
      waveWeight: 0,
      coreBytesPerSecond: 1e18,
      smoothness: 1e3,
    };
    const hardware = kernelHardware(H100, "hopper", "");
    const shape = gemm(8192, 8192, 8192);
    const roofline = Math.max(kernelWork(shape).flops / 1.979e15, kernelWork(shape).streamedBytes / 3.35e12) * 1e9;
    expect(kernelLatency(shape, hardware, ideal).latencyNs).toBeCloseTo(roofline, 0);
  });

  it("lets a core draw as much of a faster memory as of a slower one", () => {
    const [fit] = SHIPPED_CONSTANTS.engines.filter(({ kind }) => kind === "gemm");
    if (fit === undefined) throw new Error("no GEMM was fitted");
    const hardware = kernelHardware(H100, "hopper", "");
    const faster = { ...hardware, bytesPerSecond: 1e15 };
    const constants = { ...constantsOf(fit.constants), bandwidthShare: 1, l2Gain: 0, coreBytesPerSecond: 1e11 };
    // Two tiles of 128 columns, each read by a core of its own.
    const { memoryNs } = kernelLatency(gemm(1, 256, 1 << 20), faster, constants);
    const bytes = kernelWork(gemm(1, 256, 1 << 20));
    const expected = (bytes.streamedBytes + constants.activationTraffic * bytes.activationBytes) / 2e11;
    expect(memoryNs / 1e9 / expected).toBeCloseTo(1, 3);
    const wide = gemm(1, 1 << 16, 1 << 14);
    const ofMemory = (which: typeof hardware) => kernelLatency(wide, which, constants).memoryNs;
    expect(ofMemory(faster)).toBeLessThan(ofMemory(hardware));
  });
});
