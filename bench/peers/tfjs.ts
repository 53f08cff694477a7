import { fileURLToPath } from "node:url";
import type { Tensor3D } from "@tensorflow/tfjs-core";
import { type AttentionWork, type MatmulWork, seed, type Work } from "../works.ts";
import { attentionInputs } from "./litert.ts";
import type { Peer, PeerRun } from "./peer.ts";
import { seededRows, seededWeight, transposed } from "./seeded.ts";

/** TensorFlow.js on its WASM backend, one thread; float32 alone. */
export async function tfjs(): Promise<Peer> {
  const tf = await import("@tensorflow/tfjs-core");
  const { setThreadsCount, setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(fileURLToPath(new URL("./node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));
  setThreadsCount(1);
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  await tf.setBackend("wasm");

  function ready(compute: () => import("@tensorflow/tfjs-core").Tensor, held: { dispose(): void }[]): PeerRun {
    let y: import("@tensorflow/tfjs-core").Tensor | undefined;
    return {
      call() {
        y?.dispose();
        // Operators of this backend compute when they are called; what reads the result waits for nothing.
        y = tf.tidy(compute);
      },
      output: () => y?.dataSync() as Float32Array,
      dispose() {
        for (const tensor of [...held, ...(y === undefined ? [] : [y])]) tensor.dispose();
      },
    };
  }

  function matmul({ m, n, k, experts }: MatmulWork): PeerRun {
    const x = tf.tensor2d(seededRows(seed, 1, m, k), [m, k]);
    const weights = Array.from({ length: experts }, (_, expert) =>
      tf.tensor2d(transposed(seededWeight(seed, 2 + expert, n, k), k), [k, n]),
    );
    const compute = () => {
      let y = x;
      for (const weight of weights) y = tf.matMul(x, weight);
      return y;
    };
    return ready(compute, [x, ...weights]);
  }

  function attention(work: AttentionWork): PeerRun {
    const { caches, heads, headDim, kvTokens, q, k, v } = attentionInputs(work);
    const queries = tf.tensor3d(q, [caches, heads, headDim]);
    const keys = tf.tensor3d(k, [caches, kvTokens, headDim]);
    const values = tf.tensor3d(v, [caches, kvTokens, headDim]);
    const compute = () => {
      const p = tf.softmax(tf.matMul<Tensor3D>(queries, keys, false, true));
      return tf.matMul(p, values);
    };
    return ready(compute, [queries, keys, values]);
  }

  return {
    name: "tfjs-backend-wasm",
    runs: "wasm",
    async prepare(work: Work) {
      if (work.dtype !== "f32") return undefined;
      if (work.kind === "matmul") return matmul(work);
      return work.kind === "attention" ? attention(work) : undefined;
    },
  };
}
