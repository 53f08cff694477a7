import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "../../src/kernels/arena.ts";
import { resolveCore } from "../../src/kernels/attentionShape.ts";
import { allocateKvCache, fillKvCache, fillScratchBytes } from "../../src/kernels/kvCache.ts";
import { type KvDtype, kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { readKv } from "../../src/kernels/reference/storedKv.ts";
import { targets } from "../../src/kernels/target.ts";
import {
  allocateWeight,
  packScratchBytes,
  packSeededWeight,
  scalesAddress,
  sumsAddress,
  unpackColumn,
  weightSource,
} from "../../src/kernels/weights.ts";
import { weightDtypes } from "./edgeCases.ts";
import { firstFreeAddress, machineOf } from "./machine.ts";
import { seededValues, sourceColumn, sourceKv } from "./seededSource.ts";

const seed = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const upTo = (max: number) => fc.integer({ min: 1, max });
const runs = { numRuns: 40, seed: 11 };
/** A stored value may be off by half a step of its scale, and by the rounding of scale and division to float32. */
const halfStep = 0.5 + 127 * 2 ** -22;

describe.each(targets)("packed data of target %s", (target) => {
  const { exports, memory, call } = machineOf(target);

  it("fillUniform makes the values of its definition", () => {
    fc.assert(
      fc.property(seed, seed, upTo(64), fc.constantFrom(1, Math.sqrt(3), 0.1, 1e-3), (from, start, groups, scale) => {
        call("fillUniform", firstFreeAddress, groups * 4, from, start, scale);
        const made = new Float32Array(memory.buffer, firstFreeAddress, groups * 4);
        expect([...made]).toEqual([...seededValues(from, start, groups * 4, scale)]);
      }),
      runs,
    );
  });

  it("fillUniform is uniform: mean 0, variance scale^2 / 3, no value outside", () => {
    const count = 1 << 16;
    call("fillUniform", firstFreeAddress, count, 12345, 0, 1);
    const values = [...new Float32Array(memory.buffer, firstFreeAddress, count)];
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / count;
    // Six standard deviations of a mean of `count` uniform values and of their squares.
    expect(Math.abs(mean)).toBeLessThan(6 * Math.sqrt(1 / 3 / count));
    expect(Math.abs(variance - 1 / 3)).toBeLessThan(6 * Math.sqrt(4 / 45 / count));
    expect(values.every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(count * 0.99);
  });

  describe.each(weightDtypes)("%s", (dtype) => {
    // int4 stands 16 times too large in its byte: scales hold a 16th, sums 16 times as much.
    const [most, factor] = dtype === "int4" ? [7, 16] : [127, 1];

    it("a packed weight holds its source, within half a step of its scale", () => {
      const shapes = fc.record({ columns: upTo(20), k: upTo(50), experts: upTo(3) });
      fc.assert(
        fc.property(shapes, fc.integer({ min: 0, max: 1000 }), (shape, from) => {
          const arena = createArena();
          const weight = allocateWeight(arena, "weight", { ...shape, dtype });
          const scratch = arena.allocate("scratch", "scratch", packScratchBytes(shape.k));
          packSeededWeight(exports, weight, weightSource(from, 2, shape.k), scratch.address);
          for (let expert = 0; expert < shape.experts; expert++) {
            const scales = new Float32Array(memory.buffer, scalesAddress(weight, expert), weight.panels * 8);
            const sums = new Int32Array(memory.buffer, sumsAddress(weight, expert), weight.panels * 8);
            for (let column = 0; column < shape.columns; column++) {
              const stored = unpackColumn(memory, weight, column, expert);
              const source = sourceColumn(from, 2, shape, column, expert);
              if (dtype === "f32") {
                expect(stored).toEqual(source);
                continue;
              }
              const scale = (scales[column] as number) * factor;
              expect(scale).toBe(Math.fround(largestOf(source) / most));
              expect(largestOf(source.map((value, i) => value - (stored[i] as number)))).toBeLessThanOrEqual(
                halfStep * scale,
              );
              const units = stored.map((value) => Math.round(value / scale));
              expect(largestOf(units)).toBe(most);
              expect(sums[column]).toBe(units.reduce((sum, unit) => sum + unit, 0) * factor);
            }
          }
        }),
        runs,
      );
    });

    it("a slice holds what the whole has in its place", () => {
      const slices = fc.record({
        columns: upTo(20),
        firstColumns: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 2 }),
        k: upTo(20),
        firstK: fc.integer({ min: 0, max: 5 }).map((fours) => fours * 4),
        experts: upTo(2),
        firstExpert: fc.integer({ min: 0, max: 3 }),
      });
      fc.assert(
        fc.property(slices, ({ firstColumns, firstExpert, firstK, columns, k, experts }) => {
          const arena = createArena();
          // Each run of columns is of whole panels; the last one may be shorter where it is the only one.
          const run = firstColumns.length === 1 ? columns : Math.ceil(columns / 8) * 8;
          const shape = { columns: run * firstColumns.length, k, experts };
          const wholeShape = { columns: 60, k: 41, experts: 6 };
          const weight = allocateWeight(arena, "weight", { ...shape, dtype });
          const scratch = arena.allocate("scratch", "scratch", packScratchBytes(wholeShape.k));
          const source = weightSource(3, 2, wholeShape.k);
          const slice = { columns: wholeShape.columns, k: wholeShape.k, firstExpert, firstK, firstColumns };
          packSeededWeight(exports, weight, source, scratch.address, slice);
          for (let expert = 0; expert < experts; expert++) {
            const scales = new Float32Array(memory.buffer, scalesAddress(weight, expert), weight.panels * 8);
            for (let column = 0; column < shape.columns; column++) {
              const from = (firstColumns[Math.floor(column / run)] as number) + (column % run);
              const expected = sourceColumn(3, 2, wholeShape, from, firstExpert + expert).slice(firstK, firstK + k);
              const off = expected.map(
                (value, i) => value - (unpackColumn(memory, weight, column, expert)[i] as number),
              );
              const step = dtype === "f32" ? 0 : (scales[column] as number) * factor;
              expect(largestOf(off)).toBeLessThanOrEqual(halfStep * step);
            }
          }
        }),
        runs,
      );
    });
  });

  describe.each(kvDtypes)("a KV cache of %s", (kvDtype) => {
    it.each(["keysAndValues", "latent"] as const)(
      "of %s gives back what was appended, as near as the format lets it",
      (layout) => {
        const shapes = fc.record({
          kvHeads: layout === "latent" ? fc.constant(1) : upTo(3),
          headDim: upTo(40),
          ropeHeadDim: upTo(20),
          kvTokens: fc.array(fc.integer({ min: 0, max: 530 }), { minLength: 1, maxLength: 3 }),
          paging: fc.constantFrom("contiguous" as const, "permuted" as const),
        });
        fc.assert(
          fc.property(shapes, fc.integer({ min: 0, max: 1000 }), ({ headDim, ropeHeadDim, ...shape }, from) => {
            const dims = resolveCore({
              ...{ ...shape, headDim, batch: shape.kvTokens.length, queryHeads: shape.kvHeads, seed: from },
              ...{ dtype: kvFormats[kvDtype].dtype, kvDtype, ...(layout === "latent" ? { ropeHeadDim } : {}) },
            });
            const arena = createArena();
            const cache = allocateKvCache(arena, dims.cache);
            const scratch = arena.allocate("scratch", "scratch", fillScratchBytes(cache));
            // The caches may be those of later sequences than the first.
            const filled = { firstSequence: from % 3, kvTokens: shape.kvTokens };
            fillKvCache(exports, memory, cache, dims.elements, from, scratch.address, filled);
            for (const [sequence, tokens] of shape.kvTokens.entries()) {
              const index = (filled.firstSequence + sequence + 1) * shape.kvHeads - 1;
              const stored = readKv(memory, cache, sequence, shape.kvHeads - 1);
              expect(stored.keys).toHaveLength(tokens);
              for (let token = 0; token < tokens; token++) {
                const source = sourceKv(from, index, cache, token);
                const unit = stored.valueScales[token] as number;
                const key = stored.keys[token] as Float64Array;
                const value = (stored.values[token] as Float64Array).map((each) => each * unit);
                const { valueDim } = cache;
                expectStored(key.slice(0, headDim), source.key.slice(0, headDim), kvDtype);
                expectStored(value.slice(0, headDim), source.value.slice(0, headDim), kvDtype);
                const rope = [valueDim, valueDim + (layout === "latent" ? ropeHeadDim : 0)] as const;
                expectStored(key.slice(...rope), source.key.slice(...rope), kvDtype);
                const padding = [...key.slice(headDim, valueDim), ...value.slice(headDim), ...key.slice(rope[1])];
                expect(largestOf(padding)).toBe(0);
              }
            }
          }),
          { ...runs, numRuns: 12 },
        );
      },
    );
  });
});

/** The most that a stored value may be off: half a step of its format, a step being a share of itself or of its row's largest. */
function expectStored(stored: Float64Array, source: Float64Array, kvDtype: KvDtype): void {
  if (stored.length === 0) return;
  const largest = largestOf(source);
  const off = stored.map((value, i) => Math.abs(value - (source[i] as number)));
  const allowed = {
    f32: () => 0,
    bf16: (value: number) => 2 ** -8 * Math.abs(value) * 1.001,
    fp8: (value: number) => Math.max(2 ** -4 * Math.abs(value), 2 ** -10) * 1.001,
    int8: () => (halfStep * largest) / 127,
    int4: () => (halfStep * largest) / 7,
  }[kvDtype];
  expect(largestOf(off.map((error, i) => Math.max(0, error - allowed(source[i] as number))))).toBe(0);
}

function largestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
