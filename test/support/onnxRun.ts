import { InferenceSession, Tensor } from "onnxruntime-node";
import { type OnnxGraph, onnxModel } from "./onnxModel.ts";

type Data = Float32Array | BigInt64Array | Int8Array;

/** Runs a graph on one thread and gives its outputs' data by name. */
export async function runOnnx(
  graph: OnnxGraph,
  feeds: Readonly<Record<string, Data>>,
): Promise<Readonly<Record<string, Data>>> {
  const session = await InferenceSession.create(onnxModel(graph), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const tensors = Object.entries(feeds).map(([name, data]) => {
    const dims = graph.inputs[name];
    return [name, tensorOf(data, dims)] as const;
  });
  const outputs = await session.run(Object.fromEntries(tensors));
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Data]));
}

function tensorOf(data: Data, dims: readonly number[] | undefined): Tensor {
  if (data instanceof Float32Array) return new Tensor(data, dims);
  return data instanceof Int8Array ? new Tensor("int8", data, dims) : new Tensor("int64", data, dims);
}
