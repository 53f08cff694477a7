import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requirePrice } from "../../src/hardware/accelerator.ts";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { afdCardBytes, plainCardBytes, usableBytes } from "../../src/simulate/cardMemory.ts";
import { compared, plan } from "../../src/simulate/plan.ts";
import { searchAfd } from "../../src/simulate/planAfd.ts";
import { afdStepTime } from "../../src/simulate/planBatch.ts";
import { bestPlain } from "../../src/simulate/planPlain.ts";
import { CUTS, OBJECTIVES, type PlanQuestion } from "../../src/simulate/planQuestion.ts";
import { busiestContextFactor } from "../../src/theory/contextSpread.ts";
import { EFFICIENCY } from "../../src/theory/efficiency.ts";
import { pipelineTime } from "../../src/theory/pipeline.ts";
import { stageRates, stageTimes } from "../../src/theory/stageTimes.ts";

function hardware(...names: string[]) {
  return names.map((name) => requirePrice(loadAccelerator(name)));
}

function question(model: string, changes: Partial<PlanQuestion> = {}): PlanQuestion {
  return {
    card: loadCatalogModel(model),
    contextTokens: 4096,
    tpotNs: 50e6,
    objective: "cost",
    maxCards: 48,
    attentionOn: hardware("h800"),
    ffnOn: hardware("h800"),
    precisions: ["auto"],
    parallelisms: ["expert", "tensor"],
    redundantExperts: [0, 1],
    microBatches: [1, 2, 3, 4],
    instanceCards: [4, 8],
    linkUse: "shared",
    efficiency: EFFICIENCY,
    ...changes,
  };
}

const models = fc.constantFrom("step3", "deepseek-v3", "qwen3-235b-a22b", "llama-3.1-70b", "minimax-m1");
const questions = fc.record({
  model: models,
  contextTokens: fc.constantFrom(1024, 4096, 16384),
  tpotNs: fc.integer({ min: 30e6, max: 100e6 }),
  maxCards: fc.integer({ min: 16, max: 48 }),
  sequences: fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined }),
  contextVariation: fc.constantFrom(undefined, 0.5, 1.3),
});

