import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { latenessOf } from "../../src/afd/lateness.ts";
import { stepTimes } from "../../src/afd/stepTimes.ts";
import { stageMedians, summarize } from "../../src/afd/summary.ts";
import { type MadeUp, madeUpLog } from "./logs.ts";

/** 100 + 10 + 100 + 10 a layer, and two hand-overs of 1. */
const layerNs = 222;

describe("stepTimes", () => {
  it("measures from the end of a step to the end of the next, the first from the run's beginning", () => {
    const times = stepTimes([madeUpLog({ steps: 3, layers: 2 })]);
    expect(times.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(times[0]).toMatchObject({ beginNs: 1000, endNs: 1000 + 2 * layerNs });
    expect(times[2]).toMatchObject({ endNs: 1000 + 6 * layerNs });
  });

  it("counts what a change of instances takes to the first step after it", () => {
    const before = madeUpLog({ steps: 2, layers: 1 });
    const after = madeUpLog({ firstStep: 2, steps: 2, layers: 1, attentionInstances: 3, startNs: 10_000 });
    const times = stepTimes([before, after]);
    expect(times.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    expect(times[2]).toMatchObject({ beginNs: 1000 + 2 * layerNs, endNs: 10_000 + layerNs });
    expect(times[3]).toMatchObject({ beginNs: 10_000 + layerNs, endNs: 10_000 + 2 * layerNs });
  });

  it("leaves out steps that an instance has no note of", () => {
    const log = madeUpLog({ steps: 4, layers: 1 });
    const attention = log.attention.map((entries, instance) =>
      instance === 1 ? entries.filter(({ step }) => step !== 2) : entries,
    );
    // Step 1 ends with the stage of step 2 that is missing: neither it nor the one that begins with its end can be timed.
    expect(stepTimes([{ ...log, attention }]).map(({ step }) => step)).toEqual([0, 3]);
  });

  it("does not take what a restarted instance ran once more for a step's end", () => {
    const log = madeUpLog({ steps: 3, layers: 1 });
    const again = { lastPeer: -1, redone: 1, waitNs: 9000, pushedNs: 9000, usableNs: 9000, beginNs: 9000, endNs: 9100 };
    const attention = log.attention.map((entries) => {
      const ended = entries.at(-1) as (typeof entries)[number];
      const stage = entries[2] as (typeof entries)[number];
      return [...entries, { ...stage, ...again }, { ...ended, beginNs: 9999, redone: 1 }];
    });
    expect(stepTimes([{ ...log, attention }])).toEqual(stepTimes([log]));
    const { tpot, lateness, instances } = summarize([{ ...log, attention }], 0);
    expect(tpot).toEqual(summarize([log], 0).tpot);
    expect(lateness.byName).toEqual(latenessOf([log], 0).byName);
    expect(instances[0]?.stages).toBe(3);
  });

  it("takes the moment at which the last attention instance has its sums", () => {
    const slowLink: MadeUp = {
      steps: 1,
      layers: 1,
      takesNs: (part, pair) => (part === "f2a" && pair === 11 ? 50 : 10),
    };
    const [step] = stepTimes([madeUpLog(slowLink)]);
    expect(step?.endNs).toBe(1000 + 10 + 10 + 1 + 10 + 50 + 1);
  });
});

describe("summarize", () => {
  it("gives TPOT and tokens per second of equal steps, warm-up left out", () => {
    const slowStart: MadeUp = {
      ...{ steps: 5, layers: 2, sizes: [6] },
      takesNs: (part, _, step) => (step < 2 ? 1000 : part === "attention" || part === "ffn" ? 100 : 10),
    };
    const { tpot } = summarize([madeUpLog(slowStart)], 2);
    expect(tpot).toMatchObject({ medianNs: 2 * layerNs, meanNs: 2 * layerNs, p99Ns: 2 * layerNs, steps: 3 });
    expect(tpot?.tokensPerSecond).toBeCloseTo((6 / (2 * layerNs)) * 1e9, 3);
  });

  it("adds the tokens of micro-batches of different size", () => {
    const { tpot } = summarize([madeUpLog({ steps: 4, layers: 1, sizes: [5, 3] })], 1);
    expect(tpot?.steps).toBe(6);
    expect(tpot?.tokensPerSecond).toBeCloseTo((8 / layerNs) * 1e9, 3);
  });

  it("has no times where no counted step is over", () => {
    const { tpot, bubbleFraction, instances } = summarize([madeUpLog({ steps: 2, layers: 1 })], 2);
    expect({ tpot, bubbleFraction }).toEqual({ tpot: undefined, bubbleFraction: undefined });
    expect(instances.map(({ stages }) => stages)).toEqual([0, 0, 0, 0]);
  });

  it("divides each instance's time into computing and waiting", () => {
    const { instances, bubbleFraction } = summarize([madeUpLog({ steps: 40, layers: 3 })], 1);
    for (const { busyFraction, waitFraction, sendingFraction } of instances) {
      expect(busyFraction).toBeCloseTo(100 / layerNs, 2);
      expect(waitFraction).toBeCloseTo(122 / layerNs, 2);
      expect(sendingFraction).toBe(0);
    }
    expect(bubbleFraction).toBeCloseTo(122 / layerNs, 2);
  });

  it("gives hand-overs of receivers that waited, to the digits of an HDR histogram", () => {
    const { handovers } = summarize([madeUpLog({ steps: 3, layers: 2 }, 700)], 1);
    expect(handovers.a2f?.medianNs).toBeCloseTo(700, -1);
    // Two receivers, two steps of two layers; attention has the end of the last step beside them.
    expect(handovers.a2f?.count).toBe(8);
    expect(handovers.f2a?.count).toBe(10);
    expect(handovers.f2a?.percentiles.at(-1)?.percentile).toBe(100);
  });

  it("counts no hand-over to a receiver that was busy", () => {
    const log = madeUpLog({ steps: 3, layers: 1 });
    const busy = log.ffn.map((entries) => entries.map((entry) => ({ ...entry, waitNs: entry.usableNs + 1 })));
    expect(summarize([{ ...log, ffn: busy }], 0).handovers.a2f).toBeUndefined();
  });

  it("says whose message its peers waited for", () => {
    const slow: MadeUp = { steps: 4, layers: 1, takesNs: (part, i) => (part === "ffn" && i === 1 ? 150 : 100) };
    const { instances } = summarize([madeUpLog(slow)], 1);
    expect(instances.find(({ name }) => name === "F1")?.lastFraction).toBe(1);
    expect(instances.find(({ name }) => name === "F0")?.lastFraction).toBe(0);
  });

  it("holds for any times: shares are of one whole, percentiles in order", () => {
    fc.assert(
      fc.property(
        fc.record({
          steps: fc.integer({ min: 2, max: 4 }),
          layers: fc.integer({ min: 1, max: 3 }),
          attentionInstances: fc.integer({ min: 1, max: 3 }),
          ffnInstances: fc.integer({ min: 1, max: 3 }),
          sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
          times: fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 50 }),
        }),
        ({ times, ...shape }) => {
          let drawn = 0;
          const log = madeUpLog({ ...shape, takesNs: () => times[drawn++ % times.length] as number });
          const { tpot, instances, lateness } = summarize([log], 1);
          expect(tpot?.medianNs).toBeLessThanOrEqual(tpot?.p95Ns ?? 0);
          expect(tpot?.p95Ns).toBeLessThanOrEqual(tpot?.p99Ns ?? 0);
          for (const each of instances) {
            for (const share of [each.waitFraction, each.idleFraction, each.sendingFraction])
              expect(share).toBeGreaterThanOrEqual(0);
            expect(each.stages).toBe((shape.steps - 1) * shape.layers * shape.sizes.length);
          }
          for (const { lateNs, lateMostNs } of lateness.byName.values()) {
            expect(lateNs).toBeGreaterThanOrEqual(0);
            expect(lateMostNs).toBeGreaterThanOrEqual(lateNs);
          }
        },
      ),
    );
  });
});

