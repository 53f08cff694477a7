import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import type { CompiledModel, Tensor as LiteRtTensor } from "@litertjs/core";
import { type AttentionWork, type MatmulWork, type MoeWork, seed, type Work } from "../works.ts";
import { type ExpertRun, moeRun } from "./moe.ts";
import type { Peer, PeerRun } from "./peer.ts";
import { quantizeRows, seededKv, seededRows, seededWeight } from "./seeded.ts";
import { type TfliteGraph, type TfliteTensor, tfliteModel } from "./tflite.ts";

/** LiteRT.js: TensorFlow Lite with XNNPACK, its single-threaded WASM build. */
export async function litert(): Promise<Peer> {
  const { loadAndCompile, Tensor } = await load();
  type Dims = readonly number[];

  async function compile(graph: TfliteGraph): Promise<CompiledModel> {
    return loadAndCompile(tfliteModel(graph), { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
  }

  function ready(models: readonly CompiledModel[], inputs: readonly { values: Float32Array; dims: Dims }[]): PeerRun {
    const tensors = inputs.map(({ values, dims }) => new Tensor(values, [...dims]));
    let results: LiteRtTensor[] = [];
    return {
      async call() {
        for (const model of models) {
          for (const result of results) result.delete();
          results = await model.run(tensors);
        }
      },
      output: () => (results[0] as LiteRtTensor).toTypedArray() as Float32Array,
      dispose() {
        for (const tensor of [...tensors, ...results]) tensor.delete();
        for (const model of models) model.delete();
      },
    };
  }

  async function matmul({ m, n, k, dtype, experts }: MatmulWork): Promise<PeerRun> {
    const models: CompiledModel[] = [];
    for (let expert = 0; expert < experts; expert++) {
      const weight = weightTensor("w", seededWeight(seed, 2 + expert, n, k), k, dtype);
      models.push(await compile(productGraph(m, n, k, weight)));
    }
    return ready(models, [{ values: seededRows(seed, 1, m, k), dims: [m, k] }]);
  }

  async function attention(work: AttentionWork): Promise<PeerRun | undefined> {
    if (work.dtype !== "f32") return undefined;
    const { caches, heads, headDim, kvTokens, q, k, v } = attentionInputs(work);
    const model = await compile(attentionGraph(caches, heads, headDim, kvTokens));
    return ready(
      [model],
      [
        { values: q, dims: [caches, heads, headDim] },
        { values: k, dims: [caches, kvTokens, headDim] },
        { values: v, dims: [caches, kvTokens, headDim] },
      ],
    );
  }

  /** Models of a fixed number of rows: one an expert, made for the rows that it gets. */
  async function expert(
    work: MoeWork,
    gate: Float32Array,
    up: Float32Array,
    down: Float32Array,
    rows: number,
  ): Promise<ExpertRun> {
    const { hidden, expertDim, dtype } = work;
    const model = await compile(swigluGraph(rows, hidden, expertDim, [gate, up, down], dtype));
    return {
      async call(x) {
        const input = new Tensor(x, [rows, hidden]);
        const results = await model.run([input]);
        const y = (results[0] as LiteRtTensor).toTypedArray().slice() as Float32Array;
        for (const tensor of [input, ...results]) tensor.delete();
        return y;
      },
      dispose: () => model.delete(),
    };
  }

  return {
    name: "LiteRT.js",
    runs: "wasm",
    async prepare(work: Work) {
      switch (work.kind) {
        case "matmul":
          return matmul(work);
        case "attention":
          return attention(work);
        case "moe":
          return moeRun(work, (gate, up, down, rows) => expert(work, gate, up, down, rows));
      }
    },
  };
}

/** Queries scaled, keys and values as they come from the seeds, [batch x kvHeads] of each. */
export function attentionInputs({ batch, queryHeads, kvHeads, headDim, kvTokens }: AttentionWork) {
  const caches = batch * kvHeads;
  const heads = queryHeads / kvHeads;
  const scale = headDim ** -0.5;
  const q = seededRows(seed, 1, batch * queryHeads, headDim).map((value) => value * scale);
  const k = new Float32Array(caches * kvTokens * headDim);
  const v = new Float32Array(caches * kvTokens * headDim);
  for (let cache = 0; cache < caches; cache++) {
    const { keys, values } = seededKv(seed, cache, kvTokens, headDim);
    k.set(keys, cache * kvTokens * headDim);
    v.set(values, cache * kvTokens * headDim);
  }
  return { caches, heads, headDim, kvTokens, q, k, v };
}

function productGraph(m: number, n: number, k: number, weight: TfliteTensor): TfliteGraph {
  return {
    tensors: [{ name: "x", shape: [m, k], type: "f32" }, weight, { name: "y", shape: [m, n], type: "f32" }],
    operators: [{ kind: "fullyConnected", inputs: [0, 1, -1], output: 2 }],
    inputs: [0],
    outputs: [2],
  };
}

function attentionGraph(caches: number, heads: number, headDim: number, kvTokens: number): TfliteGraph {
  const cacheShape = [caches, kvTokens, headDim];
  return {
    tensors: [
      { name: "q", shape: [caches, heads, headDim], type: "f32" },
      { name: "k", shape: cacheShape, type: "f32" },
      { name: "v", shape: cacheShape, type: "f32" },
      { name: "scores", shape: [caches, heads, kvTokens], type: "f32" },
      { name: "p", shape: [caches, heads, kvTokens], type: "f32" },
      { name: "y", shape: [caches, heads, headDim], type: "f32" },
    ],
    operators: [
      { kind: "batchMatMul", inputs: [0, 1], output: 3, transposeRight: 1 },
      { kind: "softmax", inputs: [3], output: 4 },
      { kind: "batchMatMul", inputs: [4, 2], output: 5, transposeRight: 0 },
    ],
    inputs: [0, 1, 2],
    outputs: [5],
  };
}

function swigluGraph(
  rows: number,
  hidden: number,
  expertDim: number,
  [gate, up, down]: readonly [Float32Array, Float32Array, Float32Array],
  dtype: MoeWork["dtype"],
): TfliteGraph {
  const inner = (name: string): TfliteTensor => ({ name, shape: [rows, expertDim], type: "f32" });
  return {
    tensors: [
      { name: "x", shape: [rows, hidden], type: "f32" },
      weightTensor("gate", gate, hidden, dtype),
      weightTensor("up", up, hidden, dtype),
      weightTensor("down", down, expertDim, dtype),
      ...["gateOut", "upOut", "sigmoid", "silu", "activated"].map(inner),
      { name: "y", shape: [rows, hidden], type: "f32" },
    ],
    operators: [
      { kind: "fullyConnected", inputs: [0, 1, -1], output: 4 },
      { kind: "fullyConnected", inputs: [0, 2, -1], output: 5 },
      { kind: "logistic", inputs: [4], output: 6 },
      { kind: "mul", inputs: [4, 6], output: 7 },
      { kind: "mul", inputs: [7, 5], output: 8 },
      { kind: "fullyConnected", inputs: [8, 3, -1], output: 9 },
    ],
    inputs: [0],
    outputs: [9],
  };
}

/** A constant [columns][k]: float32, or whole numbers with a scale a column; int4 two a byte, the even one in the lower half. */
function weightTensor(name: string, rows: Float32Array, k: number, dtype: string): TfliteTensor {
  const shape = [rows.length / k, k];
  if (dtype === "f32")
    return { name, shape, type: "f32", data: new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength) };
  const { values, scales } = quantizeRows(rows, k, dtype === "int8" ? 127 : 7);
  if (dtype === "int8") return { name, shape, type: "int8", data: new Uint8Array(values.buffer), scales };
  const data = Uint8Array.from(
    { length: values.length / 2 },
    (_, i) => ((values[2 * i] as number) & 15) | (((values[2 * i + 1] as number) & 15) << 4),
  );
  return { name, shape, type: "int4", data, scales };
}

/** LiteRT.js expects a page: its loader takes a script by importScripts, and the script of its module asks Node for files. */
async function load(): Promise<typeof import("@litertjs/core")> {
  const folder = fileURLToPath(new URL("./node_modules/@litertjs/core/wasm/", import.meta.url));
  const quiet = (): void => {};
  Object.assign(globalThis, {
    self: globalThis,
    require: createRequire(import.meta.url),
    __dirname: folder,
    importScripts: (path: string) => void runInThisContext(readFileSync(path, "utf8"), { filename: path }),
    Module: { locateFile: (name: string) => folder + name, print: quiet, printErr: quiet },
  });
  const module = await import("@litertjs/core");
  const { log, warn, info } = console;
  Object.assign(console, { log: quiet, warn: quiet, info: quiet });
  try {
    await module.loadLiteRt(folder);
  } finally {
    Object.assign(console, { log, warn, info });
  }
  return module;
}
