import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DecodeRequest, randomArrivals } from "../../src/simulate/arrivals.ts";
import { clusterOf } from "../../src/simulate/cluster.ts";
import { ClusterEngine } from "../../src/simulate/engine.ts";
import { type RequestSettings, requestLoad } from "../../src/simulate/requestLoad.ts";
import { pipelineTime } from "../../src/theory/pipeline.ts";
import { latencies } from "../theory/pipelineTimes.ts";

const LAYERS = Array.from({ length: 10 }, () => latencies(100e3, 50e3, 100e3, 50e3));
const SETTINGS: RequestSettings = {
  attentionInstances: 2,
  microBatches: 3,
  sequencesPerMicroBatch: 4,
  cachedTokensPerMicroBatch: 4000,
  attentionFixedShare: 0.2,
  ffnFixedShare: 1,
  kvTokensPerInstance: undefined,
  retryNs: 1e6,
};

function simulate(requests: readonly DecodeRequest[], change: Partial<RequestSettings> = {}) {
  const settings = { ...SETTINGS, ...change };
  const load = requestLoad(requests, settings);
  const { attentionInstances, microBatches } = settings;
  const engine = new ClusterEngine(
    clusterOf({ attentionInstances, ffnInstances: 2, microBatches, layers: LAYERS }),
    load,
  );
  while (engine.advance(10_000));
  return load.outcome();
}

/** So many requests at once that every place is taken. */
function flood(requests: number, promptTokens: number, outputTokens: number): DecodeRequest[] {
  return Array.from({ length: requests }, () => ({ arrivalNs: 0, promptTokens, outputTokens }));
}

describe("requestLoad", () => {
  it("decodes every token of every request, whatever the arrivals and the room", () => {
    const request = fc.record({
      arrivalNs: fc.integer({ min: 0, max: 100e6 }),
      promptTokens: fc.integer({ min: 1, max: 2000 }),
      outputTokens: fc.integer({ min: 1, max: 40 }),
    });
    const requests = fc.array(request, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(requests, fc.constantFrom(undefined, 2040, 5000), (unsorted, kvTokensPerInstance) => {
        const inOrder = unsorted.toSorted((one, other) => one.arrivalNs - other.arrivalNs);
        const outcome = simulate(inOrder, { kvTokensPerInstance });
        expect(outcome.finishedRequests).toBe(inOrder.length);
        expect(outcome.decodedTokens).toBe(inOrder.reduce((sum, { outputTokens }) => sum + outputTokens, 0));
        expect(Math.min(...outcome.waitsNs)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...outcome.stepTokens)).toBeLessThanOrEqual(8);
      }),
      { numRuns: 60 },
    );
  });

  it("takes the closed form's time where all places are full at the context that the times are for", () => {
    const { stepsNs, stepTokens, meanContextTokens } = simulate(flood(24, 990, 20));
    expect(new Set(stepTokens)).toEqual(new Set([8]));
    expect(meanContextTokens).toBeCloseTo(999.5, 6);
    const mean = stepsNs.reduce((sum, stepNs) => sum + stepNs, 0) / stepsNs.length;
    expect(mean / pipelineTime(LAYERS, 3).timeNs).toBeCloseTo(1, 1);
  });

  it("takes longer the longer the contexts are", () => {
    const [short, long] = [500, 4000].map((promptTokens) => simulate(flood(24, promptTokens, 20)).spanNs);
    expect(long).toBeGreaterThan(2 * (short as number));
  });

  it("has fewer sequences at work where the cache is small", () => {
    const roomy = simulate(flood(24, 500, 20));
    const tight = simulate(flood(24, 500, 20), { kvTokensPerInstance: 1100 });
    expect(tight.decodedTokens).toBe(roomy.decodedTokens);
    expect(Math.max(...tight.stepTokens)).toBeLessThan(Math.max(...roomy.stepTokens));
    expect(tight.spanNs).toBeGreaterThan(roomy.spanNs);
  });

  it("refuses a request that no instance holds, and none at all", () => {
    expect(() => simulate(flood(1, 900, 200), { kvTokensPerInstance: 1000 })).toThrow(
      /a request of 900 prompt and 200 output tokens fits into no attention instance: it needs .* 1100 tokens, .* 1000/,
    );
    expect(() => simulate([])).toThrow(/requests: expected at least one/);
  });
});

describe("randomArrivals", () => {
  const ARRIVALS = { requests: 4000, requestsPerSecond: 200, burst: 1, promptTokens: 10, outputTokens: 5, seed: 2 };

  it("come at the rate asked for, alone or in bursts", () => {
    for (const burst of [1, 8]) {
      const arrivals = randomArrivals({ ...ARRIVALS, burst });
      const lastNs = arrivals.at(-1)?.arrivalNs ?? 0;
      expect(lastNs / 1e9 / 20).toBeGreaterThan(0.85);
      expect(lastNs / 1e9 / 20).toBeLessThan(1.15);
      expect(new Set(arrivals.map(({ arrivalNs }) => arrivalNs)).size).toBe(4000 / burst);
    }
  });

  it("have lengths that differ as asked for, and arrive when they would with one length", () => {
    const spread = { kind: "lognormal", sigma: 0.8 } as const;
    const alike = randomArrivals({ ...ARRIVALS, promptTokens: 1000 });
    const arrivals = randomArrivals({ ...ARRIVALS, promptTokens: 1000, promptSpread: spread, outputSpread: spread });
    expect(arrivals.map(({ arrivalNs }) => arrivalNs)).toEqual(alike.map(({ arrivalNs }) => arrivalNs));
    const mean = arrivals.reduce((sum, { promptTokens }) => sum + promptTokens / arrivals.length, 0);
    expect(mean / 1000).toBeCloseTo(1, 1);
    expect(arrivals.every(({ outputTokens }) => Number.isInteger(outputTokens) && outputTokens >= 1)).toBe(true);
    expect(new Set(arrivals.map(({ promptTokens }) => promptTokens)).size).toBeGreaterThan(500);
    const longest = randomArrivals({ ...ARRIVALS, outputSpread: { kind: "uniform", share: 0.4 } });
    expect(Math.max(...longest.map(({ outputTokens }) => outputTokens))).toBe(7);
  });

  it("refuses a rate of 0 and no requests", () => {
    expect(() => randomArrivals({ ...ARRIVALS, requestsPerSecond: 0 })).toThrow(/requests per second/);
    expect(() => randomArrivals({ ...ARRIVALS, requests: 0 })).toThrow(/requests: expected a whole number/);
  });
});
