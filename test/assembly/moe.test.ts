import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress, machineOf } from "../kernels/machine.ts";

describe.each(targets)("grouping of target %s", (target) => {
  const machine = machineOf(target);

  it("sorts assignments by expert from a first one on, tokens in rising order within one, and what is no expert last", () => {
    const tables = fc.integer({ min: 1, max: 12 }).chain((experts) =>
      fc.record({
        experts: fc.constant(experts),
        firstExpert: fc.integer({ min: 0, max: experts - 1 }),
        ids: fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: experts - 1 }) }, fc.integer()), {
          minLength: 1,
          maxLength: 60,
        }),
      }),
    );
    fc.assert(
      fc.property(tables, ({ experts, firstExpert, ids }) => {
        const { buffer } = machine.memory;
        const offsetsAt = firstFreeAddress + 4 * ids.length;
        const rowsAt = offsetsAt + 4 * (experts + 1);
        new Int32Array(buffer, firstFreeAddress, ids.length).set(ids);
        machine.call("groupByExpert", firstFreeAddress, ids.length, experts, firstExpert, offsetsAt, rowsAt);
        const places = ids.map((id) =>
          id >= 0 && id < experts ? (id - firstExpert + experts) % experts : experts - 1,
        );
        const sorted = [...ids.keys()].sort((a, b) => (places[a] as number) - (places[b] as number) || a - b);
        const rows = new Int32Array(buffer, rowsAt, ids.length);
        expect(sorted.map((assignment) => rows[assignment])).toEqual([...ids.keys()]);
        const offsets = [...new Int32Array(buffer, offsetsAt, experts + 1)];
        expect(offsets).toEqual(
          Array.from({ length: experts + 1 }, (_, expert) => places.filter((place) => place < expert).length),
        );
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
