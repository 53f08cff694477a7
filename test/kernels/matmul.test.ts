import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { roundHalfEven } from "../../src/kernels/reference/linear.ts";
import { targets } from "../../src/kernels/target.ts";
import { checked, type Machine, machineOf, prepare, rowOf, runRanks } from "./machine.ts";
import { sourceColumn } from "./seededSource.ts";

/** Half a unit in the last place of a float32 just above 1. */
const halfUlp = 2 ** -24;

/**
 * Products by bounds that hold for every input, so that the shapes and seeds of each run are new ones: a float32 sum of k products is
 * off by at most k half units of the sum of their magnitudes, and an int8 sum is exact until it is scaled.
 */
describe.each(targets)("matmul of target %s", (target) => {
  const machine = machineOf(target);
  const upTo = (max: number) => fc.integer({ min: 1, max });
  const shapes = fc.record({ m: upTo(40), n: upTo(40), k: upTo(1200), seed: upTo(2 ** 31 - 2) });

  it("f32 stays within the error bound of a sum in any order", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        for (const { x, column, y } of outputs(machine, shape, "f32")) {
          const products = x.map((value, i) => value * (column[i] as number));
          const magnitude = products.reduce((sum, product) => sum + Math.abs(product), 0);
          const exact = products.reduce((sum, product) => sum + product, 0);
          expect(Math.abs(y - exact)).toBeLessThanOrEqual((shape.k + 1) * halfUlp * magnitude);
        }
      }),
      { numRuns: 25 },
    );
  });

  it("int8 is the exact sum of the rounded values, scaled", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        for (const { x, column, y } of outputs(machine, shape, "int8")) {
          const [activations, weights] = [quantized(x, 63), quantized(column, 127)];
          const sum = activations.units.reduce((total, unit, i) => total + unit * (weights.units[i] as number), 0);
          const exact = sum * activations.scale * weights.scale;
          // The sum becomes a float32, and meets two scales.
          expect(Math.abs(y - exact)).toBeLessThanOrEqual(4 * halfUlp * Math.abs(exact));
        }
      }),
      { numRuns: 25 },
    );
  });

  // In each, some x / scale lies so near the middle of two units that float64 rounds it to the other one.
  it.each([285, 494, 524, 653])("int8 is checked with the units that the kernel rounds to, seed %i", (seed) => {
    const kernelCase = matmulCase({ m: 64, n: 2, k: 96, dtype: "int8", seed });
    expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
  });
});

interface Output {
  readonly x: Float64Array;
  readonly column: Float64Array;
  readonly y: number;
}

/** Runs a matmul and gives some outputs with the row and the column that they are the product of. */
function outputs(
  machine: Machine,
  shape: { readonly m: number; readonly n: number; readonly k: number; readonly seed: number },
  dtype: "f32" | "int8",
): Output[] {
  const { m, n, k, seed } = shape;
  const kernelCase = matmulCase({ ...shape, dtype });
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  const columns = [...new Set([0, n >> 1, n - 1])];
  const sources = columns.map((column) => sourceColumn(seed, 2, { columns: n, k }, column));
  return [...new Set([0, m >> 1, m - 1])].flatMap((row) => {
    const x = Float64Array.from(rowOf(machine, kernelCase, "x", k, row));
    const y = rowOf(machine, kernelCase, "y", n, row);
    return columns.map((at, index) => ({ x, column: sources[index] as Float64Array, y: y[at] as number }));
  });
}

/** Whole numbers of a float32 scale, rounded in float32 as a kernel does it: largest value, `steps`. */
function quantized(values: Float64Array, steps: number): { readonly units: Float64Array; readonly scale: number } {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const inverse = Math.fround(steps / largest);
  return {
    units: values.map((value) => roundHalfEven(Math.fround(value * inverse))),
    scale: Math.fround(largest / steps),
  };
}
