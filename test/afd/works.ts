import fc from "fast-check";
import type { DecodeModel, DecodeWork, MessageFormat } from "../../src/afd/decodeWork.ts";
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

const whole = (min: number, max: number) => fc.integer({ min, max });

const anyAttention = fc
  .record({ kvHeads: whole(1, 3), group: whole(1, 3), headDim: fc.constantFrom(8, 16), rank: whole(0, 3) })
  .map(({ kvHeads, group, headDim, rank }) => ({
    ...{ queryHeads: kvHeads * group, kvHeads, headDim, ropeTheta: 10000 },
    queryRank: rank === 0 ? undefined : rank * 8,
  }));

const anyRule = fc.record({
  score: fc.constantFrom("softmax", "sigmoid"),
  normalizeTopK: fc.boolean(),
  correctionBias: fc.boolean(),
  logitBias: fc.boolean(),
  scalesInput: fc.boolean(),
});

/** Experts in so many parts that FFN instances may share. */
const anyLayer = (experts: number, topK: number) =>
  fc.record({
    attention: anyAttention,
    ffn: fc.oneof(
      fc.record({ kind: fc.constant("dense" as const), width: whole(1, 30), activation: fc.constant("silu" as const) }),
      fc.record({ expertDim: whole(1, 30), sharedDim: whole(0, 30), rule: anyRule }).map(({ rule, ...dims }) => ({
        ...{ kind: "moe" as const, experts, activation: "silu" as const, ...dims },
        router: { ...softmaxRule, ...rule, topK },
      })),
    ),
  });

const anyParallel: fc.Arbitrary<Pick<DecodeWork, "ffnInstances" | "ffnParallel"> & { readonly parts: number }> =
  fc.oneof(
    whole(1, 4).map((parts) => ({ parts, ffnInstances: parts, ffnParallel: { kind: "ep" as const } })),
    whole(1, 4).map((ffnInstances) => ({ parts: 1, ffnInstances, ffnParallel: { kind: "tp" as const } })),
    fc.record({ parts: whole(1, 2), tensorParallel: whole(1, 3) }).map(({ parts, tensorParallel }) => ({
      parts,
      ffnInstances: parts * tensorParallel,
      ffnParallel: { kind: "tp+ep" as const, tensorParallel },
    })),
  );

const anyFormat = fc.constantFrom<MessageFormat>("f32", "fp8", "bf16", "int8");

/** Any small model, sequences and division, on some threads. */
export const anyWork: fc.Arbitrary<{ readonly work: DecodeWork; readonly ranks: number }> = fc
  .tuple(anyParallel, whole(1, 4), whole(1, 3))
  .chain(([{ parts, ...parallel }, perPart, topK]) =>
    fc
      .record({
        hidden: whole(1, 5),
        layers: fc.array(anyLayer(parts * perPart, Math.min(topK, parts * perPart)), { minLength: 1, maxLength: 3 }),
        storage: fc.constantFrom(["f32", "f32"] as const, ["int8", "int8"] as const, ["int8", "fp8"] as const),
        seed: fc.integer(),
        sizes: fc.array(whole(1, 4), { minLength: 1, maxLength: 3 }),
        lengths: fc.array(fc.oneof(whole(0, 20), whole(250, 260)), { minLength: 12, maxLength: 12 }),
        attentionInstances: whole(1, 3),
        steps: whole(1, 3),
        messages: fc.record({ a2f: anyFormat, f2a: anyFormat }),
        ranks: whole(1, 3),
      })
      .map(({ hidden, layers, storage: [weightDtype, kvDtype], seed, sizes, lengths, ranks, ...rest }) => ({
        ranks,
        work: {
          model: { hidden: hidden * 8, epsilon: 1e-5, layers, weightDtype, kvDtype, seed },
          ...parallel,
          ...rest,
          kvTokens: lengths.slice(
            0,
            sizes.reduce((sum, size) => sum + size, 0),
          ),
          microBatches: microBatchesOf(sizes),
        },
      })),
  );
