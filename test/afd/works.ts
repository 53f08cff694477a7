import fc from "fast-check";
import type { DecodeFfn, DecodeModel, DecodeWork, MessageFormat } from "../../src/afd/decodeWork.ts";
import type { DecodeRope, GroupedAttention, LatentAttention } from "../../src/kernels/decodeAttention.ts";
import type { Share } from "../../src/kernels/program.ts";
import type { RouterRule } from "../../src/kernels/routerRule.ts";
import type { RopeScaling } from "../../src/workload/ropeFrequencies.ts";

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

const full = { kind: "full" } as const;

const plain = { kind: "grouped", span: full, qkNorm: false, bias: "none", sinks: false, softmaxScale: 0.3 } as const;

const halves = (theta: number, dims: number): DecodeRope => ({
  theta,
  dims,
  pairs: "halves",
  scaling: { kind: "none" },
});

/** Its range of mixed frequencies lies in the midst of four pairs. */
const yarn = {
  ...({ kind: "yarn", factor: 8, originalTokens: 100, betaFast: 8, betaSlow: 0.1, truncate: false } as const),
  attentionFactor: 1.25,
};

const lowRank: GroupedAttention = {
  ...plain,
  ...{ queryHeads: 3, kvHeads: 1, headDim: 8, queryRank: 16, rope: halves(500000, 8) },
};

/** Three layers in small: one dense, two of experts; two with a low-rank query. */
export const tinyModel: DecodeModel = {
  hidden: 40,
  epsilon: 1e-5,
  layers: [
    { attention: lowRank, ffn: { kind: "dense", width: 20, activation: "silu" } },
    {
      attention: lowRank,
      ffn: {
        ...{ kind: "moe", experts: 12, expertDim: 28, sharedDim: 12, sharedGate: false, activation: "silu" },
        router: softmaxRule,
      },
    },
    {
      attention: {
        ...plain,
        ...{ queryHeads: 4, kvHeads: 2, headDim: 16, queryRank: undefined, rope: halves(10000, 16) },
      },
      ffn: {
        ...{ kind: "moe", experts: 12, expertDim: 8, sharedDim: 0, sharedGate: false, activation: "gelu" },
        router: { ...softmaxRule, score: "sigmoid", correctionBias: true, normalizeTopK: true },
      },
    },
  ],
  weightDtype: "f32",
  kvDtype: "f32",
  seed: 7,
};

const withSinks: GroupedAttention = {
  ...{ kind: "grouped", queryHeads: 4, kvHeads: 2, headDim: 16, queryRank: undefined, rope: halves(10000, 0) },
  ...{ span: { kind: "chunked", tokens: 18 }, qkNorm: false, bias: "queryKeyValue", sinks: true, softmaxScale: 0.25 },
};

const latent: LatentAttention = {
  ...{ kind: "latent", queryHeads: 3, queryRank: 24, kvRank: 32, nopeHeadDim: 16, ropeHeadDim: 8, valueHeadDim: 8 },
  ...{ rope: { theta: 10000, dims: 8, pairs: "neighbours", scaling: yarn }, span: full, softmaxScale: 0.4 },
};

const biasedExperts: DecodeFfn = {
  ...{ kind: "moe", experts: 12, expertDim: 20, sharedDim: 12, sharedGate: true, activation: "clampedSilu" },
  router: { ...softmaxRule, logitBias: true, scalesInput: true },
};

