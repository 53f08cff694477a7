import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Slice } from "../../src/record/slice.ts";
import { type ClusterChoice, clusterOf } from "../../src/simulate/cluster.ts";
import { ClusterEngine } from "../../src/simulate/engine.ts";
import { steadyLoad } from "../../src/simulate/steadyLoad.ts";
import { type PipelineTimes, pipelineTime } from "../../src/theory/pipeline.ts";
import { anyTimes, latencies } from "../theory/pipelineTimes.ts";

const LAYERS = 12;

/** Steps after as many in which the pipeline settles. */
function simulate(choice: ClusterChoice, steps = 6) {
  const slices: Slice[] = [];
  const cluster = clusterOf(choice);
  const load = steadyLoad(cluster, { steps, warmUpSteps: steps });
  const engine = new ClusterEngine(cluster, load, (slice) => slices.push(slice));
  while (engine.advance(10_000));
  return { tpotNs: load.tpotNs(), stepsNs: load.stepsNs(), utilization: engine.utilization(), slices };
}

function equalLayers(times: PipelineTimes): readonly PipelineTimes[] {
  return Array.from({ length: LAYERS }, () => times);
}

const instances = fc.integer({ min: 1, max: 5 });
const microBatches = fc.integer({ min: 1, max: 4 });
const TIMES = latencies(200e3, 90e3, 210e3, 180e3);
const BASE = { attentionInstances: 3, ffnInstances: 2, microBatches: 3, layers: equalLayers(TIMES) };

