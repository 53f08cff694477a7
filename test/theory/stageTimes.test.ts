import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { attentionNs, attentionRates } from "../../src/theory/attentionStage.ts";
import { EFFICIENCY, IDEAL } from "../../src/theory/efficiency.ts";
import { plainLayerTimes, plainRates } from "../../src/theory/expertParallel.ts";
import { FFN_PARALLELISMS } from "../../src/theory/ffnStage.ts";
import { busiestLinkNs, pipelineTime } from "../../src/theory/pipeline.ts";
import {
  type AfdDeployment,
  type StageSetting,
  stageRates,
  stageTimes,
  stepTimes,
} from "../../src/theory/stageTimes.ts";

const h800 = loadAccelerator("h800");

function deployment(attentionInstances: number, ffnInstances: number): AfdDeployment {
  return {
    attention: { accelerator: h800, instances: attentionInstances, cards: 8, precision: "auto" },
    ffn: { accelerator: h800, instances: ffnInstances, cards: 8, parallelism: "expert", redundantExperts: 0 },
  };
}

function step3(changes: Partial<StageSetting> = {}): StageSetting {
  return {
    card: loadCatalogModel("step3"),
    contextTokens: 4096,
    deployment: deployment(2, 2),
    efficiency: EFFICIENCY,
    ...changes,
  };
}

describe("stageTimes", () => {
  it("of 2A2F by the roofline alone are the longer of bytes and FLOPs of a card", () => {
    const layers = stageTimes(stageRates(step3({ efficiency: IDEAL })), 2048);
    expect(layers).toHaveLength(61);
    const moe = layers.at(-2);
    // 128 sequences a card: 43.4 GFLOP of projections, then 268 MB of KV.
    const projections = (7168 * 2048 + 2048 * 16384 + 7168 * 512 + 16384 * 7168) * 2 * 128;
    expect(moe?.attentionNs).toBeCloseTo((projections / 1.98e15 + (128 * 4096 * 512) / 3.35e12) * 1e9, 3);
    // 49 experts on 16 cards; they are read for longer than 2048 tokens are computed.
    expect(moe?.ffnNs).toBeCloseTo(((49 * 3 * 7168 * 5120) / 16 / 3.35e12) * 1e9, 3);
    expect(moe?.a2f.attentionLinkNs).toBeCloseTo((((2048 / 2) * 2 * 7168) / 4e11) * 1e9, 3);
    expect(moe?.f2a.ffnLinkNs).toBeCloseTo(((2048 * 7168 * 2) / 4e11) * 1e9, 3);
  });

  it("move 88 MB of an attention instance of 3A4F in 275 µs at 40 GB/s a NIC, and 44 MB of 2A2F in 138 µs", () => {
    const link = (setting: StageSetting, tokens: number) => {
      const [first] = stageTimes(stageRates(setting), tokens);
      return first === undefined ? Number.NaN : busiestLinkNs([first], "shared");
    };
    expect(link(step3({ deployment: deployment(3, 4) }), 3072)).toBeCloseTo(275_251, 0);
    expect(link(step3(), 2048)).toBeCloseTo(137_626, 0);
  });

  it("grow with tokens and context, and shrink with cards", () => {
    const count = fc.integer({ min: 1, max: 16 });
    fc.assert(
      fc.property(
        fc.constantFrom(...modelNames()),
        count,
        count,
        fc.integer({ min: 1, max: 8192 }),
        fc.constantFrom(...FFN_PARALLELISMS),
        (name, attentions, ffns, tokens, parallelism) => {
          const times = (a: number, f: number, t: number, contextTokens: number) => {
            const { attention, ffn } = deployment(a, f);
            const setting = { card: loadCatalogModel(name), contextTokens, efficiency: EFFICIENCY };
            const rates = stageRates({ ...setting, deployment: { attention, ffn: { ...ffn, parallelism } } });
            const layers = stageTimes(rates, t);
            return {
              attention: layers.reduce((sum, layer) => sum + layer.attentionNs, 0),
              ffn: layers.reduce((sum, layer) => sum + layer.ffnNs, 0),
            };
          };
          const base = times(attentions, ffns, tokens, 4096);
          const more = times(attentions, ffns, 2 * tokens, 8192);
          expect(more.attention).toBeGreaterThanOrEqual(base.attention);
          expect(more.ffn).toBeGreaterThanOrEqual(base.ffn);
          expect(times(2 * attentions, ffns, tokens, 4096).attention).toBeLessThanOrEqual(base.attention);
          if (parallelism === "expert") expect(times(1, 2 * ffns, tokens, 4096).ffn).toBeLessThanOrEqual(base.ffn);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("add up to the times of a step, whose pipeline is that of the layers", () => {
    for (const name of modelNames()) {
      const rates = stageRates(step3({ card: loadCatalogModel(name), deployment: deployment(3, 2) }));
      const layers = pipelineTime(stageTimes(rates, 1000), 3, "shared");
      const step = pipelineTime([stepTimes(rates, 1000)], 3, "shared");
      expect(step.bound).toBe(layers.bound);
      for (const [limit, limitNs] of Object.entries(layers.limitsNs)) {
        expect(step.limitsNs[limit as keyof typeof step.limitsNs] / limitNs).toBeCloseTo(1, 12);
      }
    }
  });

  it("need a network, and whole counts", () => {
    const l20 = { ...deployment(1, 1).attention, accelerator: loadAccelerator("l20") };
    expect(() => stageRates(step3({ deployment: { ...deployment(1, 1), attention: l20 } }))).toThrow(
      "l20.networkBytesPerSecond: expected a figure",
    );
    expect(() => stageRates(step3({ deployment: deployment(0, 1) }))).toThrow("attention instances: expected");
  });
});

describe("the constants", () => {
  it.each([
    ["step3", 8192, 281],
    ["step3", 32768, 791],
    ["deepseek-v3", 8192, 372],
    ["deepseek-v3", 32768, 1125],
  ] as const)(
    "give an attention layer of %s at %d as Table 9 has it, %d µs, within 2%%",
    (name, context, measuredUs) => {
      const card = loadCatalogModel(name);
      const [first] = card.layers;
      if (first === undefined) throw new Error("no layers");
      const rates = attentionRates(first.attention, card.hidden, {
        accelerator: h800,
        precision: "bf16",
        splitOver: 4,
        contextTokens: context,
        efficiency: EFFICIENCY,
      });
      expect(attentionNs(rates, 64) / 1e3 / measuredUs).toBeGreaterThan(0.98);
      expect(attentionNs(rates, 64) / 1e3 / measuredUs).toBeLessThan(1.02);
    },
  );

  it.each([
    [64, 173 + 314],
    [128, 192 + 369],
  ])("give dispatch and combine over %d cards as DeepEP measured them, %d µs, within 10%%", (cards, measuredUs) => {
    const plain = { accelerator: h800, cards, precision: "bf16", parallelism: "expert", redundantExperts: 0 } as const;
    const rates = plainRates({
      card: loadCatalogModel("deepseek-v3"),
      contextTokens: 4096,
      deployment: plain,
      efficiency: EFFICIENCY,
    });
    const moe = rates.at(-1);
    if (moe === undefined) throw new Error("no layers");
    const { a2f, f2a } = plainLayerTimes(moe, 128);
    const bothUs = (a2f.latencyNs + a2f.attentionLinkNs + f2a.latencyNs + f2a.attentionLinkNs) / 1e3;
    expect(bothUs / measuredUs).toBeGreaterThan(0.9);
    expect(bothUs / measuredUs).toBeLessThan(1.1);
  });
});