/** A layer of every other sort: norms of heads, biases, part of a head turned, sinks, spans, latents; biases and gates of experts. */
export const mixedModel: DecodeModel = {
  ...tinyModel,
  layers: [
    {
      attention: {
        ...{ kind: "grouped", queryHeads: 4, kvHeads: 2, headDim: 16, queryRank: undefined },
        rope: {
          ...{ theta: 500000, dims: 12, pairs: "neighbours" },
          // Sequences are on either side of its first context.
          scaling: { kind: "dynamic", factor: 3, originalTokens: 90 },
        },
        ...{ span: { kind: "sliding", tokens: 7 }, qkNorm: true, bias: "all", sinks: false, softmaxScale: 0.2 },
      },
      ffn: { kind: "dense", width: 20, activation: "clampedSilu" },
    },
    { attention: withSinks, ffn: biasedExperts },
    { attention: withSinks, ffn: { ...biasedExperts, router: { ...softmaxRule, score: "sigmoid" } } },
    { attention: latent, ffn: { ...biasedExperts, activation: "silu" } },
    { attention: { ...latent, queryRank: undefined }, ffn: { kind: "dense", width: 8, activation: "silu" } },
  ],
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

const anySpan = fc.oneof(
  fc.constant(full),
  fc.record({ kind: fc.constantFrom("sliding" as const, "chunked" as const), tokens: whole(1, 300) }),
);

const anyScaling: fc.Arbitrary<RopeScaling> = fc.oneof(
  fc.constant<RopeScaling>({ kind: "none" }),
  fc.record({ kind: fc.constantFrom("linear" as const, "ntk" as const), factor: whole(1, 9) }),
  fc.record({ kind: fc.constant("dynamic" as const), factor: whole(1, 9), originalTokens: whole(1, 300) }),
  fc
    .record({ factor: whole(1, 40), originalTokens: whole(1, 300), truncate: fc.boolean() })
    .map((given): RopeScaling => ({ ...yarn, ...given })),
  fc
    .record({ factor: whole(1, 40), originalTokens: whole(1, 300) })
    .map((given): RopeScaling => ({ kind: "llama3", ...given, lowFactor: 1, highFactor: 4 })),
);

const anyScale = fc.constantFrom(0.1, 0.25, 0.5);

const anyPairs = fc.constantFrom("halves" as const, "neighbours" as const);

const rankOf = (eights: number): number | undefined => (eights === 0 ? undefined : eights * 8);

export const anyGrouped: fc.Arbitrary<GroupedAttention> = fc
  .record({
    ...{ kvHeads: whole(1, 3), group: whole(1, 3), headDim: fc.constantFrom(8, 16), rank: whole(0, 3) },
    ...{ pairs: anyPairs, turned: whole(0, 4), span: anySpan },
    ...{ qkNorm: fc.boolean(), bias: fc.constantFrom("none" as const, "queryKeyValue" as const, "all" as const) },
    ...{ sinks: fc.boolean(), softmaxScale: anyScale, scaling: anyScaling },
  })
  .map(({ kvHeads, group, headDim, rank, pairs, turned, scaling, ...rest }) => ({
    ...{ kind: "grouped", queryHeads: kvHeads * group, kvHeads, headDim, queryRank: rankOf(rank), ...rest },
    rope: { theta: 10000, dims: (headDim * turned) / 4, pairs, scaling },
  }));

export const anyLatent: fc.Arbitrary<LatentAttention> = fc
  .record({
    ...{ queryHeads: whole(1, 4), rank: whole(0, 3), latent: whole(1, 4), nope: whole(1, 2), turned: whole(1, 2) },
    ...{ value: whole(1, 2), pairs: anyPairs, span: anySpan, softmaxScale: anyScale, scaling: anyScaling },
  })
  .map(({ queryHeads, rank, latent: eights, nope, turned, value, pairs, span, softmaxScale, scaling }) => ({
    ...{ kind: "latent", queryHeads, queryRank: rankOf(rank), kvRank: eights * 8, nopeHeadDim: nope * 8 },
    ...{ ropeHeadDim: turned * 8, valueHeadDim: value * 8, span, softmaxScale },
    rope: { theta: 10000, dims: turned * 8, pairs, scaling },
  }));

const anyAttention = fc.oneof({ weight: 2, arbitrary: anyGrouped }, { weight: 1, arbitrary: anyLatent });

const anyActivation = fc.constantFrom("silu" as const, "gelu" as const, "clampedSilu" as const);

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
      fc.record({ kind: fc.constant("dense" as const), width: whole(1, 30), activation: anyActivation }),
      fc
        .record({
          ...{ expertDim: whole(1, 30), sharedDim: whole(0, 30), sharedGate: fc.boolean() },
          ...{ activation: anyActivation, rule: anyRule },
        })
        .map(({ rule, ...rest }) => ({
          ...{ kind: "moe" as const, experts, ...rest },
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
