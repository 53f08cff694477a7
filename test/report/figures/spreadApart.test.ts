import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spreadApart } from "../../../src/report/figures/spreadApart.ts";

describe("spreadApart", () => {
  it("leaves alone what stands apart, and moves what is close as little on both sides", () => {
    expect(spreadApart([10, 40, 90], 16, [0, 100])).toEqual([10, 40, 90]);
    expect(spreadApart([50, 50], 16, [0, 100])).toEqual([42, 58]);
    expect(spreadApart([2, 3, 90], 16, [0, 100])).toEqual([0, 16, 90]);
  });

  it("keeps order, gap and range wherever there is room", () => {
    const places = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 30 });
    fc.assert(
      fc.property(places, (unsorted) => {
        const moved = spreadApart(
          unsorted.toSorted((one, other) => one - other),
          16,
          [0, 500],
        );
        expect(moved).toHaveLength(unsorted.length);
        for (const [index, place] of moved.entries()) {
          expect(place).toBeGreaterThanOrEqual(-1e-9);
          expect(place).toBeLessThanOrEqual(500 + 1e-9);
          if (index > 0) expect(place - (moved[index - 1] ?? 0)).toBeGreaterThanOrEqual(16 - 1e-9);
        }
      }),
    );
  });
});
