import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress, type Machine, machineOf } from "../kernels/machine.ts";

/** Routes rows of logits; gives the ids and weights of each token. */
function route(machine: Machine, logits: readonly (readonly number[])[], topK: number, normalize: 0 | 1) {
  const experts = logits[0]?.length ?? 0;
  const padded = Math.ceil(experts / 4) * 4;
  const { buffer } = machine.memory;
  const ids = firstFreeAddress + logits.length * padded * 4;
  const weights = ids + logits.length * topK * 4;
  for (const [token, row] of logits.entries()) {
    new Float32Array(buffer, firstFreeAddress + token * padded * 4, experts).set(row);
  }
  machine.call("routeSoftmax", firstFreeAddress, padded * 4, ids, weights, 0, logits.length, experts, topK, normalize);
  return {
    ids: [...new Int32Array(buffer, ids, logits.length * topK)],
    weights: [...new Float32Array(buffer, weights, logits.length * topK)],
  };
}

describe.each(targets)("router of target %s", (target) => {
  const machine = machineOf(target);

  it("takes the largest in falling order; of equals, the lower id", () => {
    expect(route(machine, [[1, 3, 2, 0, 3]], 3, 0).ids).toEqual([1, 4, 2]);
    const { ids, weights } = route(machine, [[7, 7, 7, 7, 7, 7]], 4, 0);
    expect(ids).toEqual([0, 1, 2, 3]);
    for (const weight of weights) expect(weight).toBeCloseTo(1 / 6, 6);
  });

  it("keeps probabilities as they are, or divides them by their sum", () => {
    const logits = [[0, Math.log(2), Math.log(5)]];
    expect(route(machine, logits, 2, 0).weights.map((weight) => weight.toFixed(6))).toEqual(["0.625000", "0.250000"]);
    expect(route(machine, logits, 2, 1).weights.map((weight) => weight.toFixed(6))).toEqual(["0.714286", "0.285714"]);
  });

  it("does not overflow over logits of 10,000, nor choose one of -Infinity while there is another", () => {
    const { ids, weights } = route(machine, [[-1e4, 1e4, Number.NEGATIVE_INFINITY, 0]], 3, 0);
    expect(ids.slice(0, 1)).toEqual([1]);
    expect(new Set(ids).size).toBe(3);
    expect(weights).toEqual([1, 0, 0]);
  });

  it("gives NaN weights and distinct ids where a logit is NaN, and other tokens their own", () => {
    const { ids, weights } = route(machine, [[1, Number.NaN, 2], [0, 1, 2], Array<number>(3).fill(Number.NaN)], 2, 0);
    expect(weights.map(Number.isNaN)).toEqual([true, true, false, false, true, true]);
    expect(ids).toEqual([0, 1, 2, 1, 0, 1]);
  });
});

describe.each(targets)("grouping of target %s", (target) => {
  const machine = machineOf(target);

  it("sorts assignments by expert, tokens in rising order within one", () => {
    const tables = fc.integer({ min: 1, max: 12 }).chain((experts) =>
      fc.record({
        experts: fc.constant(experts),
        ids: fc.array(fc.integer({ min: 0, max: experts - 1 }), { minLength: 1, maxLength: 60 }),
      }),
    );
    fc.assert(
      fc.property(tables, ({ experts, ids }) => {
        const { buffer } = machine.memory;
        const offsetsAt = firstFreeAddress + 4 * ids.length;
        const rowsAt = offsetsAt + 4 * (experts + 1);
        new Int32Array(buffer, firstFreeAddress, ids.length).set(ids);
        machine.call("groupByExpert", firstFreeAddress, ids.length, experts, offsetsAt, rowsAt);
        const sorted = [...ids.keys()].sort((a, b) => (ids[a] as number) - (ids[b] as number) || a - b);
        const rows = new Int32Array(buffer, rowsAt, ids.length);
        expect(sorted.map((assignment) => rows[assignment])).toEqual([...ids.keys()]);
        const offsets = [...new Int32Array(buffer, offsetsAt, experts + 1)];
        expect(offsets).toEqual(
          Array.from({ length: experts + 1 }, (_, expert) => ids.filter((id) => id < expert).length),
        );
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
