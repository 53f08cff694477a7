import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type EmulatedPipeline, emulatedTpotNs } from "../../src/simulate/emulatedTpot.ts";

/** Runs of `afdbench pipeline` with emulated stages on a machine of two cores, kept by bench/simulated.bench.ts. */
const runs = JSON.parse(
  readFileSync(new URL("./recorded/emulatedRuns.json", import.meta.url), "utf8"),
) as readonly (EmulatedPipeline & { readonly name: string; readonly measuredTpotNs: number })[];

describe("the simulator beside recorded runs on threads", () => {
  const errors = runs.map((run) => Math.abs(emulatedTpotNs(run) / run.measuredTpotNs - 1));

  it("has runs of every kind, from 1A1F to 8A8F and with 1 to 4 micro-batches", () => {
    expect(new Set(runs.map(({ name }) => name))).toEqual(
      new Set(["balanced", "balanced, jitter", "A-bound", "F-bound", "network-bound"]),
    );
    expect(new Set(runs.map(({ microBatches }) => microBatches))).toEqual(new Set([1, 2, 3, 4]));
    expect(Math.max(...runs.map(({ attentionInstances }) => attentionInstances))).toBe(8);
  });

  it("is within 3% in the mean and 5% at worst", () => {
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.03);
    expect(Math.max(...errors)).toBeLessThan(0.05);
  });

  it("would notice stages that take 10% longer than they did", () => {
    const slower = runs.map((run) =>
      Math.abs(
        emulatedTpotNs({
          ...run,
          ...{
            attentionNs: run.attentionNs * 1.1,
            ffnNs: run.ffnNs * 1.1,
            a2fNs: run.a2fNs * 1.1,
            f2aNs: run.f2aNs * 1.1,
          },
        }) /
          run.measuredTpotNs -
          1,
      ),
    );
    expect(slower.reduce((sum, error) => sum + error, 0) / slower.length).toBeGreaterThan(0.03);
  });
});
