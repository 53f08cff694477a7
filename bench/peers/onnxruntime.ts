import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-common";
import { type AttentionWork, type MatmulWork, type MoeWork, seed, type Work } from "../works.ts";
import { attentionInputs } from "./litert.ts";
import { type ExpertRun, moeRun } from "./moe.ts";
import { type OnnxGraph, type OnnxNode, type OnnxTensor, onnxModel } from "./onnx.ts";
import type { Peer, PeerRun } from "./peer.ts";
import { quantizeRows, seededRows, seededWeight, transposed } from "./seeded.ts";

/** What both builds of onnxruntime offer. */
interface Runtime {
  readonly Tensor: TensorConstructor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
}

/** onnxruntime-web: its WASM build, one thread. */
export async function onnxruntimeWeb(): Promise<Peer> {
  const module = await import("onnxruntime-web");
  const ort =
    "default" in module && "InferenceSession" in (module.default as object)
      ? (module.default as typeof module)
      : module;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return peerOf("onnxruntime-web", "wasm", ort as unknown as Runtime, { executionProviders: ["wasm"] });
}

/** onnxruntime-node: native code for this processor, one thread. */
export async function onnxruntimeNode(): Promise<Peer> {
  const module = await import("onnxruntime-node");
  const ort =
    "default" in module && "InferenceSession" in (module.default as object)
      ? (module.default as typeof module)
      : module;
  return peerOf("onnxruntime-node", "native", ort as unknown as Runtime, { executionProviders: ["cpu"] });
}

function peerOf(
  name: string,
  runs: Peer["runs"],
  { Tensor, InferenceSession }: Runtime,
  providers: InferenceSession.SessionOptions,
): Peer {
  const options: InferenceSession.SessionOptions = {
    ...providers,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  };
  const sessionOf = (graph: OnnxGraph): Promise<InferenceSession> => InferenceSession.create(onnxModel(graph), options);
  const tensorOf = (values: Float32Array, dims: readonly number[]): Tensor =>
    new Tensor("float32", values, dims) as Tensor;

  function ready(sessions: readonly InferenceSession[], feeds: Record<string, Tensor>): PeerRun {
    let y: Tensor | undefined;
    return {
      async call() {
        for (const session of sessions) y = (await session.run(feeds))["y"];
      },
      output: () => y?.data as Float32Array,
      async dispose() {
        for (const session of sessions) await session.release();
      },
    };
  }

  async function matmul({ m, n, k, dtype, experts }: MatmulWork): Promise<PeerRun | undefined> {
    if (dtype !== "f32" && dtype !== "int8") return undefined;
    const sessions: InferenceSession[] = [];
    for (let expert = 0; expert < experts; expert++) {
      const product = productOf("w", "x", "y", seededWeight(seed, 2 + expert, n, k), k, dtype);
      sessions.push(
        await sessionOf({
          nodes: [product.node],
          weights: product.weights,
          inputs: { x: [m, k] },
          outputs: { y: [m, n] },
        }),
      );
    }
    return ready(sessions, { x: tensorOf(seededRows(seed, 1, m, k), [m, k]) });
  }

  async function attention(work: AttentionWork): Promise<PeerRun | undefined> {
    if (work.dtype !== "f32") return undefined;
    const { caches, heads, headDim, kvTokens, q, k, v } = attentionInputs(work);
    // Keys stand transposed, as such a cache would be kept: onnxruntime's MatMul takes them so without a copy.
    const keys = new Float32Array(k.length);
    for (let cache = 0; cache < caches; cache++) {
      const at = cache * kvTokens * headDim;
      keys.set(transposed(k.slice(at, at + kvTokens * headDim), headDim), at);
    }
    const session = await sessionOf({
      nodes: [
        { operator: "MatMul", inputs: ["q", "k"], output: "scores" },
        { operator: "Softmax", inputs: ["scores"], output: "p" },
        { operator: "MatMul", inputs: ["p", "v"], output: "y" },
      ],
      weights: {},
      inputs: { q: [caches, heads, headDim], k: [caches, headDim, kvTokens], v: [caches, kvTokens, headDim] },
      outputs: { y: [caches, heads, headDim] },
    });
    return ready([session], {
      q: tensorOf(q, [caches, heads, headDim]),
      k: tensorOf(keys, [caches, headDim, kvTokens]),
      v: tensorOf(v, [caches, kvTokens, headDim]),
    });
  }

  async function expert(
    work: MoeWork,
    gate: Float32Array,
    up: Float32Array,
    down: Float32Array,
    rows: number,
  ): Promise<ExpertRun> {
    const { hidden, expertDim } = work;
    const dtype = work.dtype === "f32" ? "f32" : "int8";
    const products = [
      productOf("gate", "x", "gateOut", gate, hidden, dtype),
      productOf("up", "x", "upOut", up, hidden, dtype),
      productOf("down", "activated", "y", down, expertDim, dtype),
    ] as const;
    const session = await sessionOf({
      nodes: [
        products[0].node,
        products[1].node,
        { operator: "Sigmoid", inputs: ["gateOut"], output: "sigmoid" },
        { operator: "Mul", inputs: ["gateOut", "sigmoid"], output: "silu" },
        { operator: "Mul", inputs: ["silu", "upOut"], output: "activated" },
        products[2].node,
      ],
      weights: { ...products[0].weights, ...products[1].weights, ...products[2].weights },
      inputs: { x: [rows, hidden] },
      outputs: { y: [rows, hidden] },
    });
    return {
      call: async (x) => (await session.run({ x: tensorOf(x, [rows, hidden]) }))["y"]?.data as Float32Array,
      dispose: () => session.release(),
    };
  }

  return {
    name,
    runs,
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

/** A product with a constant weight [k][columns]: MatMul, or activations quantized on the way and 8-bit weights with a scale a column. */
function productOf(
  name: string,
  input: string,
  output: string,
  rows: Float32Array,
  k: number,
  dtype: "f32" | "int8",
): { readonly node: OnnxNode; readonly weights: Readonly<Record<string, OnnxTensor>> } {
  const columns = rows.length / k;
  if (dtype === "f32") {
    const weight = { dims: [k, columns], data: transposed(rows, k) };
    return { node: { operator: "MatMul", inputs: [input, name], output }, weights: { [name]: weight } };
  }
  const { values, scales } = quantizeRows(rows, k, 127);
  const weight = { dims: [k, columns], data: transposed(values, k) };
  const node = {
    operator: "DynamicQuantizeMatMul",
    domain: "com.microsoft",
    inputs: [input, name, `${name}Scales`],
    output,
  };
  return { node, weights: { [name]: weight, [`${name}Scales`]: { dims: [columns], data: scales } } };
}
