import { describe, expect, it } from "vitest";
import { type EmulatedPipeline, emulatedTpotNs } from "../../src/simulate/emulatedTpot.ts";
import { pairTransfer } from "../../src/simulate/linkKind.ts";
import { pipelineTime } from "../../src/theory/pipeline.ts";

const BALANCED = {
  attentionInstances: 2,
  ffnInstances: 2,
  microBatches: 3,
  layers: 8,
  attentionNs: 2e6,
  ffnNs: 2e6,
  a2fNs: 1e6,
  f2aNs: 1e6,
} satisfies EmulatedPipeline;

describe("emulatedTpotNs", () => {
  it.each([
    ["balanced", {}, 3 * 2e6],
    ["bound by attention", { attentionNs: 3e6 }, 3 * 3e6],
    ["bound by the FFN", { ffnNs: 4e6 }, 3 * 4e6],
    ["bound by the network", { microBatches: 4, a2fNs: 3e6, f2aNs: 3e6 }, 4 * 3e6],
    ["without overlap", { microBatches: 1 }, 6e6],
    ["with four micro-batches", { microBatches: 4, a2fNs: 2e6, f2aNs: 2e6 }, 4 * 2e6],
    ["with latency", { microBatches: 1, latencyNs: 5e5 }, 7e6],
    ["8A8F", { attentionInstances: 8, ffnInstances: 8 }, 3 * 2e6],
    ["1A3F", { attentionInstances: 1, ffnInstances: 3 }, 3 * 2e6],
  ])("is the closed form without jitter: %s", (_, change, layerNs) => {
    for (const linkUse of ["duplex", "pair"] as const) {
      expect(emulatedTpotNs({ ...BALANCED, ...change, linkUse }) / (8 * layerNs)).toBeCloseTo(1, 3);
    }
  });

  it("has both directions take turns on shared links", () => {
    const tpotNs = emulatedTpotNs({ ...BALANCED, a2fNs: 3e6, f2aNs: 3e6, linkUse: "shared" });
    expect(tpotNs / (8 * 3 * 6e6)).toBeGreaterThan(0.999);
  });

  it("adds half the latency's jitter to each way, more where more instances must have received", () => {
    const one = { ...BALANCED, microBatches: 1, latencyJitterNs: 1e6, steps: 200 };
    const alone = emulatedTpotNs({ ...one, attentionInstances: 1, ffnInstances: 1 });
    expect(alone / (8 * (6e6 + 1e6))).toBeCloseTo(1, 2);
    // Of n numbers between 0 and 1 the largest is n / (n + 1) on average.
    const many = emulatedTpotNs({ ...one, attentionInstances: 4, ffnInstances: 4 });
    expect(many / (8 * (6e6 + 2 * 0.8e6))).toBeCloseTo(1, 2);
  });

  it("is slower with jitter, and the same for the same seed", () => {
    const jittered = { ...BALANCED, jitter: { kind: "lognormal", sigma: 0.2 }, latencyJitterNs: 3e5 } as const;
    const tpotNs = emulatedTpotNs({ ...jittered, seed: 3 });
    expect(tpotNs).toBeGreaterThan(1.02 * emulatedTpotNs(BALANCED));
    expect(emulatedTpotNs({ ...jittered, seed: 3 })).toBe(tpotNs);
    expect(emulatedTpotNs({ ...jittered, seed: 4 })).not.toBe(tpotNs);
  });

  it("refuses what cannot be simulated", () => {
    expect(() => emulatedTpotNs({ ...BALANCED, ffnInstances: 0 })).toThrow(/FFN instances: expected a whole number/);
    expect(() => emulatedTpotNs({ ...BALANCED, a2fNs: -1 })).toThrow(/A2F time on an attention link: expected a time/);
    expect(() => emulatedTpotNs({ ...BALANCED, latencyJitterNs: Number.NaN })).toThrow(
      /latency jitter: expected a time/,
    );
  });
});

describe("pairTransfer", () => {
  it("divides what an instance's link carries over its pairs", () => {
    const transfer = { latencyNs: 5, attentionLinkNs: 60, ffnLinkNs: 40 };
    const counts = { attentionInstances: 2, ffnInstances: 3 };
    expect(pairTransfer("a2f", transfer, counts)).toEqual({ latencyNs: 5, attentionLinkNs: 20, ffnLinkNs: 0 });
    expect(pairTransfer("f2a", transfer, counts)).toEqual({ latencyNs: 5, attentionLinkNs: 0, ffnLinkNs: 20 });
    const layer = { attentionNs: 1, ffnNs: 1, a2f: pairTransfer("a2f", transfer, counts), f2a: transfer };
    expect(pipelineTime([layer], 3).limitsNs.network).toBe(180);
  });
});
