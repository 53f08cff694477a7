import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { type AttentionCoreShape, resolveCore } from "../../src/kernels/attentionShape.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase } from "../../src/kernels/moe.ts";
import { targets } from "../../src/kernels/target.ts";
import { type OnnxGraph, onnxModel } from "../support/onnxModel.ts";
import { dtypes } from "./edgeCases.ts";
import { type Machine, machineOf, prepare, rowOf, runRanks } from "./machine.ts";
import { sourceColumn, sourceKv } from "./seededSource.ts";

/**
 * Kernels against onnxruntime, which is given the seeded sources: neither the packed data nor this project's references.
 *
 * Root mean square of the errors over that of the outputs. float32 sums of two orders differ by some 2^-24 x sqrt(k). int8 rounds
 * activations, uniform in -a..a, to steps of a / 63, noise of 1 / 63 / sqrt(12) x sqrt(3) = 0.8% of their size; weights and cache to
 * half that; and P to steps of a 127th of its largest, which is several times its mean.
 */
const allowed = { f32: 1e-5, int8: 3e-2 } as const;

/**
 * Errors of K alone, as a share of its size: BF16 half of 2^-8 at most, FP8 half of 2^-3, in the mean square about 0.2% and 3%; int4 7%, steps of a / 7.
 * V is off by as much, and scores of size 1 move the weights by as much: about the square root of 2 of these, and as much room.
 */
const allowedOf = { f32: 1e-5, bf16: 5e-3, fp8: 6e-2, int8: 3e-2, int4: 0.16 } as const;

