import { describe, expect, it } from "vitest";
import type { KernelCase } from "../../src/kernels/case.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase } from "../../src/kernels/moe.ts";
import { routerCase } from "../../src/kernels/router.ts";
import { targets } from "../../src/kernels/target.ts";
import { wireCase } from "../../src/kernels/wire.ts";
import { type OnnxGraph, onnxTypes } from "../support/onnxModel.ts";
import { runOnnx } from "../support/onnxRun.ts";
import { plainRule } from "./edgeCases.ts";
import { bufferOf, floatsOf, type Machine, machineOf, prepare, rowOf, runRanks } from "./machine.ts";
import { sourceColumn } from "./seededSource.ts";

/** Routers, experts, int4 products and messages against onnxruntime, which is given the seeded sources. */
describe.each(targets)("target %s against onnxruntime", (target) => {
  const machine = machineOf(target);

  it.each([
    { name: "Step-3's", normalizeTopK: false },
    { name: "Qwen3's", normalizeTopK: true },
  ])("routes as MatMul, Softmax and TopK do: $name rule", async ({ normalizeTopK }) => {
    const [tokens, hidden, experts, topK] = [9, 70, 33, 5];
    const kernelCase = run(
      machine,
      routerCase({ tokens, hidden, experts, router: { ...plainRule, topK, normalizeTopK }, seed: 41 }),
    );
    const expected = await runOnnx(routerGraph(tokens, hidden, experts, topK), {
      x: rowsOf(machine, kernelCase, "x", hidden, tokens),
      gate: transposed(range(experts).map((at) => sourceColumn(41, 2, { columns: experts, k: hidden }, at))),
      k: BigInt64Array.of(BigInt(topK)),
    });
    const { address } = bufferOf(kernelCase, "routedIds");
    const ids = [...new Int32Array(machine.memory.buffer, address, tokens * topK)];
    expect(ids).toEqual(Array.from(expected["ids"] as BigInt64Array, Number));
    const probabilities = expected["y"] as Float32Array;
    for (const [index, weight] of floatsOf(machine, kernelCase, "weights").entries()) {
      const slots = probabilities.subarray(index - (index % topK), index - (index % topK) + topK);
      const divisor = normalizeTopK ? slots.reduce((sum, value) => sum + value, 0) : 1;
      expect(Math.abs(weight / ((probabilities[index] as number) / divisor) - 1)).toBeLessThan(1e-5);
    }
  });

  // Steps of 1/7 of a column's largest, uniform values: noise of 1 / 7 / sqrt(12) x sqrt(3) = 7% of an output's size.
  it.each([
    [1, 40, 130],
    [7, 33, 64],
    [19, 24, 1031],
  ])("multiplies int4 weights m=%i n=%i k=%i as near to MatMul as four bits let it", async (m, n, k) => {
    const kernelCase = run(machine, matmulCase({ m, n, k, dtype: "int4", seed: 42 }));
    const graph: OnnxGraph = {
      nodes: [{ operator: "MatMul", inputs: ["x", "w"], output: "y" }],
      inputs: { x: [m, k], w: [k, n] },
      outputs: { y: [m, n] },
    };
    const columns = range(n).map((at) => sourceColumn(42, 2, { columns: n, k }, at));
    const feeds = { x: rowsOf(machine, kernelCase, "x", k, m), w: transposed(columns) };
    const { y } = await runOnnx(graph, feeds);
    const error = errorOf(rowsOf(machine, kernelCase, "y", n, m), y as Float32Array);
    expect(error).toBeLessThan(0.1);
    expect(error).toBeGreaterThan(0.03);
  });

  it("runs gpt-oss' experts as com.microsoft's MoE does: biases, interleaved columns, clamped SwiGLU", async () => {
    const [count, tokens, hidden, expertDim] = [3, 4, 24, 16];
    const shape = { count, tokensPerExpert: tokens, hidden, expertDim, activation: "clampedSilu" } as const;
    const kernelCase = run(machine, expertMatmulCase({ ...shape, dtype: "f32", seed: 43 }));
    const gateUp = range(count).map((expert) => columnsOf(43, 2, 2 * expertDim, hidden, expert));
    const down = range(count).map((expert) => columnsOf(43, 3, hidden, expertDim, expert));
    const bias = (name: string, width: number): Float32Array[] =>
      range(count).map((expert) => rowOf(machine, kernelCase, name, width, expert));
    const { y } = await runOnnx(gptOssGraph(count, count * tokens, hidden, expertDim), {
      x: rowsOf(machine, kernelCase, "experts.input", hidden, count * tokens),
      // One expert of its own for every token: its softmax is 1.
      router: Float32Array.from({ length: count * tokens * count }, (_, index) =>
        Math.floor(index / count / tokens) === index % count ? 0 : -1e4,
      ),
      fc1: Float32Array.from(gateUp.flatMap((columns) => interleaved(columns).flatMap((column) => [...column]))),
      fc1Bias: Float32Array.from(bias("experts.gateUpBias", 2 * expertDim).flatMap((row) => interleaved([...row]))),
      fc2: Float32Array.from(down.flatMap((columns) => columns.flatMap((column) => [...column]))),
      fc2Bias: Float32Array.from(bias("experts.downBias", hidden).flatMap((row) => [...row])),
    });
    expect(
      errorOf(rowsOf(machine, kernelCase, "experts.output", hidden, count * tokens), y as Float32Array),
    ).toBeLessThan(1e-5);
  });

  it("writes and reads FP8 messages as Cast to FLOAT8E4M3FN does, scales apart", async () => {
    const [rows, width] = [5, 256];
    const shape = { format: "fp8", direction: "dequantize", rows, width, block: width, seed: 44 } as const;
    const kernelCase = run(machine, wireCase(shape));
    const scales = floatsOf(machine, kernelCase, "scales");
    const source = rowsOf(machine, kernelCase, "source", width, rows);
    const largest = range(rows).map((row) => largestOf(source.subarray(row * width, (row + 1) * width)));
    const scaled = source.map(
      (value, index) => value * Math.fround(448 / (largest[Math.floor(index / width)] as number)),
    );
    const { y } = await runOnnx(castGraph("float8e4m3fn", rows * width), { x: scaled });
    const expected = (y as Float32Array).map((value, index) => value * (scales[Math.floor(index / width)] as number));
    expect(rowsOf(machine, kernelCase, "y", width, rows)).toEqual(expected);
  });

  it("writes and reads BF16 messages as Cast to BFLOAT16 does", async () => {
    const [rows, width] = [3, 77];
    const shape = { format: "bf16", direction: "dequantize", rows, width, block: width, seed: 45 } as const;
    const kernelCase = run(machine, wireCase(shape));
    const source = rowsOf(machine, kernelCase, "source", width, rows);
    const { y } = await runOnnx(castGraph("bfloat16", rows * width), { x: source });
    expect(rowsOf(machine, kernelCase, "y", width, rows)).toEqual(y);
  });

  it("writes int8 messages as QuantizeLinear does", async () => {
    const width = 130;
    const shape = { format: "int8", direction: "dequantize", rows: 1, width, block: width, seed: 46 } as const;
    const kernelCase = run(machine, wireCase(shape));
    const source = rowsOf(machine, kernelCase, "source", width, 1);
    const scale = floatsOf(machine, kernelCase, "scales").slice(0, 1);
    const { y } = await runOnnx(
      {
        nodes: [
          { operator: "QuantizeLinear", inputs: ["x", "scale", "zero"], output: "q" },
          { operator: "DequantizeLinear", inputs: ["q", "scale", "zero"], output: "y" },
        ],
        inputs: { x: [width], scale: [], zero: [] },
        types: { zero: "int8" },
        outputs: { y: [width] },
      },
      { x: source, scale, zero: Int8Array.of(0) },
    );
    expect(rowsOf(machine, kernelCase, "y", width, 1)).toEqual(y);
  });
});