describe("ClusterEngine", () => {
  it("agrees with the closed form within 0.1% on duplex links", () => {
    fc.assert(
      fc.property(anyTimes(), microBatches, instances, instances, (times, m, attentionInstances, ffnInstances) => {
        const layers = equalLayers(times);
        const { timeNs } = pipelineTime(layers, m);
        const { tpotNs } = simulate({ attentionInstances, ffnInstances, microBatches: m, layers });
        expect(Math.abs(tpotNs / timeNs - 1)).toBeLessThan(0.001);
      }),
      { numRuns: 300 },
    );
  });

  it("on shared links is never faster than the closed form, and as fast where nothing meets on a link", () => {
    fc.assert(
      fc.property(anyTimes(), microBatches, instances, instances, (times, m, attentionInstances, ffnInstances) => {
        const layers = equalLayers(times);
        const { timeNs, communicationHidden } = pipelineTime(layers, m, "shared");
        const { tpotNs } = simulate({ attentionInstances, ffnInstances, microBatches: m, layers, linkUse: "shared" });
        // A step may begin a layer later than the one before it did.
        expect(tpotNs / timeNs).toBeGreaterThan(1 - 1 / (5 * LAYERS));
        if (m === 1 || (m === 2 && communicationHidden)) expect(tpotNs / timeNs).toBeLessThan(1.001);
      }),
      { numRuns: 200 },
    );
  });

  it("is never faster than the closed form where layers differ", () => {
    fc.assert(
      fc.property(fc.array(anyTimes(), { minLength: 2, maxLength: 6 }), microBatches, (layers, m) => {
        const { tpotNs } = simulate({ attentionInstances: 2, ffnInstances: 3, microBatches: m, layers }, 20);
        expect(tpotNs / pipelineTime(layers, m).timeNs).toBeGreaterThan(1 - 1 / 19);
      }),
    );
  });

  it("keeps the longest stage busy, and the others in proportion", () => {
    const { utilization, tpotNs } = simulate({ ...BASE, layers: equalLayers(latencies(100e3, 20e3, 200e3, 20e3)) }, 30);
    expect(tpotNs).toBeCloseTo(LAYERS * 3 * 200e3, 0);
    expect(utilization?.ffn).toBeCloseTo(1, 2);
    expect(utilization?.attention).toBeCloseTo(0.5, 2);
    expect(utilization?.attentionLink).toBe(0);
  });

  it("waits for the slowest instance", () => {
    const { tpotNs } = simulate({ ...BASE, attentionSlowdowns: [1, 1.5, 1] });
    expect(tpotNs).toBeCloseTo(LAYERS * 3 * 300e3, 0);
  });

  it("waits for the hottest experts, less where other instances have them in other layers", () => {
    const always = (load: number) => Array.from({ length: LAYERS }, () => load);
    const tpotNs = (...expertLoads: number[][]) => simulate({ ...BASE, expertLoads }).tpotNs;
    const hottest = tpotNs(always(1.4), always(0.6));
    expect(hottest).toBeCloseTo(LAYERS * 3 * 1.4 * 210e3, 0);
    const inTurns = always(1.4).map((load, layer) => (layer % 2 === 0 ? load : 2 - load));
    const alternating = tpotNs(
      inTurns,
      inTurns.map((load) => 2 - load),
    );
    expect(alternating).toBeGreaterThan(LAYERS * 3 * 210e3);
    expect(alternating).toBeLessThan(hottest);
  });

  it.each([
    { kind: "lognormal", sigma: 0.1 },
    { kind: "uniform", share: 0.2 },
  ] as const)("is slower with $kind jitter, the more so the more instances must meet", (jitter) => {
    const { timeNs } = pipelineTime(BASE.layers, 3);
    const few = simulate({ ...BASE, attentionInstances: 1, ffnInstances: 1, jitter }, 30).tpotNs;
    const many = simulate({ ...BASE, attentionInstances: 16, ffnInstances: 16, jitter }, 30).tpotNs;
    expect(few).toBeGreaterThan(timeNs);
    expect(many).toBeGreaterThan(few);
  });

  it("loses the work at hand and the recovery when an instance fails", () => {
    const failing = { side: "ffn", instance: 1, atNs: 40e6, recoveryNs: 5e6 } as const;
    const { slices } = simulate({ ...BASE, outages: [failing] });
    const during = slices.filter(
      ({ side, instance, lane, startNs, endNs }) =>
        side === "ffn" && instance === 1 && lane === "compute" && startNs < 45e6 && endNs > 40e6,
    );
    expect(during).toEqual([]);
    const lastNs = (all: readonly Slice[]) => all.reduce((last, { endNs }) => Math.max(last, endNs), 0);
    const delayNs = lastNs(slices) - lastNs(simulate(BASE).slices);
    expect(delayNs).toBeGreaterThan(4e6);
    expect(delayNs).toBeLessThan(5e6 + 2 * 210e3);
  });

  it("fails at random so often as the mean says, and gets the work done all the same", () => {
    const failures = { ffn: { meanBetweenNs: 20e6, recoveryNs: 2e6 } };
    const one = {
      ...BASE,
      attentionInstances: 1,
      ffnInstances: 1,
      layers: equalLayers(latencies(50e3, 1e3, 100e3, 1e3)),
    };
    const { tpotNs, slices } = simulate({ ...one, failures }, 1500);
    // Of every 20 ms some work of 100 us is lost, half of it on average, and 2 ms pass.
    expect(tpotNs / (LAYERS * 3 * 100e3)).toBeCloseTo(1 + (2e6 + 50e3) / 20e6, 1.5);
    const outages = slices.filter(({ lane }) => lane === "outage");
    expect(outages.length).toBeGreaterThan(300);
    expect(outages.every(({ side, startNs, endNs }) => side === "ffn" && Math.abs(endNs - startNs - 2e6) < 1)).toBe(
      true,
    );
    const starts = outages.map(({ startNs }) => startNs);
    expect(starts).toEqual(starts.toSorted((first, second) => first - second));
    const during = slices.filter(
      ({ side, lane, startNs, endNs }) =>
        side === "ffn" &&
        lane === "compute" &&
        outages.some((outage) => startNs < outage.endNs - 1 && endNs > outage.startNs + 1),
    );
    expect(during).toEqual([]);
  });

  it("fails alike for the same seed, at other times on other instances, and beside failures at given times", () => {
    const failures = { attention: { meanBetweenNs: 30e6, recoveryNs: 1e6 } };
    const outages = [{ side: "attention", instance: 0, atNs: 12e6, recoveryNs: 3e6 } as const];
    const [once, again] = [1, 1].map(() => simulate({ ...BASE, failures, outages }, 40));
    expect(once?.stepsNs).toEqual(again?.stepsNs);
    const starts = (instance: number) =>
      once?.slices
        .filter((slice) => slice.lane === "outage" && slice.instance === instance)
        .map(({ startNs }) => startNs);
    expect(starts(0)).toContain(12e6);
    expect(starts(1)?.length).toBeGreaterThan(2);
    expect(starts(1)).not.toEqual(starts(2));
  });

  it("ends where an instance fails more often than it can finish anything", () => {
    const failures = { attention: { meanBetweenNs: 10, recoveryNs: 10 } };
    expect(() => simulate({ ...BASE, failures })).toThrow(/an instance fails so often/);
  });

  it("never lets an instance do two things at once, nor a link in one direction", () => {
    const linked = { ...TIMES, a2f: { latencyNs: 5e3, attentionLinkNs: 70e3, ffnLinkNs: 90e3 } };
    for (const linkUse of ["shared", "duplex"] as const) {
      const jitter = { kind: "lognormal", sigma: 0.3 } as const;
      const { slices } = simulate({ ...BASE, linkUse, jitter, layers: equalLayers(linked) });
      const tracks = Map.groupBy(slices, ({ side, instance, lane }) => `${side} ${instance} ${lane}`);
      for (const track of tracks.values()) {
        const inOrder = track.toSorted((one, other) => one.startNs - other.startNs || one.endNs - other.endNs);
        for (const [index, slice] of inOrder.entries()) {
          expect(slice.startNs).toBeGreaterThanOrEqual(inOrder[index - 1]?.endNs ?? 0);
        }
      }
    }
  });

  it("gives the same times for the same seed, and others for another", () => {
    const stepsOf = (seed: number) => simulate({ ...BASE, seed, jitter: { kind: "lognormal", sigma: 0.05 } }).stepsNs;
    expect(stepsOf(7)).toEqual(stepsOf(7));
    expect(stepsOf(7)).not.toEqual(stepsOf(8));
    // To the picosecond on every machine: no function whose last bit an engine may choose takes part.
    expect(stepsOf(7).slice(0, 2)).toMatchInlineSnapshot(`
      [
        8455100.93,
        8394234.07,
      ]
    `);
  });

  it.each([
    [{ attentionInstances: 0 }, /attention instances: expected a whole number from 1/],
    [{ microBatches: 65 }, /micro-batches: expected a whole number from 1 to 64/],
    [{ layers: [] }, /layers: expected at least one/],
    [{ layers: [latencies(Number.NaN, 1, 1, 1)] }, /attention time: expected a time/],
    [{ layers: [latencies(0, 1, 0, 1)] }, /expected at least one above 0/],
    [{ ffnSlowdowns: [1] }, /FFN slowdowns: expected 2 factors/],
    [{ jitter: { kind: "uniform", share: 1.5 } as const }, /jitter: share: expected a number from 0 to 1/],
    [{ outages: [{ side: "ffn", instance: 2, atNs: 0, recoveryNs: 1 } as const] }, /expected an instance from 0 to 1/],
  ])("refuses %j", (change, message) => {
    expect(() => clusterOf({ ...BASE, ...change })).toThrow(message);
  });
});
