import type { DecodeModel, DecodeWork } from "../../src/afd/decodeWork.ts";
import type { Share } from "../../src/kernels/program.ts";
import type { RouterRule } from "../../src/kernels/routerRule.ts";

export const softmaxRule: RouterRule = {
  score: "softmax",
  topK: 2,
  normalizeTopK: false,
  scalingFactor: 1,
  correctionBias: false,
  logitBias: false,
  scalesInput: false,
  groups: 1,
  groupsKept: 1,
  groupRule: "none",
};

/** Two layers in small: one dense, one of experts, with a low-rank query. */
export const tinyModel: DecodeModel = {
  hidden: 40,
  epsilon: 1e-5,
  layers: [
    {
      attention: { queryHeads: 3, kvHeads: 1, headDim: 8, queryRank: 16, ropeTheta: 500000 },
      ffn: { kind: "dense", width: 20, activation: "silu" },
    },
    {
      attention: { queryHeads: 3, kvHeads: 1, headDim: 8, queryRank: 16, ropeTheta: 500000 },
      ffn: {
        ...{ kind: "moe", experts: 12, expertDim: 28, sharedDim: 12, activation: "silu" },
        router: softmaxRule,
      },
    },
    {
      attention: { queryHeads: 4, kvHeads: 2, headDim: 16, queryRank: undefined, ropeTheta: 10000 },
      ffn: {
        ...{ kind: "moe", experts: 12, expertDim: 8, sharedDim: 0, activation: "gelu" },
        router: { ...softmaxRule, score: "sigmoid", correctionBias: true, normalizeTopK: true },
      },
    },
  ],
  weightDtype: "f32",
  kvDtype: "f32",
  seed: 7,
};

/** Sequences of some lengths in micro-batches of the given sizes. */
export function workOf(changes: Partial<DecodeWork> & { readonly sizes?: readonly number[] } = {}): DecodeWork {
  const { sizes = [3, 2], ...given } = changes;
  const sequences = sizes.reduce((sum, size) => sum + size, 0);
  return {
    model: tinyModel,
    attentionInstances: 1,
    ffnInstances: 1,
    ffnParallel: { kind: "ep" },
    kvTokens: Array.from({ length: sequences }, (_, sequence) => [254, 3, 0, 17, 255, 1, 90][sequence % 7] as number),
    microBatches: microBatchesOf(sizes),
    steps: 3,
    messages: { a2f: "fp8", f2a: "bf16" },
    ...given,
  };
}

export function microBatchesOf(sizes: readonly number[]): Share[] {
  let last = 0;
  return sizes.map((size) => {
    const first = last;
    last += size;
    return { first, last };
  });
}

/** Bits of rows as text, a row each. */
export function bitsOf(rows: readonly Float32Array[]): string[] {
  return rows.map((row) => Buffer.from(Float32Array.from(row).buffer).toString("hex"));
}