describe("searchAfd", () => {
  it("finds deployments that fit memory, meet the TPOT, and take the time that the pipeline of all layers takes", () => {
    fc.assert(
      fc.property(questions, fc.constantFrom(...OBJECTIVES), ({ model, ...asked }, objective) => {
        const whole = question(model, { ...asked, objective });
        const { card, contextTokens, contextVariation = 0, efficiency, linkUse } = whole;
        for (const one of searchAfd(whole, 5).plans) {
          const { deployment, microBatches, microBatchTokens } = one;
          const { attention, ffn } = deployment;
          const attentionCards = attention.instances * attention.cards;
          expect(one.cards).toBe(attentionCards + ffn.instances * ffn.cards);
          expect(one.cards).toBeLessThanOrEqual(whole.maxCards);
          expect(one.batch).toBeLessThanOrEqual(whole.sequences ?? Number.POSITIVE_INFINITY);
          const sequences = microBatches * Math.ceil(microBatchTokens / attentionCards);
          // The card with the longest contexts holds them.
          const factor = busiestContextFactor(contextVariation, efficiency.contextQuantile, sequences);
          const held = afdCardBytes(card, contextTokens * factor, deployment, efficiency);
          expect(held.ffnWeightBytes).toBeLessThanOrEqual(usableBytes(ffn.accelerator, efficiency));
          expect(held.attentionWeightBytes + sequences * held.sequenceBytes).toBeLessThanOrEqual(
            usableBytes(attention.accelerator, efficiency),
          );
          const rates = stageRates({ card, contextTokens, contextVariation, deployment, efficiency });
          const step = pipelineTime(stageTimes(rates, microBatchTokens), microBatches, linkUse);
          expect((step.timeNs + efficiency.jitterNs) / one.tpotNs).toBeCloseTo(1, 9);
          expect(one.tpotNs).toBeLessThanOrEqual(whole.tpotNs * (1 + 1e-12));
        }
      }),
      { numRuns: 30 },
    );
  });

  it("cuts nothing that is better than what it finds", () => {
    fc.assert(
      fc.property(questions, ({ model, ...asked }) => {
        // Without pruning: every deployment is a question of its own.
        const whole = question(model, { ...asked, maxCards: 24, instanceCards: [8] });
        const [best] = searchAfd(whole, 1).plans;
        const all = searchAfd(whole, Number.POSITIVE_INFINITY);
        expect(all.plans[0]?.usdPerMillionTokens).toBe(best?.usdPerMillionTokens);
      }),
      { numRuns: 20 },
    );
  });

  it("never gives fewer tokens a second for more cards, AFD or plain", () => {
    fc.assert(
      fc.property(questions, fc.integer({ min: 0, max: 16 }), ({ model, ...asked }, more) => {
        const whole = question(model, { ...asked, objective: "throughput" });
        const larger = { ...whole, maxCards: whole.maxCards + more };
        const afd = (one: PlanQuestion) => searchAfd(one, 1).plans[0]?.tokensPerSecond ?? 0;
        const plain = (one: PlanQuestion) => bestPlain(one).best?.tokensPerSecond ?? 0;
        expect(afd(larger)).toBeGreaterThanOrEqual(afd(whole));
        expect(plain(larger)).toBeGreaterThanOrEqual(plain(whole));
      }),
      { numRuns: 25 },
    );
  });

  it("finds the largest batch: one more sequence on every card would be too slow", () => {
    const whole = question("step3");
    const [best] = searchAfd(whole, 1).plans;
    if (best === undefined) throw new Error("nothing found");
    const { deployment, microBatchTokens, microBatches } = best;
    const rates = stageRates({ ...whole, deployment });
    const stepOf = (tokens: number) => afdStepTime(rates, tokens, microBatches).timeNs;
    expect(best.limit).toBe("time");
    expect(stepOf(microBatchTokens)).toBeLessThanOrEqual(48e6);
    expect(stepOf(microBatchTokens + rates.attentionCards)).toBeGreaterThan(48e6);
  });

  it("counts what became of every deployment", () => {
    const { deployments, evaluated, cuts } = searchAfd(question("deepseek-v3"), 5);
    const before = CUTS.reduce((sum, cut) => sum + cuts[cut], 0);
    expect(deployments).toBeGreaterThan(1000);
    expect(cuts.sparsity).toBeGreaterThan(0);
    expect(cuts.memory).toBeGreaterThan(0);
    // What was looked at and found too slow is counted by what it waits for, too.
    expect(before + evaluated).toBeGreaterThanOrEqual(deployments);
    expect(before).toBeLessThanOrEqual(deployments);
  });

  it("pairs different accelerators where that is cheaper", () => {
    const both = hardware("h800", "h20");
    const cheap = both.map((one) => (one.name === "h20" ? { ...one, usdPerHour: 0.2 } : one));
    const [best] = searchAfd(question("step3", { attentionOn: cheap, ffnOn: cheap }), 1).plans;
    expect(best?.deployment.attention.accelerator.name).toBe("h20");
  });
});

describe("plan", () => {
  it("is the same every time", () => {
    const whole = question("step3", { attentionOn: hardware("h800", "h20"), maxCards: 32 });
    expect(plan(whole, 5)).toEqual(plan(whole, 5));
  });

  it("is confirmed by simulation: the best within 1%, none shorter than the closed form", () => {
    for (const model of ["step3", "deepseek-v3"]) {
      const { ranked } = plan(question(model, { maxCards: 64 }), 10);
      const best = ranked.find((one) => one.plan.kind === "afd");
      expect((best?.simulatedTpotNs ?? 0) / (best?.plan.tpotNs ?? 1)).toBeLessThan(1.01);
      for (const { plan: one, simulatedTpotNs } of ranked) {
        expect(simulatedTpotNs === undefined).toBe(one.kind === "plain");
        if (simulatedTpotNs === undefined) continue;
        expect(simulatedTpotNs / one.tpotNs).toBeGreaterThan(0.999);
        expect(simulatedTpotNs / one.tpotNs).toBeLessThan(1.1);
      }
    }
  });

  it("says what would turn the choice, and it does", () => {
    const whole = question("step3", { contextTokens: 4096 });
    const { turns, ranked } = plan(whole, 3);
    const best = ranked.find(({ plan: one }) => one.kind === "afd");
    expect(best?.comparison?.gainFraction).toBeGreaterThan(0);
    const batch = turns.find(({ lever }) => lever === "batch");
    expect(batch?.factor).toBeLessThan(1);
    expect(batch?.gainFraction).toBeLessThan(0);
    const cards = best?.plan.cards ?? 0;
    const turned = question("step3", { sequences: batch?.value, maxCards: cards });
    const [afd] = searchAfd(turned, 1).plans;
    expect(afd === undefined ? 0 : compared(turned, afd).gainFraction).toBe(batch?.gainFraction);
  });

  it.each([
    ["no deployment holds", { maxCards: 8, instanceCards: [4] }, /no deployment holds deepseek-v3 .* GiB/],
    ["a TPOT below all overheads", { tpotNs: 5e6, maxCards: 64 }, /nothing meets a TPOT of 5.00 ms .*bound by/],
  ] as const)("refuses %s", (_, changes, message) => {
    expect(() => plan(question("deepseek-v3", changes), 3)).toThrow(message);
  });
});