function routerGraph(tokens: number, hidden: number, experts: number, topK: number): OnnxGraph {
  return {
    nodes: [
      { operator: "MatMul", inputs: ["x", "gate"], output: "logits" },
      { operator: "Softmax", inputs: ["logits"], output: "scores" },
      { operator: "TopK", inputs: ["scores", "k"], output: "y", moreOutputs: ["ids"] },
    ],
    inputs: { x: [tokens, hidden], gate: [hidden, experts], k: [1] },
    types: { k: "int64", ids: "int64" },
    outputs: { y: [tokens, topK], ids: [tokens, topK] },
  };
}

function gptOssGraph(experts: number, tokens: number, hidden: number, expertDim: number): OnnxGraph {
  return {
    nodes: [
      {
        operator: "MoE",
        domain: "com.microsoft",
        inputs: ["x", "router", "fc1", "fc1Bias", "fc2", "fc2Bias"],
        output: "y",
        attributes: {
          ...{ k: 1, activation_type: "swiglu", swiglu_fusion: 1, swiglu_limit: { float: 7 } },
          ...{ activation_alpha: { float: 1.702 }, activation_beta: { float: 1 } },
        },
      },
    ],
    inputs: {
      x: [tokens, hidden],
      router: [tokens, experts],
      fc1: [experts, 2 * expertDim, hidden],
      fc1Bias: [experts, 2 * expertDim],
      fc2: [experts, hidden, expertDim],
      fc2Bias: [experts, hidden],
    },
    outputs: { y: [tokens, hidden] },
  };
}

function castGraph(to: "float8e4m3fn" | "bfloat16", count: number): OnnxGraph {
  return {
    nodes: [
      { operator: "Cast", inputs: ["x"], output: "coded", attributes: { to: onnxTypes[to] } },
      { operator: "Cast", inputs: ["coded"], output: "y", attributes: { to: onnxTypes.float32 } },
    ],
    inputs: { x: [count] },
    outputs: { y: [count] },
  };
}

function run(machine: Machine, kernelCase: KernelCase): KernelCase {
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  return kernelCase;
}

function columnsOf(seed: number, tensor: number, columns: number, k: number, expert: number): Float64Array[] {
  return range(columns).map((at) => sourceColumn(seed, tensor, { columns, k }, at, expert));
}

/** Gate and up in turns, from all gates and then all ups. */
function interleaved<Item>(gatesAndUps: readonly Item[]): Item[] {
  const half = gatesAndUps.length / 2;
  return range(half).flatMap((at) => [gatesAndUps[at] as Item, gatesAndUps[at + half] as Item]);
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
function rowsOf(machine: Machine, kernelCase: KernelCase, name: string, width: number, rows: number): Float32Array {
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

function largestOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
