import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactExp, exactLn } from "../../src/simulate/exactMath.ts";
import { expertLoads, zipfWeights } from "../../src/simulate/expertLoad.ts";
import { seededRandom } from "../../src/simulate/random.ts";
import { percentiles } from "../../src/simulate/summary.ts";

const SETTING = { ffnInstances: 2, ranksPerInstance: 8, layers: 5, seed: 3 };

describe("expertLoads", () => {
  it("are 1 where experts are equally popular, however they divide into ranks", () => {
    for (const experts of [1, 7, 16, 48, 256]) {
      for (const loads of expertLoads({ ...SETTING, weights: zipfWeights(experts, 0) })) {
        for (const load of loads) expect(load).toBeCloseTo(1, 9);
      }
    }
  });

  it("are at least 1 on the hottest instance of each layer, and at most the number of ranks", () => {
    const anyWeights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(anyWeights, (weights) => {
        const loads = expertLoads({ ...SETTING, weights });
        for (let layer = 0; layer < SETTING.layers; layer += 1) {
          const hottest = Math.max(...loads.map((ofInstance) => ofInstance[layer] as number));
          expect(hottest).toBeGreaterThan(1 - 1e-9);
          expect(hottest).toBeLessThan(16 + 1e-9);
        }
      }),
    );
  });

  it("puts the whole load on the rank of the only expert with tokens", () => {
    const [first] = expertLoads({ weights: [1, 0, 0, 0], ffnInstances: 1, ranksPerInstance: 4, layers: 1, seed: 1 });
    expect(first).toEqual([4]);
  });

  it("refuses weights that are none", () => {
    expect(() => expertLoads({ ...SETTING, weights: [0, 0] })).toThrow(/expert weights: expected numbers from 0/);
    expect(() => zipfWeights(4, -1)).toThrow(/zipf exponent: expected a number from 0 to 10/);
  });
});

describe("exactExp and exactLn", () => {
  it("are as good as the engine's", () => {
    fc.assert(
      fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (x) => {
        expect(Math.abs(exactExp(x) / Math.exp(x) - 1)).toBeLessThan(5e-15);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1e12, noNaN: true }), (x) => {
        expect(Math.abs(exactLn(x) - Math.log(x))).toBeLessThan(1e-14 * Math.max(1, Math.abs(Math.log(x))));
      }),
    );
  });
});

describe("seededRandom", () => {
  it("has the mean and deviation that it says", () => {
    const random = seededRandom(11, 0);
    const mean = (draw: () => number) =>
      Array.from({ length: 40_000 }, draw).reduce((sum, one) => sum + one / 40_000, 0);
    expect(mean(random.uniform)).toBeCloseTo(0.5, 1);
    expect(mean(random.normal)).toBeCloseTo(0, 1);
    expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1);
    expect(mean(random.exponential)).toBeCloseTo(1, 1);
  });

  it("keeps streams of one seed apart", () => {
    expect(seededRandom(1, 0).uniform()).not.toBe(seededRandom(1, 1).uniform());
    expect(seededRandom(1, 0).uniform()).toBe(seededRandom(1, 0).uniform());
  });
});

describe("percentiles", () => {
  it("are values of the list, by weight where there are weights", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentiles(values)).toEqual({ p50: 50, p90: 90, p99: 99, longest: 100 });
    expect(percentiles([1, 2], [9, 1])).toEqual({ p50: 1, p90: 1, p99: 2, longest: 2 });
    expect(percentiles([5])).toEqual({ p50: 5, p90: 5, p99: 5, longest: 5 });
  });
});
