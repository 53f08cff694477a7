import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { seededRandom } from "../../src/simulate/random.ts";
import { attentionNs, attentionRates } from "../../src/theory/attentionStage.ts";
import { busiestContextFactor, lognormalVariation, uniformVariation } from "../../src/theory/contextSpread.ts";
import { EFFICIENCY } from "../../src/theory/efficiency.ts";

describe("busiestContextFactor", () => {
  it("is 1 where contexts are alike, and the quantile itself for one lognormal context", () => {
    expect(busiestContextFactor(0, 0.99, 8)).toBe(1);
    // Quantiles of the normal distribution, as tables print them.
    for (const [quantile, z] of [
      [0.6, 0.2533471],
      [0.9, 1.2815516],
      [0.975, 1.959964],
      [0.99, 2.3263479],
      [0.999, 3.0902323],
    ] as const) {
      const factor = busiestContextFactor(lognormalVariation(0.5), quantile, 1);
      expect(factor).toBeCloseTo(Math.max(1, Math.exp(0.5 * z - 0.125)), 5);
    }
  });

  it("falls with the sequences of a card, but not as fast as they grow", () => {
    const variation = fc.double({ min: 0.01, max: lognormalVariation(2), noNaN: true });
    const sequences = fc.integer({ min: 1, max: 2000 });
    fc.assert(
      fc.property(variation, fc.double({ min: 0.5, max: 0.999, noNaN: true }), sequences, (spread, quantile, count) => {
        const [few, more] = [count, count + 1].map((one) => busiestContextFactor(spread, quantile, one));
        expect(more).toBeGreaterThanOrEqual(1);
        // Below it a heavy tail is rather met with more sequences than with one.
        if (quantile >= 0.98) expect(more).toBeLessThanOrEqual((few ?? 0) * (1 + 1e-9));
        expect((count + 1) * (more ?? 0)).toBeGreaterThanOrEqual(count * (few ?? 0) * (1 - 1e-9));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [
      "lognormal",
      lognormalVariation(0.5),
      (random: ReturnType<typeof seededRandom>) => Math.exp(0.5 * random.normal() - 0.125),
    ],
    [
      "uniform",
      uniformVariation(0.8),
      (random: ReturnType<typeof seededRandom>) => 1 + 0.8 * (2 * random.uniform() - 1),
    ],
  ] as const)("is what drawing %s contexts gives", (_, variation, draw) => {
    const random = seededRandom(5, 0);
    const sequences = 12;
    const means = Array.from({ length: 20_000 }, () => {
      let sum = 0;
      for (let index = 0; index < sequences; index += 1) sum += draw(random);
      return sum / sequences;
    }).sort((one, other) => one - other);
    for (const quantile of [0.9, 0.99]) {
      const drawn = means[Math.floor(means.length * quantile)] ?? 0;
      // The sum of uniform numbers has no long tail: taken as lognormal it is a little longer than it is.
      expect(Math.abs(busiestContextFactor(variation, quantile, sequences) / drawn - 1)).toBeLessThan(0.04);
    }
  });
});

describe("attentionNs", () => {
  const setting = {
    ...({ accelerator: loadAccelerator("h800"), precision: "auto", splitOver: 8, contextTokens: 8192 } as const),
    efficiency: EFFICIENCY,
  };

  it("takes the core of the card with the longest contexts, and the projections of any", () => {
    const { layers, hidden } = loadCatalogModel("step3");
    const { attention } = layers[0] as (typeof layers)[number];
    const alike = attentionRates(attention, hidden, setting);
    const spread = attentionRates(attention, hidden, { ...setting, contextVariation: 0.5 });
    const longer = attentionRates(attention, hidden, {
      ...setting,
      contextTokens: 8192 * busiestContextFactor(0.5, EFFICIENCY.contextQuantile, 32),
    });
    expect(attentionNs(spread, 32)).toBeGreaterThan(1.05 * attentionNs(alike, 32));
    expect(attentionNs(spread, 32) / attentionNs(longer, 32)).toBeCloseTo(1, 9);
  });

  it("does not care in layers with a window or a state, which are shorter than all contexts", () => {
    for (const name of ["gemma-3-27b", "minimax-m1"]) {
      const { layers, hidden } = loadCatalogModel(name);
      const layer = layers.find((one) => one.attention.kind === "linear" || one.attention.span.kind !== "full");
      if (layer === undefined) throw new Error(`${name} has full attention alone`);
      const { attention } = layer;
      const alike = attentionRates(attention, hidden, setting);
      const spread = attentionRates(attention, hidden, { ...setting, contextVariation: 0.5 });
      expect(attentionNs(spread, 32)).toBe(attentionNs(alike, 32));
    }
  });
});