describe.each(targets)("target %s against onnxruntime", (target) => {
  const machine = machineOf(target);

  describe.each(dtypes)("%s", (dtype) => {
    it.each([
      [1, 8, 64],
      [7, 33, 130],
      [19, 24, 1031],
    ])("matmul m=%i n=%i k=%i", async (m, n, k) => {
      const kernelCase = matmulCase({ m, n, k, dtype, seed: 31 });
      prepare(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      const expected = await infer(
        {
          nodes: [{ operator: "MatMul", inputs: ["x", "w"], output: "y" }],
          inputs: { x: [m, k], w: [k, n] },
          outputs: { y: [m, n] },
        },
        { x: rowsOf(machine, kernelCase, "x", k, m), w: transposed(range(n).map((at) => column(31, 2, n, k, at))) },
      );
      expect(errorOf(rowsOf(machine, kernelCase, "y", n, m), expected)).toBeLessThan(allowed[dtype]);
    });

    it.each([
      { batch: 2, kvTokens: 257, queryHeads: 8, kvHeads: 2, headDim: 32 },
      { batch: 1, kvTokens: 600, queryHeads: 64, kvHeads: 1, headDim: 64 },
      { batch: 3, kvTokens: [5, 300, 1100], queryHeads: 6, kvHeads: 2, headDim: 32 },
      { batch: 2, kvTokens: [70, 900], queryHeads: 6, kvHeads: 2, headDim: 32, span: { kind: "sliding", tokens: 131 } },
      { batch: 2, kvTokens: [70, 900], queryHeads: 6, kvHeads: 3, headDim: 32, span: { kind: "chunked", tokens: 500 } },
      { batch: 2, kvTokens: [300, 9], queryHeads: 16, kvHeads: 1, headDim: 64, ropeHeadDim: 16, scale: 0.09 },
      { batch: 1, kvTokens: 1100, queryHeads: 8, kvHeads: 2, headDim: 32, paging: "permuted" },
    ] satisfies Omit<AttentionCoreShape, "dtype" | "seed">[])("attention core %o", async (setting) => {
      for (const kvDtype of kvDtypes.filter((each) => kvFormats[each].dtype === dtype))
        expect(await coreError(machine, { ...setting, dtype, kvDtype, seed: 32 })).toBeLessThan(allowedOf[kvDtype]);
    });

    it("SwiGLU experts", async () => {
      const [count, tokens, hidden, expertDim] = [3, 5, 72, 40];
      const kernelCase = expertMatmulCase({ count, tokensPerExpert: tokens, hidden, expertDim, dtype, seed: 33 });
      prepare(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      for (const expert of range(count)) {
        const part = (name: string) =>
          rowsOf(machine, kernelCase, name, hidden, count * tokens).slice(
            expert * tokens * hidden,
            (expert + 1) * tokens * hidden,
          );
        const expected = await infer(swigluGraph(tokens, hidden, expertDim), {
          x: part("experts.input"),
          gate: transposed(range(expertDim).map((at) => column(33, 2, 2 * expertDim, hidden, at, expert))),
          up: transposed(range(expertDim).map((at) => column(33, 2, 2 * expertDim, hidden, expertDim + at, expert))),
          down: transposed(range(hidden).map((at) => column(33, 3, hidden, expertDim, at, expert))),
        });
        expect(errorOf(part("experts.output"), expected)).toBeLessThan(allowed[dtype]);
      }
    });
  });
});

/** An attention core against onnxruntime, which is given each sequence's attended keys and values before they are stored. */
async function coreError(machine: Machine, shape: AttentionCoreShape): Promise<number> {
  const kernelCase = attentionCoreCase(shape);
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  const { batch, queryHeads, kvHeads, groupHeads, attended, cache, scale } = resolveCore(shape);
  const { keyDim, valueDim } = cache;
  const queries = rowsOf(machine, kernelCase, "q", keyDim, batch * queryHeads);
  const outputs = rowsOf(machine, kernelCase, "attentionOut", valueDim, batch * queryHeads);
  const expected = new Float32Array(outputs.length);
  for (const index of range(batch * kvHeads)) {
    const { first, last } = attended[Math.floor(index / kvHeads)] as { first: number; last: number };
    const tokens = range(last - first).map((token) => sourceKv(shape.seed, index, cache, first + token));
    const part = await infer(attentionGraph(groupHeads, tokens.length, keyDim, valueDim), {
      q: queries.slice(index * groupHeads * keyDim, (index + 1) * groupHeads * keyDim),
      keys: transposed(tokens.map(({ key }) => key)),
      values: Float32Array.from(tokens.flatMap(({ value }) => [...value])),
      scale: Float32Array.of(scale),
    });
    expected.set(part, index * groupHeads * valueDim);
  }
  return errorOf(outputs, expected);
}

function attentionGraph(heads: number, tokens: number, keyDim: number, valueDim: number): OnnxGraph {
  return {
    nodes: [
      { operator: "MatMul", inputs: ["q", "keys"], output: "products" },
      { operator: "Mul", inputs: ["products", "scale"], output: "scores" },
      { operator: "Softmax", inputs: ["scores"], output: "weights" },
      { operator: "MatMul", inputs: ["weights", "values"], output: "y" },
    ],
    inputs: { q: [heads, keyDim], keys: [keyDim, tokens], values: [tokens, valueDim], scale: [1] },
    outputs: { y: [heads, valueDim] },
  };
}

function swigluGraph(tokens: number, hidden: number, expertDim: number): OnnxGraph {
  return {
    nodes: [
      { operator: "MatMul", inputs: ["x", "gate"], output: "gated" },
      { operator: "Sigmoid", inputs: ["gated"], output: "share" },
      { operator: "Mul", inputs: ["gated", "share"], output: "silu" },
      { operator: "MatMul", inputs: ["x", "up"], output: "raised" },
      { operator: "Mul", inputs: ["silu", "raised"], output: "activated" },
      { operator: "MatMul", inputs: ["activated", "down"], output: "y" },
    ],
    inputs: { x: [tokens, hidden], gate: [hidden, expertDim], up: [hidden, expertDim], down: [expertDim, hidden] },
    outputs: { y: [tokens, hidden] },
  };
}

/** Runs a graph with the output `y`. */
async function infer(graph: OnnxGraph, feeds: Readonly<Record<string, Float32Array>>): Promise<Float32Array> {
  const session = await InferenceSession.create(onnxModel(graph), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const tensors = Object.entries(feeds).map(([name, data]) => [name, new Tensor(data, graph.inputs[name])]);
  const { y } = await session.run(Object.fromEntries(tensors));
  await session.release();
  if (!(y?.data instanceof Float32Array)) throw new Error("the model's output is not float32");
  return y.data;
}

function column(seed: number, tensor: number, columns: number, k: number, at: number, expert = 0): Float64Array {
  return sourceColumn(seed, tensor, { columns, k }, at, expert);
}

/** Columns of equal length as one matrix, row by row. */
function transposed(columns: readonly Float64Array[]): Float32Array {
  const rows = columns[0]?.length ?? 0;
  return Float32Array.from({ length: rows * columns.length }, (_, index) => {
    const from = columns[index % columns.length] as Float64Array;
    return from[Math.floor(index / columns.length)] as number;
  });
}

/** Rows without their padding, one after the other, in memory of their own. */
function rowsOf(
  machine: Machine,
  kernelCase: Parameters<typeof rowOf>[1],
  name: string,
  width: number,
  rows: number,
): Float32Array<ArrayBuffer> {
  const all = new Float32Array(rows * width);
  for (const row of range(rows)) all.set(rowOf(machine, kernelCase, name, width, row), row * width);
  return all;
}

/** Root mean square of the errors over that of what was expected. */
function errorOf(actual: Float32Array, expected: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  const size = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return size(actual.map((value, index) => value - (expected[index] as number))) / size(expected);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
