import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import type { AttentionCoreShape } from "../../src/kernels/attentionShape.ts";
import { attend } from "../../src/kernels/reference/attention.ts";
import { targets } from "../../src/kernels/target.ts";
import { dtypes } from "../kernels/edgeCases.ts";
import { floatsOf, type Machine, machineOf, prepare, runRanks } from "../kernels/machine.ts";
import { sourceKv } from "../kernels/seededSource.ts";

const shape = { batch: 1, kvTokens: 300, queryHeads: 3, kvHeads: 1, headDim: 16, seed: 41 } as const;

/** Runs a core with other queries than the seeded ones, and gives its outputs head by head. */
function outputs(
  machine: Machine,
  changed: Partial<AttentionCoreShape> & Pick<AttentionCoreShape, "dtype">,
  query: (seeded: number, index: number) => number,
): Float32Array[] {
  const kernelCase = attentionCoreCase({ ...shape, ...changed });
  prepare(machine, kernelCase);
  const q = floatsOf(machine, kernelCase, "q");
  q.set(q.map(query));
  runRanks(machine, kernelCase, 1);
  const out = floatsOf(machine, kernelCase, "attentionOut");
  return Array.from({ length: shape.queryHeads }, (_, head) =>
    out.slice(head * shape.headDim, (head + 1) * shape.headDim),
  );
}

/** One head whose scores are 0, but -Infinity for tokens first..last (exclusive). */
function withMaskedKeys(machine: Machine, first: number, last: number): { readonly out: Float32Array } {
  const kernelCase = attentionCoreCase({ ...shape, queryHeads: 1, dtype: "f32" });
  prepare(machine, kernelCase);
  floatsOf(machine, kernelCase, "q").fill(1);
  const cache = floatsOf(machine, kernelCase, "kvCache");
  for (let token = 0; token < shape.kvTokens; token++) {
    // A block of 256 tokens: K in panels of [headDim][8 tokens], then as much V.
    const block = Math.floor(token / 256) * 256 * shape.headDim * 2;
    const panel = block + Math.floor((token % 256) / 8) * shape.headDim * 8 + (token % 8);
    const score = token >= first && token < last ? Number.NEGATIVE_INFINITY : 0;
    for (let i = 0; i < shape.headDim; i++) cache[panel + i * 8] = score;
  }
  runRanks(machine, kernelCase, 1);
  return { out: floatsOf(machine, kernelCase, "attentionOut").slice(0, shape.headDim) };
}

function values(tokens: number): Float64Array[] {
  return Array.from({ length: tokens }, (_, token) => sourceKv(shape.seed, 0, shape.headDim, token).value);
}

function meanOf(rows: readonly Float64Array[], dim: number): number {
  return rows.reduce((sum, row) => sum + (row[dim] as number), 0) / rows.length;
}

