import { describe, expect, it } from "vitest";
import { type FitRow, fitEngine, fitFamily } from "../../src/evidence/fit.ts";
import { kernelLatency, type LatencyConstants } from "../../src/theory/latencyModel.ts";
import type { ProductShape } from "../../src/workload/kernelShape.ts";
import { solveLeastSquares } from "../../tools/leastSquares.ts";

const HARDWARE = {
  bytesPerSecond: 2e12,
  flopsPerSecond: { bf16: 3e14, fp8: 6e14, int8: 6e14, fp4: 6e14 },
  cores: 100,
  wideTileColumns: 128,
  l2Bytes: 4e7,
};

const TRUE_CONSTANTS: LatencyConstants = {
  fixedNs: 5000,
  bandwidthShare: 0.8,
  computeShare: 0.65,
  smoothness: 3,
  waveWeight: 0.4,
  l2Gain: 0.1,
  activationTraffic: 1,
  coreBytesPerSecond: 150e9,
  layoutShare: 1,
  loneTokenShare: 1,
  prologueK: 150,
  tileRows: 64,
};

describe("the fit", () => {
  const shapes = [1024, 4096, 16384].flatMap((n) =>
    [1024, 8192].flatMap((k) =>
      [1, 16, 48, 64, 100, 256, 1024].map(
        (m): ProductShape => ({ kind: "gemm", groups: 1, m, n, k, operand: "bf16", bytesPerWeight: 2, rows: "even" }),
      ),
    ),
  );
  const rows = shapes.map(
    (shape): FitRow => ({
      shape,
      hardware: HARDWARE,
      measuredNs: kernelLatency(shape, HARDWARE, TRUE_CONSTANTS).latencyNs,
      host: { addsNs: 0, leastNs: 0 },
    }),
  );

  it("finds times that the model itself made", () => {
    const family = fitFamily("gemm", rows, solveLeastSquares);
    const { constants } = fitEngine("gemm", rows, family, solveLeastSquares);
    const errors = rows.map(
      ({ shape, measuredNs }) => kernelLatency(shape, HARDWARE, constants).latencyNs / measuredNs - 1,
    );
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(0.05);
    expect(constants.tileRows).toBe(64);
  });
});
