import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { dot } from "../../src/kernels/reference/linear.ts";
import { targets } from "../../src/kernels/target.ts";
import { type Machine, machineOf, prepare, rowOf, runRanks } from "./machine.ts";
import { sourceColumn, sourceKv } from "./seededSource.ts";

/**
 * int8 kernels against the truth: float64 over what was never rounded, neither weights nor cache nor activations.
 *
 * Rounding to a step s is noise of variance s^2 / 12 an element, independent of the others. An output that is linear in the
 * rounded elements, with factors g_i, is then off by s x sqrt(sum g_i^2 / 12) in the mean square; six of these are allowed.
 */
const sigmas = 6;

describe.each(targets)("int8 kernels of target %s", (target) => {
  const machine = machineOf(target);

  it.each([
    ["int8", 1, 8, 1],
    ["int8", 3, 16, 7],
    ["int8", 5, 24, 100],
    ["int8", 4, 32, 1000],
    ["int4", 1, 8, 1],
    ["int4", 1, 40, 96],
    ["int4", 3, 16, 7],
    ["int4", 4, 32, 1000],
  ] as const)("matmul %s m=%i n=%i k=%i is as near to the unrounded product as rounding lets it", (dtype, m, n, k) => {
    const kernelCase = matmulCase({ m, n, k, dtype, seed: 21 });
    prepare(machine, kernelCase);
    runRanks(machine, kernelCase, 1);
    const columns = range(n).map((column) => sourceColumn(21, 2, { columns: n, k }, column));
    const errors: number[] = [];
    for (const row of range(m)) {
      const x = Float64Array.from(rowOf(machine, kernelCase, "x", k, row));
      const y = rowOf(machine, kernelCase, "y", n, row);
      for (const [index, column] of columns.entries()) {
        const stepX = largestOf(x) / 63;
        const stepW = largestOf(column) / (dtype === "int8" ? 127 : 7);
        const sigma = Math.sqrt((stepX ** 2 * dot(column, column) + stepW ** 2 * dot(x, x)) / 12);
        errors.push(((y[index] as number) - dot(x, column)) / sigma);
      }
    }
    expect(largestOf(errors)).toBeLessThan(sigmas);
    // A single k is its own largest: 63 and 127 steps, no noise.
    if (k > 1) expect(spread(errors)).toBeGreaterThan(0.3);
    expect(spread(errors)).toBeLessThan(2);
  });

  it.each([
    { kvTokens: 1, queryHeads: 4, headDim: 16 },
    { kvTokens: 40, queryHeads: 8, headDim: 32 },
    { kvTokens: 300, queryHeads: 6, headDim: 24 },
  ])(
    "attentionCore $kvTokens x $queryHeads x $headDim is as near to unrounded attention as rounding lets it",
    (shape) => {
      const errors = coreErrors(machine, shape);
      expect(largestOf(errors)).toBeLessThan(sigmas);
      expect(spread(errors)).toBeGreaterThan(0.3);
      expect(spread(errors)).toBeLessThan(2);
    },
  );
});

/** Errors of an int8 attention core's outputs, in standard deviations of what rounding q, K, V and P causes to first order. */
function coreErrors(
  machine: Machine,
  shape: { readonly kvTokens: number; readonly queryHeads: number; readonly headDim: number },
): number[] {
  const { kvTokens, queryHeads, headDim } = shape;
  const kernelCase = attentionCoreCase({ ...shape, batch: 1, kvHeads: 1, dtype: "int8", seed: 22 });
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  const tokens = range(kvTokens).map((token) => sourceKv(22, 0, headDim, token));
  const scale = headDim ** -0.5;
  return range(queryHeads).flatMap((head) => {
    const q = Float64Array.from(rowOf(machine, kernelCase, "q", headDim, head));
    const out = rowOf(machine, kernelCase, "attentionOut", headDim, head);
    const exponentials = tokens.map(({ key }) => Math.exp(dot(q, key) * scale));
    const sum = exponentials.reduce((total, value) => total + value, 0);
    const p = exponentials.map((value) => value / sum);
    const stepQ = largestOf(q) / 63;
    // P takes in the scale of its token's V before it is rounded: one step a block of 256 tokens.
    const weighted = p.map((value, token) => (value * largestOf(tokens[token]?.value ?? [])) / 127);
    const stepOf = (token: number): number => {
      const block = token - (token % 256);
      return largestOf(weighted.slice(block, block + 256)) / 127;
    };
    return range(headDim).map((dim) => {
      const truth = tokens.reduce(
        (total, { value }, token) => total + (p[token] as number) * (value[dim] as number),
        0,
      );
      let variance = 0;
      const slopes = new Float64Array(headDim);
      for (const [token, { key, value }] of tokens.entries()) {
        const weight = p[token] as number;
        const lever = weight * ((value[dim] as number) - truth) * scale;
        for (const i of range(headDim)) slopes[i] = (slopes[i] as number) + lever * (key[i] as number);
        const stepV = largestOf(value) / 127;
        variance += ((largestOf(key) / 127) * lever) ** 2 * dot(q, q);
        variance += (weight * stepV) ** 2;
        variance += (stepOf(token) * ((value[dim] as number) / stepV)) ** 2;
      }
      variance += stepQ ** 2 * dot(slopes, slopes);
      return ((out[dim] as number) - truth) / Math.sqrt(variance / 12);
    });
  });
}

function largestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Root mean square. */
function spread(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