/** By how much the plain deployment on as many cards is dearer than the cheapest AFD. */
function gain(whole: PlanQuestion): number {
  const [best] = searchAfd(whole, 1).plans;
  if (best === undefined) throw new Error("no AFD serves");
  const { gainFraction } = compared(whole, best);
  if (gainFraction === undefined) throw new Error("no plain deployment serves");
  return gainFraction;
}

describe("when not to disaggregate", () => {
  it("advises AFD for Step-3 on H800, the deployment that it was made for", () => {
    expect(gain(question("step3"))).toBeGreaterThan(0.05);
  });

  it("advises against it on a narrow network", () => {
    const narrow = hardware("h800").map((one) => ({ ...one, networkBytesPerSecond: 1e11 }));
    expect(gain(question("step3", { attentionOn: narrow, ffnOn: narrow }))).toBeLessThan(-0.2);
  });

  it("advises against it for a sparser mixture of experts", () => {
    const { layers, ...card } = loadCatalogModel("deepseek-v3");
    const choosing = (topK: number) => ({
      ...card,
      layers: layers.map((layer) =>
        layer.ffn.kind === "moe" ? { ...layer, ffn: { ...layer.ffn, router: { ...layer.ffn.router, topK } } } : layer,
      ),
    });
    expect(gain(question("deepseek-v3", { maxCards: 64, card: choosing(8) }))).toBeGreaterThan(0);
    expect(gain(question("deepseek-v3", { maxCards: 64, card: choosing(2) }))).toBeLessThan(-0.05);
    expect(gain(question("kimi-k2", { maxCards: 80 }))).toBeLessThan(-0.05);
  });

  it("advises against it for a small batch", () => {
    expect(gain(question("step3", { sequences: 256 }))).toBeLessThan(-0.1);
    expect(gain(question("step3", { sequences: 1024 }))).toBeLessThan(-0.1);
  });

  it("charges the hottest card, and takes copies of busy experts where it is hot", () => {
    const hot = { ...EFFICIENCY, hottestCardFactor: 1.6 };
    const cool = { ...EFFICIENCY, hottestCardFactor: 1 };
    const fastest = (efficiency: typeof EFFICIENCY) =>
      searchAfd(question("step3", { efficiency, redundantExperts: [0] }), 1).plans[0]?.tokensPerSecond ?? 0;
    expect(fastest(hot)).toBeLessThan(fastest(cool));
    const copies = searchAfd(question("step3", { efficiency: hot, redundantExperts: [0, 1] }), 1).plans[0];
    expect(copies?.deployment.ffn.redundantExperts).toBe(1);
  });

  it("compares with plain deployments whose weights and sequences fit", () => {
    const whole = question("step3");
    const { best } = bestPlain(whole);
    if (best === undefined) throw new Error("nothing found");
    const held = plainCardBytes(whole.card, whole.contextTokens, best.deployment, EFFICIENCY);
    const sequences = (best.microBatches * best.microBatchTokens) / best.deployment.cards;
    const bytes = held.attentionWeightBytes + held.ffnWeightBytes + Math.ceil(sequences) * held.sequenceBytes;
    expect(bytes).toBeLessThanOrEqual(usableBytes(best.deployment.accelerator, EFFICIENCY));
  });
});
