import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { paretoFront, type Worth } from "../../src/theory/paretoFront.ts";

const worth = fc.record({ gain: fc.integer({ min: 0, max: 9 }), cost: fc.integer({ min: 0, max: 9 }) });
const same = (one: Worth) => one;

describe("paretoFront", () => {
  it("is never empty, rises in both, and beats or equals every entry left out", () => {
    fc.assert(
      fc.property(fc.array(worth, { minLength: 1, maxLength: 20 }), (entries) => {
        const front = paretoFront(entries, same);
        expect(front.length).toBeGreaterThan(0);
        for (const [index, one] of front.entries()) {
          const before = front[index - 1] ?? one;
          expect(one.gain >= before.gain && one.cost >= before.cost).toBe(true);
        }
        for (const entry of entries.filter((one) => !front.includes(one))) {
          expect(front.some(({ gain, cost }) => gain >= entry.gain && cost <= entry.cost)).toBe(true);
        }
      }),
    );
  });

  it("keeps entries that are equal in both", () => {
    const [one, other] = [
      { gain: 1, cost: 1 },
      { gain: 1, cost: 1 },
    ];
    expect(paretoFront([one, other, { gain: 1, cost: 2 }], same)).toEqual([one, other]);
    expect(paretoFront([], same)).toEqual([]);
  });
});