describe.each(targets)("softmax of the attention core, target %s", (target) => {
  const machine = machineOf(target);

  describe.each(dtypes)("%s", (dtype) => {
    it("stays finite over scores of some 10,000: the largest takes all", () => {
      const [head] = outputs(machine, { dtype }, (seeded) => Math.fround(seeded * 1e4));
      const kernelCase = attentionCoreCase({ ...shape, dtype });
      prepare(machine, kernelCase);
      const q = Float64Array.from(floatsOf(machine, kernelCase, "q").subarray(0, shape.headDim), (x) => x * 1e4);
      const tokens = Array.from({ length: shape.kvTokens }, (_, token) =>
        sourceKv(shape.seed, 0, shape.headDim, token),
      );
      const expected = attend(
        q,
        tokens.map(({ key }) => key),
        values(shape.kvTokens),
        shape.headDim ** -0.5,
      );
      const within = dtype === "f32" ? 1e-2 : 2e-2;
      for (const [dim, value] of (head ?? []).entries()) {
        expect(Math.abs(value - (expected[dim] as number))).toBeLessThan(within);
      }
    });

    it("gives NaN where a query is NaN, and nothing of it to other heads", () => {
      const clean = outputs(machine, { dtype }, (seeded) => seeded);
      const spoiled = outputs(machine, { dtype }, (seeded, index) => (index === shape.headDim ? Number.NaN : seeded));
      expect(spoiled[1]?.every(Number.isNaN)).toBe(true);
      expect([spoiled[0], spoiled[2]]).toEqual([clean[0], clean[2]]);
    });

    it("gives NaN, and ends, where a query is infinite", () => {
      const [head] = outputs(machine, { dtype }, (_, index) => (index === 0 ? Number.POSITIVE_INFINITY : 0));
      expect(head?.every(Number.isNaN)).toBe(true);
    });

    it("gives the mean of V where all queries are 0 or denormal", () => {
      const rows = values(shape.kvTokens);
      for (const query of [0, 1e-40, -1e-45]) {
        const [head] = outputs(machine, { dtype }, () => query);
        for (const [dim, value] of (head ?? []).entries()) {
          // int8: V and P in 127 steps each; V up to sqrt(3).
          expect(Math.abs(value - meanOf(rows, dim))).toBeLessThan(dtype === "f32" ? 1e-6 : 1e-2);
        }
      }
    });

    it("gives the token's own V where there is one token, whatever its score", () => {
      for (const factor of [1, -1e4, 1e4]) {
        const [head] = outputs(machine, { dtype, kvTokens: 1 }, (seeded) => Math.fround(seeded * factor));
        const [row] = values(1);
        for (const [dim, value] of (head ?? []).entries()) {
          const off = Math.abs(value - (row?.[dim] as number));
          expect(off).toBeLessThan(dtype === "f32" ? 1e-6 : 1.74 / 254 + 1e-6);
        }
      }
    });
  });

  it("leaves out a token whose score is -Infinity, beside others", () => {
    const kernelCase = attentionCoreCase({ ...shape, kvTokens: 3, queryHeads: 1, dtype: "f32" });
    prepare(machine, kernelCase);
    floatsOf(machine, kernelCase, "q").fill(1);
    // K of the first panel: [headDim][8 tokens]. Token 1 is the one left out.
    const cache = floatsOf(machine, kernelCase, "kvCache");
    for (let i = 0; i < shape.headDim; i++) cache.set([0, Number.NEGATIVE_INFINITY, 0], i * 8);
    runRanks(machine, kernelCase, 1);
    const rows = values(3).filter((_, token) => token !== 1);
    for (const [dim, value] of floatsOf(machine, kernelCase, "attentionOut").slice(0, shape.headDim).entries()) {
      expect(value).toBeCloseTo(meanOf(rows, dim), 6);
    }
  });

  it.each([
    ["the first block", 0, 256],
    ["the last tokens", 256, 300],
    ["the middle of a block", 40, 60],
  ])("leaves out %s where all its scores are -Infinity", (_, first, last) => {
    const { out } = withMaskedKeys(machine, first, last);
    const rows = values(shape.kvTokens).filter((_row, token) => token < first || token >= last);
    for (const [dim, value] of out.entries()) expect(value).toBeCloseTo(meanOf(rows, dim), 6);
  });

  it("gives zeros where every score is -Infinity", () => {
    const { out } = withMaskedKeys(machine, 0, shape.kvTokens);
    expect([...out]).toEqual(Array(shape.headDim).fill(0));
  });

  it("a NaN in the cache spoils the heads that read it", () => {
    for (const at of [0, 257 * shape.headDim]) {
      const kernelCase = attentionCoreCase({ ...shape, dtype: "f32" });
      prepare(machine, kernelCase);
      floatsOf(machine, kernelCase, "kvCache")[at] = Number.NaN;
      runRanks(machine, kernelCase, 1);
      expect(floatsOf(machine, kernelCase, "attentionOut").some(Number.isNaN)).toBe(true);
    }
  });
});