describe("stageMedians", () => {
  it("keeps layers and micro-batches apart", () => {
    const log = madeUpLog({ steps: 3, layers: 2, sizes: [2, 2], takesNs: (_, __, ___, layer) => 100 * (layer + 1) });
    expect(stageMedians([log], "attention", 1)).toEqual([
      [100, 100],
      [200, 200],
    ]);
  });
});

describe("latenessOf", () => {
  const lateIn = (part: string, of: number): MadeUp => ({
    ...{ steps: 6, layers: 2 },
    takesNs: (at, i, step) => (at === part && i === of && step === 3 ? 400 : 100),
  });

  it.each([
    ["attention", 1, "A1"],
    ["ffn", 0, "F0"],
    ["a2f", 10, "A1 to F0"],
    ["f2a", 1, "F0 to A1"],
  ] as const)("finds what was late in %s", (part, of, name) => {
    const { perStepNs, byName } = latenessOf([madeUpLog(lateIn(part, of))], 1);
    // 300 in both layers of one of five steps.
    expect(perStepNs).toEqual({ attention: 0, a2f: 0, ffn: 0, f2a: 0, [part]: (2 * 300) / 5 });
    const late = [...byName.values()].filter(({ lateNs }) => lateNs > 0);
    expect(late.map((each) => each.name)).toEqual([name]);
    expect(byName.get(name)).toMatchObject({ part, lateMostNs: 300 });
  });

  it("calls an instance late that is always slow, and nobody where all take the same", () => {
    const slow: MadeUp = { steps: 5, layers: 1, takesNs: (part, i) => (part === "ffn" && i === 1 ? 150 : 100) };
    const { byName } = latenessOf([madeUpLog(slow)], 1);
    expect(byName.get("F1")).toMatchObject({ lateNs: 50, lateMostNs: 50 });
    expect(byName.get("F0")).toMatchObject({ lateNs: 0 });
  });

  it("says nothing of messages whose sender is not known", () => {
    const log = madeUpLog({ steps: 3, layers: 1 });
    const unknown = log.ffn.map((entries) => entries.map((entry) => ({ ...entry, lastPeer: -1 })));
    const names = [...latenessOf([{ ...log, ffn: unknown }], 1).byName.keys()];
    expect(names.filter((name) => / to F/.test(name))).toEqual([]);
  });
});
