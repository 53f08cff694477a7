import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  busiestLinkNs,
  type LinkUse,
  microBatchesToHide,
  type PipelineTimes,
  pipelineTime,
  transferNs,
} from "../../src/theory/pipeline.ts";
import { anyTimes, latencies } from "./pipelineTimes.ts";

const linkUse = fc.constantFrom<LinkUse>("shared", "duplex");
const microBatches = fc.integer({ min: 1, max: 16 });

/** An attention instance of 3A4F moves 88 MB over its NICs in 275 µs, an eighth of it a micro-batch. */
const linked: PipelineTimes = {
  attentionNs: 200e3,
  a2f: { latencyNs: 10e3, attentionLinkNs: 80e3, ffnLinkNs: 60e3 },
  ffnNs: 220e3,
  f2a: { latencyNs: 10e3, attentionLinkNs: 170e3, ffnLinkNs: 120e3 },
};

describe("pipelineTime", () => {
  it("of one micro-batch is its round trip", () => {
    expect(pipelineTime([linked], 1)).toEqual({
      timeNs: 690e3,
      bound: "roundTrip",
      limitsNs: { attention: 200e3, ffn: 220e3, network: 170e3, roundTrip: 690e3 },
      communicationHidden: false,
    });
  });

  it("is bound by a link both of whose directions take turns, and not where each has its own", () => {
    expect(pipelineTime([linked], 3, "shared")).toMatchObject({ timeNs: 750e3, bound: "network" });
    expect(pipelineTime([linked], 4, "duplex")).toMatchObject({
      timeNs: 880e3,
      bound: "ffn",
      communicationHidden: true,
    });
  });

  it("is the report's 50 ms where each of three stages takes 273 µs in 61 layers", () => {
    const layers = Array.from({ length: 61 }, () => latencies(273_224, 100_000, 273_224, 173_224));
    expect(pipelineTime(layers, 3).timeNs / 1e6).toBeCloseTo(50, 3);
  });

  it("hides communication exactly where the report's inequality holds", () => {
    fc.assert(
      fc.property(anyTimes(), microBatches, linkUse, (times, m, use) => {
        const { attentionNs, ffnNs, a2f, f2a } = times;
        const longer = Math.max(attentionNs, ffnNs);
        const fits = transferNs(a2f) + transferNs(f2a) <= (m - 1) * longer - Math.min(attentionNs, ffnNs);
        const free = busiestLinkNs([times], use) <= longer;
        expect(pipelineTime([times], m, use).communicationHidden).toBe(fits && free);
      }),
    );
  });

  it("grows with every part, and per micro-batch falls with their number", () => {
    fc.assert(
      fc.property(anyTimes(), microBatches, linkUse, (times, m, use) => {
        const { timeNs, limitsNs, bound } = pipelineTime([times], m, use);
        expect(timeNs).toBe(limitsNs[bound]);
        expect(pipelineTime([{ ...times, ffnNs: times.ffnNs + 1000 }], m, use).timeNs).toBeGreaterThanOrEqual(timeNs);
        expect(pipelineTime([times], m + 1, use).timeNs).toBeGreaterThanOrEqual(timeNs);
        expect(pipelineTime([times], m + 1, use).timeNs / (m + 1)).toBeLessThanOrEqual((timeNs / m) * (1 + 1e-12));
        expect(pipelineTime([times], m, "duplex").timeNs).toBeLessThanOrEqual(
          pipelineTime([times], m, "shared").timeNs,
        );
        expect(pipelineTime([times, times, times], m, use).timeNs).toBeCloseTo(3 * timeNs, 3);
      }),
    );
  });
});

describe("microBatchesToHide", () => {
  it("is the least number that hides, or none", () => {
    fc.assert(
      fc.property(anyTimes(), linkUse, (times, use) => {
        const least = microBatchesToHide([times], use);
        if (least === undefined) {
          expect(pipelineTime([times], 1000, use).bound).toBe("network");
          return;
        }
        expect(pipelineTime([times], least, use).communicationHidden).toBe(true);
        if (least > 1) expect(pipelineTime([times], least - 1, use).communicationHidden).toBe(false);
      }),
    );
  });

  it("is three where transfers take a stage together, four where they take one each", () => {
    expect(microBatchesToHide([latencies(250e3, 100e3, 250e3, 150e3)])).toBe(3);
    expect(microBatchesToHide([latencies(250e3, 250e3, 250e3, 250e3)])).toBe(4);
  });
});
