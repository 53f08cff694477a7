import { describe, expect, it } from "vitest";
import { FOLDS, foldsOf, SEEDS } from "../../src/evidence/folds.ts";
import { FITTED_INPUTS_SHA256, judge } from "../../src/evidence/judge.ts";
import { shapeFamily } from "../../src/evidence/measurement.ts";
import { shippedMeasurements } from "../../src/evidence/shipped.ts";
import { inputsSha256 } from "../../tools/fitInputs.ts";

const measured = shippedMeasurements().flatMap((file) => file.measured);
const bySeed = judge(measured);
const rows = bySeed.flat();

function meanError(accelerator: string, kind?: string): number {
  const errors = rows
    .filter(({ measurement: { peaks, shape } }) => peaks.name === accelerator && (kind ?? shape.kind) === shape.kind)
    .map(({ measurement: { measuredNs }, projected }) => Math.abs(projected.latencyNs / measuredNs - 1));
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}

describe("the constants that ship", () => {
  it("were fitted to these data by this model: run `npx node tools/fit.ts` after a change", () => {
    expect(FITTED_INPUTS_SHA256).toBe(inputsSha256());
  });
});

describe("folds", () => {
  it.each(SEEDS)("never part a shape family (seed %d)", (seed) => {
    const folds = foldsOf(measured, seed);
    const seen = new Map<string, number>();
    for (const one of measured) {
      const key = `${one.shape.kind} ${shapeFamily(one)}`;
      const fold = folds.get(one) ?? -1;
      expect(fold).toBeGreaterThanOrEqual(0);
      expect(fold).toBeLessThan(FOLDS);
      expect(seen.get(key) ?? fold).toBe(fold);
      seen.set(key, fold);
    }
  });

  it("differ from seed to seed", () => {
    const orders = SEEDS.map((seed) => [...foldsOf(measured, seed).values()].join(""));
    expect(new Set(orders).size).toBe(SEEDS.length);
  });
});

describe("rows left out", () => {
  it("are projected once for each seed, by constants without their fold", () => {
    expect(bySeed).toHaveLength(SEEDS.length);
    for (const list of bySeed) expect(list).toHaveLength(measured.length);
    expect(rows.every(({ fold }) => fold !== undefined)).toBe(true);
    expect(rows.filter(({ fitted }) => !fitted).every(({ measurement }) => !measurement.certain)).toBe(true);
  });

  // docs/projection.md states the means; these bounds notice when a change makes them worse.
  it.each([
    ["h100", 0.1],
    ["h800", 0.1],
    ["h20", 0.1],
    ["a100", 0.1],
    ["910b", 0.1],
  ])("are off by at most their bound on %s", (accelerator, most) => {
    expect(meanError(accelerator)).toBeLessThan(most);
  });

  it("are off by at most 15% in every kind of at least 30 rows", () => {
    const groups = Map.groupBy(measured, ({ peaks, shape }) => `${peaks.name} ${shape.kind}`);
    for (const [name, own] of groups) {
      const [accelerator = "", kind = ""] = name.split(" ");
      if (own.length >= 30) expect(meanError(accelerator, kind), name).toBeLessThan(0.15);
    }
  });

  it("lie inside the 80% band in 75 to 90% of cases", () => {
    const inside = rows.filter(
      ({ measurement: { measuredNs }, projected: { lowNs, highNs } }) => lowNs <= measuredNs && measuredNs <= highNs,
    );
    expect(inside.length / rows.length).toBeGreaterThan(0.75);
    expect(inside.length / rows.length).toBeLessThan(0.9);
  });

  it("that do not ship are projected with all constants", () => {
    const [first] = measured;
    if (first === undefined) throw new Error("nothing ships");
    const own = { ...first, measuredNs: first.measuredNs * 1.01 };
    expect(judge([own])).toMatchObject([[{ fitted: false, measurement: own }]]);
    expect(judge([own])[0]?.[0]?.fold).toBeUndefined();
  });
});
