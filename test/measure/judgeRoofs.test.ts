import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeRoofs, type RatedRoof, SPREAD_LIMIT, spreadOf } from "../../src/measure/judgeRoofs.ts";
import { LEVELS } from "../../src/measure/roofPlan.ts";

/** A host whose roofs agree: each level half as fast as the nearer one, threads that add up. */
function steadyHost(threads: readonly number[]): RatedRoof[] {
  return threads.flatMap((count): RatedRoof[] => {
    const base = { target: "relaxed", threads: count, spread: 0.01 } as const;
    return [
      { ...base, kernel: "roof.multiplyAdd", perSecond: 58e9 * count, allowedPerSecond: 59e9 * count },
      { ...base, kernel: "roof.int8Dot", perSecond: 116e9 * count },
      ...LEVELS.map((level, index): RatedRoof => {
        return { ...base, kernel: "roof.read", level, perSecond: (120e9 / 2 ** index) * (index < 2 ? count : 1.2) };
      }),
    ];
  });
}

/** Verdicts of a host in which one roof is changed; the changed roof's first. */
function judgedWith(name: Partial<RatedRoof>, change: Partial<RatedRoof>) {
  const host = steadyHost([1, 2, 4]);
  const at = host.findIndex((roof) =>
    Object.entries(name).every(([key, value]) => roof[key as keyof RatedRoof] === value),
  );
  expect(at).toBeGreaterThanOrEqual(0);
  const changed = host.map((roof, index) => (index === at ? { ...roof, ...change } : roof));
  const verdicts = judgeRoofs(changed);
  return { own: verdicts[at], others: verdicts.filter((_, index) => index !== at) };
}

const stands = { kind: "stands" };

describe("spreadOf", () => {
  it("says how far the three best passes lie apart", () => {
    expect(spreadOf([50, 100, 98, 70, 95])).toBeCloseTo(0.05, 12);
    expect(spreadOf([100, 100])).toBeUndefined();
  });

  it("is a share that slower passes do not change", () => {
    const rates = fc.array(fc.double({ min: 1, max: 1e12, noNaN: true }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(rates, fc.double({ min: 0.01, max: 1, noNaN: true }), (passes, share) => {
        const spread = spreadOf(passes) ?? Number.NaN;
        expect(spread).toBeGreaterThanOrEqual(0);
        expect(spread).toBeLessThan(1);
        expect(spreadOf([...passes, share * (passes.toSorted((a, b) => b - a)[2] as number)])).toBe(spread);
      }),
    );
  });
});

describe("judgeRoofs", () => {
  it("lets a host stand whose roofs agree", () => {
    expect(judgeRoofs(steadyHost([1, 2, 3, 8]))).toEqual(steadyHost([1, 2, 3, 8]).map(() => stands));
  });

  it.each([
    [
      "passes that do not agree",
      { level: "L3", threads: 2 },
      { spread: 0.23 },
      /three best passes lie 23% apart, more than 10%/,
    ],
    [
      "a level slower than a farther one",
      { level: "L1", threads: 1 },
      { perSecond: 50e9 },
      /L1 is read 17% slower than L2/,
    ],
    [
      "threads that do less than one",
      { level: "DRAM", threads: 4 },
      { perSecond: 9e9 },
      /4 threads do 50% less than one alone/,
    ],
    [
      "a thread that does less than one of many",
      { kernel: "roof.int8Dot", threads: 1 },
      { perSecond: 90e9 },
      /less than one of 2 at a time/,
    ],
  ] as const)("refuses %s, and no other roof", (_, name, change, reason) => {
    const { own, others } = judgedWith(name, change);
    expect(own).toMatchObject({ kind: "refused", reason: expect.stringMatching(reason) });
    expect(others).toEqual(others.map(() => stands));
  });

  it("refuses what was not passed over three times", () => {
    const [{ spread: _, ...once }] = steadyHost([1]) as [RatedRoof];
    expect(judgeRoofs([once])).toMatchObject([
      { kind: "refused", reason: expect.stringMatching(/fewer than 3 passes/) },
    ]);
  });

  it.each([
    ["a float32 roof far below the clock", { kernel: "roof.multiplyAdd", threads: 4 }, { perSecond: 190e9 }, "hopeful"],
    ["threads that do not add up", { level: "L2", threads: 2 }, { perSecond: 100e9 }, "hopeful"],
    ["memory that does not grow with threads", { level: "DRAM", threads: 4 }, { perSecond: 17e9 }, "stands"],
  ] as const)("passes again over %s, which may be right", (_, name, change, kind) => {
    expect(judgedWith(name, change).own).toEqual({ kind });
  });

  it("takes differences within the limit for none", () => {
    const nearly = 1 - 0.9 * SPREAD_LIMIT;
    expect(judgedWith({ level: "L1", threads: 1 }, { perSecond: 120e9 * nearly }).own).toEqual({ kind: "stands" });
  });

  it("never doubts the fastest roof of its kind for what others do", () => {
    const anyRoof = fc.record({
      kernel: fc.constantFrom("roof.read" as const),
      target: fc.constantFrom("simd" as const),
      threads: fc.constantFrom(1),
      level: fc.constantFrom(...LEVELS),
      perSecond: fc.double({ min: 1, max: 1e12, noNaN: true }),
      spread: fc.constant(0),
    });
    fc.assert(
      fc.property(fc.array(anyRoof, { minLength: 1, maxLength: 8 }), (roofs) => {
        const fastest = roofs.reduce(
          (best, roof, index) => (roof.perSecond > (roofs[best]?.perSecond ?? 0) ? index : best),
          0,
        );
        expect(judgeRoofs(roofs)[fastest]?.kind).toBe("stands");
      }),
    );
  });
});
