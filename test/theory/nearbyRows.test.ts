import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NearbyRow, nearbyFactor } from "../../src/theory/nearbyRows.ts";

const NAMES = ["m", "n"];

describe("what measured rows nearby say of a time", () => {
  it("is nothing without rows, and far from all of them", () => {
    expect(nearbyFactor({ m: 8, n: 64 }, NAMES, [])).toBe(1);
    expect(nearbyFactor({ m: 8, n: 64 }, NAMES, [[0.2, 8, 64 * 2 ** 20]])).toBeCloseTo(1, 12);
  });

  it("is half a lone row's error at the row itself, as a logarithm", () => {
    expect(nearbyFactor({ m: 8, n: 64 }, NAMES, [[0.2, 8, 64]])).toBeCloseTo(Math.exp(0.1), 12);
  });

  it("counts a row one doubling away exp(-1/2), in whichever dimension", () => {
    const weight = Math.exp(-0.5);
    const expected = Math.exp((0.2 * weight) / (1 + weight));
    expect(nearbyFactor({ m: 16, n: 64 }, NAMES, [[0.2, 8, 64]])).toBeCloseTo(expected, 12);
    expect(nearbyFactor({ m: 8, n: 32 }, NAMES, [[0.2, 8, 64]])).toBeCloseTo(expected, 12);
  });

  it("lets an odd row say no more than any other", () => {
    const odd = nearbyFactor({ m: 8, n: 64 }, NAMES, [[3, 8, 64]]);
    expect(odd).toBe(nearbyFactor({ m: 8, n: 64 }, NAMES, [[0.25, 8, 64]]));
  });

  it("takes a dimension that is not named for 1", () => {
    const rows: NearbyRow[] = [[0.2, 8, 1]];
    expect(nearbyFactor({ m: 8 }, NAMES, rows)).toBe(nearbyFactor({ m: 8, n: 1 }, NAMES, rows));
  });

  it("never moves a time further than the rows' errors, whatever the shape", () => {
    const dimension = fc.integer({ min: 1, max: 2 ** 20 });
    const row = fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), dimension, dimension);
    fc.assert(
      fc.property(dimension, dimension, fc.array(row, { maxLength: 20 }), (m, n, rows) => {
        const moved = Math.log(nearbyFactor({ m, n }, NAMES, rows));
        const errors = [0, ...rows.map(([logError]) => logError)];
        expect(moved).toBeGreaterThanOrEqual(Math.max(-0.25, Math.min(...errors)) - 1e-12);
        expect(moved).toBeLessThanOrEqual(Math.min(0.25, Math.max(...errors)) + 1e-12);
      }),
    );
  });
});
