import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fillRopeTable } from "../../src/kernels/rope.ts";
import { targets } from "../../src/kernels/target.ts";
import { ropeFrequencies } from "../../src/workload/ropeFrequencies.ts";
import { firstFreeAddress, type Machine, machineOf } from "../kernels/machine.ts";
import type { OnnxGraph } from "../support/onnxModel.ts";
import { runOnnx } from "../support/onnxRun.ts";

type Style = "halves" | "neighbours";

interface RopeShape {
  readonly rows: number;
  readonly heads: number;
  readonly headDim: number;
  readonly ropeDims: number;
}

const styles = ["halves", "neighbours"] as const;
const theta = 10_000;

describe.each(targets)("rope of target %s", (target) => {
  const machine = machineOf(target);

  it.each(styles)("turns pairs of %s by their angles and leaves the rest of a head, in float64's digits", (style) => {
    const shapes = fc
      .record({ rows: fc.integer({ min: 0, max: 4 }), heads: upTo(3), half: upTo(20), rest: fc.nat(5) })
      .map(({ half, rest, ...shape }) => ({ ...shape, ropeDims: 2 * half, headDim: 2 * half + rest }));
    fc.assert(
      fc.property(shapes, upTo(100_000), (shape, position) => {
        const x = valuesOf(shape);
        const turned = rotated(machine, style, shape, x, position);
        for (const [index, value] of turned.entries()) {
          const i = index % shape.headDim;
          const head = x.subarray(index - i, index - i + shape.headDim);
          const row = Math.floor(index / (shape.heads * shape.headDim));
          const expected = i < shape.ropeDims ? turn(style, head, i, shape.ropeDims, position + row) : head[i];
          // Table entries are rounded, and each product and sum: 4 half units of |a| + |b|, which stay below 2.
          expect(Math.abs(value - (expected as number))).toBeLessThan(2 * 4 * 2 ** -24);
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each(styles)(
    "agrees with onnxruntime's RotaryEmbedding on pairs of %s, whole heads and part of them",
    async (style) => {
      for (const ropeDims of [32, 16]) {
        const shape = { rows: 3, heads: 2, headDim: 32, ropeDims };
        const x = valuesOf(shape);
        const expected = await rotaryEmbedding(style, shape, x, 5);
        const turned = rotated(machine, style, shape, x, 5);
        for (const [index, value] of turned.entries())
          expect(Math.abs(value - (expected[index] as number))).toBeLessThan(1e-6);
      }
    },
  );
});

/** Rows at positions position, position + 1, …, turned by the kernel. */
function rotated(machine: Machine, style: Style, shape: RopeShape, x: Float32Array, position: number): Float32Array {
  const { rows, heads, headDim, ropeDims } = shape;
  const { buffer } = machine.memory;
  const tables = firstFreeAddress + x.byteLength + 64;
  new Float32Array(buffer, firstFreeAddress, x.length).set(x);
  const frequencies = ropeFrequencies({ dims: ropeDims, theta, scaling: { kind: "none" } })(1);
  for (let row = 0; row < rows; row++)
    fillRopeTable(new Float32Array(buffer, tables + row * ropeDims * 4, ropeDims), position + row, frequencies);
  const kernel = style === "halves" ? "ropeRows" : "ropeNeighbourRows";
  machine.call(kernel, firstFreeAddress, heads * headDim * 4, tables, 0, rows, heads, headDim, ropeDims);
  return new Float32Array(buffer, firstFreeAddress, x.length).slice();
}

/** Element i of a turned head, by the definition. */
function turn(style: Style, head: Float32Array, i: number, ropeDims: number, position: number): number {
  const half = ropeDims / 2;
  const pair = style === "halves" ? i % half : i >> 1;
  const [first, second] = style === "halves" ? [pair, pair + half] : [2 * pair, 2 * pair + 1];
  const angle = position * theta ** ((-2 * pair) / ropeDims);
  const [a, b] = [head[first] as number, head[second] as number];
  return i === first ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
}

/** com.microsoft RotaryEmbedding over [1, rows, heads x headDim] with tables of its own. */
async function rotaryEmbedding(
  style: Style,
  { rows, heads, headDim, ropeDims }: RopeShape,
  x: Float32Array,
  position: number,
): Promise<Float32Array> {
  const half = ropeDims / 2;
  const entries = (of: (angle: number) => number): Float32Array =>
    Float32Array.from({ length: (position + rows) * half }, (_, index) =>
      of(Math.floor(index / half) * theta ** ((-2 * (index % half)) / ropeDims)),
    );
  const graph: OnnxGraph = {
    nodes: [
      {
        operator: "RotaryEmbedding",
        domain: "com.microsoft",
        inputs: ["x", "positions", "cosines", "sines"],
        output: "y",
        attributes: {
          interleaved: Number(style === "neighbours"),
          num_heads: heads,
          rotary_embedding_dim: ropeDims === headDim ? 0 : ropeDims,
        },
      },
    ],
    inputs: {
      x: [1, rows, heads * headDim],
      positions: [1],
      cosines: [position + rows, half],
      sines: [position + rows, half],
    },
    types: { positions: "int64" },
    outputs: { y: [1, rows, heads * headDim] },
  };
  const tables = { cosines: entries(Math.cos), sines: entries(Math.sin) };
  const { y } = await runOnnx(graph, { x, positions: BigInt64Array.of(BigInt(position)), ...tables });
  return y as Float32Array;
}

function valuesOf({ rows, heads, headDim }: RopeShape): Float32Array {
  return Float32Array.from({ length: rows * heads * headDim }, (_, i) => Math.sin(i * 12.9898) * 0.99);
}

function upTo(max: number) {
  return fc.integer({ min: 1, max });
}
