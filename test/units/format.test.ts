import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatBandwidth,
  formatBytes,
  formatDuration,
  formatFlops,
  formatNumber,
  formatPercent,
  formatRate,
} from "../../src/units/format.ts";

describe("format", () => {
  it.each([
    [formatDuration(272e3), "272 µs"],
    [formatDuration(47.5e6), "47.5 ms"],
    [formatDuration(999.9996e3), "1.00 ms"],
    [formatDuration(0.5), "0.500 ns"],
    [formatDuration(90e9), "90.0 s"],
    [formatFlops(56.04e9), "56.0 GFLOP"],
    [formatRate(57.3e9), "57.3 GFLOP/s"],
    [formatRate(1.98e15), "1.98 PFLOP/s"],
    [formatBandwidth(3.35e12), "3.35 TB/s"],
    [formatBytes(64 * 2 ** 20), "64.0 MiB"],
    [formatBytes(520), "520 B"],
    [formatPercent(0.873), "87.3%"],
    [formatNumber(126.03), "126"],
    [formatNumber(126.03, 4), "126.0"],
    [formatNumber(4039.4), "4039"],
    [formatNumber(0.048), "0.0480"],
    [formatNumber(99.96), "100"],
    [formatNumber(0), "0"],
    [formatNumber(-1.5), "-1.50"],
    [formatNumber(2.8e-19), "2.80e-19"],
    [formatNumber(Number.NaN), "NaN"],
  ])("%s", (printed, expected) => {
    expect(printed).toBe(expected);
  });

  it("prints a number that is within its last digit", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e18, noNaN: true }), fc.integer({ min: 1, max: 8 }), (value, digits) => {
        expect(Math.abs(Number(formatNumber(value, digits)) / value - 1)).toBeLessThanOrEqual(
          0.501 * 10 ** (1 - digits),
        );
      }),
    );
  });

  it("keeps the scaled number below the next unit", () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 9.99e11, noNaN: true }), (durationNs) => {
        expect(Number.parseFloat(formatDuration(durationNs))).toBeLessThan(1000);
      }),
    );
  });
});
