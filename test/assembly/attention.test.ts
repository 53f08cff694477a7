import { describe, expect, it } from "vitest";
import { createArena } from "../../src/kernels/arena.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { type AttentionCoreShape, resolveCore } from "../../src/kernels/attentionShape.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import { allocateKvCache, appendArguments } from "../../src/kernels/kvCache.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { attend } from "../../src/kernels/reference/attention.ts";
import { targets } from "../../src/kernels/target.ts";
import { dtypes } from "../kernels/edgeCases.ts";
import { bufferOf, floatsOf, type Machine, machineOf, prepare, runRanks } from "../kernels/machine.ts";
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

  it("weighs a token by e^score, from scores of 0 down to where it is 0", () => {
    const scores = Array.from({ length: 2000 }, (_, index) => -index / 20);
    const kernelCase = attentionCoreCase({
      ...{
        batch: 1,
        kvTokens: 2,
        queryHeads: scores.length / 8,
        kvHeads: 1,
        headDim: 8,
        dtype: "f32",
        scale: 1,
        seed: 1,
      },
    });
    for (const eighth of Array(8).keys()) {
      prepare(machine, kernelCase);
      const cache = floatsOf(machine, kernelCase, "kvCache");
      // Keys 0 and 1, values 0 and 1 in each dimension: the output is w / (1 + w), w the second token's weight.
      cache.fill(0);
      cache[1] = 1;
      cache.fill(1, 256 * 8 + 8, 256 * 8 + 16);
      const part = scores.slice(eighth * (scores.length / 8), (eighth + 1) * (scores.length / 8));
      const q = floatsOf(machine, kernelCase, "q").fill(0);
      for (const [head, score] of part.entries()) q[head * 8] = score;
      runRanks(machine, kernelCase, 1);
      const out = floatsOf(machine, kernelCase, "attentionOut");
      for (const [head, score] of part.entries()) {
        const expected = Math.exp(score) / (1 + Math.exp(score));
        // The score itself is rounded twice: to a multiple of log2 e, and in the product.
        const within = expected * ((2 - score) * 2 ** -23 + 2 ** -21) + (score < -87 ? 2 ** -126 : 0);
        expect(Math.abs((out[head * 8] as number) - expected)).toBeLessThanOrEqual(within);
      }
    }
  });

  describe.each(kvDtypes)("limits of %s", (kvDtype) => {
    const dtype = kvFormats[kvDtype].dtype;
    const layouts = [
      ["grouped", { ...shape, dtype, kvDtype }],
      ["latent", { ...shape, dtype, kvDtype, ropeHeadDim: 8 }],
    ] as const;

    it.each(layouts)("%s: no score is too large", (_, core) => {
      for (const factor of [1e6, 1e18, 1e36]) {
        const [head] = outputs(machine, core, (seeded) => Math.fround(seeded * factor));
        expect(head?.every(Number.isFinite), `${factor}`).toBe(true);
        expect(Math.max(...(head ?? []).map(Math.abs))).toBeLessThan(2);
      }
    });

    it.each(layouts)(
      "%s: NaN in a query, a key or a value gives NaN, and nothing of it to other sequences",
      (_, core) => {
        const two = { ...core, batch: 2 };
        const clean = run(machine, two, () => {});
        for (const where of ["q", "key", "value"] as const) {
          const spoiled = run(machine, two, (kernelCase) => {
            if (where === "q") floatsOf(machine, kernelCase, "q")[0] = Number.NaN;
            else appendTo(machine, kernelCase, two, where === "key" ? [Number.NaN, 1] : [1, Number.NaN]);
          });
          const floats = clean.length / 2;
          const isSpoiled = where === "value" && !("ropeHeadDim" in core) ? some : every;
          expect(isSpoiled(spoiled.slice(0, 16)), where).toBe(true);
          expect([...spoiled.slice(floats)]).toEqual([...clean.slice(floats)]);
        }
      },
    );

    it.each(layouts)("%s: a sink takes its share; one of -Infinity takes none, a very large one all", (_, core) => {
      const without = run(machine, core, () => {});
      const withSink = (sink: number): Float32Array =>
        run(machine, { ...core, sinks: "perHead" }, (kernelCase) => floatsOf(machine, kernelCase, "sinks").fill(sink));
      expect([...withSink(Number.NEGATIVE_INFINITY)]).toEqual([...without]);
      expect(Math.max(...withSink(1e4).map(Math.abs))).toBe(0);
      expect(withSink(Number.NaN).every(Number.isNaN)).toBe(true);
      const ratio = (withSink(3)[0] as number) / (without[0] as number);
      expect(ratio).toBeGreaterThan(0.5);
      expect(ratio).toBeLessThan(1);
    });

    it("a sequence without tokens gives zeros, whatever its queries and sinks", () => {
      const out = run(machine, { ...shape, dtype, kvDtype, kvTokens: 0, sinks: "perHead" }, (kernelCase) =>
        floatsOf(machine, kernelCase, "q").fill(Number.NaN),
      );
      expect([...out]).toEqual(Array(out.length).fill(0));
    });
  });
});

/** Outputs of a core after its inputs are changed. */
function run(machine: Machine, core: AttentionCoreShape, change: (kernelCase: KernelCase) => void): Float32Array {
  const kernelCase = attentionCoreCase(core);
  prepare(machine, kernelCase);
  change(kernelCase);
  runRanks(machine, kernelCase, 1);
  return floatsOf(machine, kernelCase, "attentionOut").slice();
}

/** Overwrites token 5 of the first sequence with a key and a value of one number each. */
function appendTo(machine: Machine, kernelCase: KernelCase, core: AttentionCoreShape, [k, v]: [number, number]): void {
  const cache = { ...allocateKvCache(createArena(), resolveCore(core).cache), buffer: bufferOf(kernelCase, "kvCache") };
  const { address } = bufferOf(kernelCase, "fillScratch");
  const row = new Float32Array(machine.memory.buffer, address, cache.keyDim + cache.valueDim);
  row.fill(k, 0, cache.keyDim);
  // A latent is both: its value is the first part of the key.
  if (cache.layout === "latent" && Number.isNaN(v)) row.fill(v, 0, cache.valueDim);
  row.fill(v, cache.keyDim);
  machine.call("appendToken", ...appendArguments(cache, 0, 0, 5, address, address + cache.keyDim * 4));
}

function every(values: Float32Array): boolean {
  return values.every(Number.isNaN);
}

function some(values: Float32Array): boolean {
  return values.some(Number.isNaN);
}
