import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactExp, exactLn } from "../../src/simulate/exactMath.ts";
import { expertLoads, hottestLoads, zipfWeights } from "../../src/simulate/expertLoad.ts";
import { seededRandom } from "../../src/simulate/random.ts";
import { percentiles } from "../../src/simulate/summary.ts";

const LAYERS = Array.from({ length: 5 }, () => "experts" as const);
const SETTING = { ffnInstances: 2, ranksPerInstance: 8, layers: LAYERS, seed: 3 };
const anyLayer = (weights: readonly number[]) => ({ kind: "anyLayer", weights }) as const;

describe("expertLoads", () => {
  it("are 1 where experts are equally popular, however they divide into ranks", () => {
    for (const experts of [1, 7, 16, 48, 256]) {
      for (const loads of expertLoads({ ...SETTING, popularity: anyLayer(zipfWeights(experts, 0)) })) {
        for (const load of loads) expect(load).toBeCloseTo(1, 9);
      }
    }
  });

  it("are at least 1 on the hottest instance of each layer, and at most the number of ranks", () => {
    const anyWeights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(anyWeights, (weights) => {
        const loads = expertLoads({ ...SETTING, popularity: anyLayer(weights) });
        for (let layer = 0; layer < LAYERS.length; layer += 1) {
          const hottest = Math.max(...loads.map((ofInstance) => ofInstance[layer] as number));
          expect(hottest).toBeGreaterThan(1 - 1e-9);
          expect(hottest).toBeLessThan(16 + 1e-9);
        }
      }),
    );
  });

  it("puts the whole load on the rank of the only expert with tokens", () => {
    const one = { ffnInstances: 1, ranksPerInstance: 4, layers: ["experts"], seed: 1 } as const;
    expect(expertLoads({ ...one, popularity: anyLayer([1, 0, 0, 0]) })).toEqual([[4]]);
  });

  it("takes recorded layers as they are, from the first again after the last, and leaves dense ones out", () => {
    const popularity = {
      kind: "byLayer",
      weights: [
        [3, 1, 0, 0],
        [1, 1, 1, 5],
      ],
    } as const;
    const layers = ["experts", "dense", "experts", "experts"] as const;
    const loads = expertLoads({ popularity, ffnInstances: 2, ranksPerInstance: 1, layers, seed: 1 });
    expect(loads).toEqual([
      [2, 1, 0.5, 2],
      [0, 1, 1.5, 0],
    ]);
    expect(expertLoads({ popularity, ffnInstances: 1, ranksPerInstance: 2, layers, seed: 1 })).toEqual([
      [2, 1, 1.5, 2],
    ]);
  });

  it("refuses weights that are none", () => {
    expect(() => expertLoads({ ...SETTING, popularity: anyLayer([0, 0]) })).toThrow(
      /expert weights: expected numbers from 0/,
    );
    expect(() => zipfWeights(4, -1)).toThrow(/zipf exponent: expected a number from 0 to 10/);
  });
});

describe("hottestLoads", () => {
  it("is the mean over layers of the busiest group's load over the mean", () => {
    const recorded = hottestLoads(
      {
        kind: "byLayer",
        weights: [
          [3, 1, 0, 0],
          [1, 1, 1, 5],
        ],
      },
      2,
      1,
    );
    expect(recorded(1)).toBe(1);
    expect(recorded(2)).toBe((2 + 1.5) / 2);
    expect(recorded(4)).toBe((3 + 2.5) / 2);
    const zipf = hottestLoads(anyLayer(zipfWeights(64, 0.8)), 50, 3);
    expect(zipf(1)).toBeCloseTo(1, 12);
    expect([2, 4, 8, 16, 32, 64].map(zipf)).toEqual([2, 4, 8, 16, 32, 64].map(zipf).toSorted((one, two) => one - two));
    expect(zipf(64)).toBeCloseTo(64 / zipfWeights(64, 0.8).reduce((sum, weight) => sum + weight, 0), 9);
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
