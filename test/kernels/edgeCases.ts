import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { type AttentionLayerShape, attentionLayerCase } from "../../src/kernels/attentionLayer.ts";
import type { AttentionCoreShape } from "../../src/kernels/attentionShape.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import type { GroupedAttention, LatentAttention } from "../../src/kernels/decodeAttention.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase, type MoeLayerShape, moeLayerCase } from "../../src/kernels/moe.ts";
import { routerCase } from "../../src/kernels/router.ts";
import type { RouterRule } from "../../src/kernels/routerRule.ts";
import { computeDtype, type Dtype, type WeightDtype } from "../../src/kernels/weights.ts";
import { wireCase } from "../../src/kernels/wire.ts";
import type { RopeScaling } from "../../src/workload/ropeFrequencies.ts";

/** A kernel at a shape on the edge of something: 1, odd, not a multiple of a vector, a block or a tile. */
export interface EdgeCase {
  readonly name: string;
  readonly build: () => KernelCase;
  /** The buffer that holds the result. */
  readonly output: string;
}

export const dtypes: readonly Dtype[] = ["f32", "int8"];

/** How weights are stored. */
export const weightDtypes: readonly WeightDtype[] = ["f32", "int8", "int4"];

/** Every kernel of `cases` at its edge shapes, in all dtypes that it has. */
export function edgeCases(): EdgeCase[] {
  return [
    ...dtypes.flatMap(cores),
    ...weightDtypes.flatMap((dtype) => [...matmuls(dtype), ...layers(dtype), ...experts(dtype), ...moeLayers(dtype)]),
    ...routers(),
    ...messages(),
  ];
}

function matmuls(dtype: WeightDtype): EdgeCase[] {
  const shapes = [
    [1, 1, 1],
    [1, 8, 4],
    [3, 5, 7],
    [2, 9, 3],
    [5, 8, 13],
    [7, 17, 31],
    [6, 16, 512],
    [13, 24, 515],
    [257, 8, 33],
    [4, 1, 2053],
  ] as const;
  return shapes.map(([m, n, k], index) => ({
    name: `matmul ${dtype} m=${m} n=${n} k=${k}`,
    build: () => matmulCase({ m, n, k, dtype, seed: index }),
    output: "y",
  }));
}

function cores(dtype: Dtype): EdgeCase[] {
  const shapes = [
    { batch: 1, kvTokens: 1, queryHeads: 1, kvHeads: 1, headDim: 1 },
    { batch: 1, kvTokens: 1, queryHeads: 8, kvHeads: 1, headDim: 16 },
    { batch: 2, kvTokens: 3, queryHeads: 3, kvHeads: 1, headDim: 5 },
    { batch: 1, kvTokens: 9, queryHeads: 6, kvHeads: 6, headDim: 12 },
    { batch: 1, kvTokens: 255, queryHeads: 7, kvHeads: 1, headDim: 16 },
    { batch: 1, kvTokens: 256, queryHeads: 4, kvHeads: 1, headDim: 24 },
    { batch: 2, kvTokens: 257, queryHeads: 8, kvHeads: 2, headDim: 8 },
    { batch: 1, kvTokens: 515, queryHeads: 6, kvHeads: 3, headDim: 40 },
    { batch: 1, kvTokens: 31, queryHeads: 64, kvHeads: 1, headDim: 256 },
  ];
  return [...shapes, ...coresOf(dtype)].map((shape, index) => ({
    name: `attentionCore ${dtype} ${text(shape)}`,
    build: () => attentionCoreCase({ ...shape, dtype, seed: index }),
    output: "attentionOut",
  }));
}

/** Ragged batches, spans, parts, pages, latents, sinks and every stored format. */
function coresOf(dtype: Dtype): Omit<AttentionCoreShape, "dtype" | "seed">[] {
  const grouped = { queryHeads: 6, kvHeads: 2, headDim: 20 };
  const latent = { queryHeads: 7, kvHeads: 1, headDim: 24, ropeHeadDim: 8 };
  return [
    { batch: 4, kvTokens: [1, 0, 300, 7], ...grouped },
    { batch: 3, kvTokens: [0, 0, 1], ...latent },
    { batch: 2, kvTokens: [1300, 1025], ...grouped },
    { batch: 1, kvTokens: 4200, queryHeads: 9, kvHeads: 1, headDim: 8 },
    { batch: 1, kvTokens: 1, ...latent },
    { batch: 2, kvTokens: [259, 70], ...latent },
    { batch: 2, kvTokens: 130, queryHeads: 1, kvHeads: 1, headDim: 9, ropeHeadDim: 3 },
    { batch: 2, kvTokens: [265, 3], ...grouped, span: { kind: "sliding", tokens: 10 } },
    { batch: 1, kvTokens: 1700, ...grouped, span: { kind: "sliding", tokens: 1577 } },
    { batch: 1, kvTokens: 300, ...latent, span: { kind: "sliding", tokens: 129 } },
    { batch: 3, kvTokens: [64, 65, 600], ...grouped, span: { kind: "chunked", tokens: 64 } },
    { batch: 2, kvTokens: [310, 0], ...grouped, sinks: "perHead" },
    { batch: 1, kvTokens: 1300, ...latent, sinks: "perHead", span: { kind: "sliding", tokens: 1201 } },
    { batch: 3, kvTokens: [700, 256, 257], ...grouped, paging: "permuted" },
    { batch: 2, kvTokens: [700, 9], ...latent, paging: "permuted" },
    ...kvDtypes
      .filter((kvDtype) => kvDtype !== dtype && kvFormats[kvDtype].dtype === dtype)
      .flatMap((kvDtype): Omit<AttentionCoreShape, "dtype" | "seed">[] => [
        { batch: 2, kvTokens: [261, 5], ...grouped, kvDtype },
        { batch: 1, kvTokens: 1500, ...grouped, kvDtype, span: { kind: "sliding", tokens: 1243 }, paging: "permuted" },
        { batch: 1, kvTokens: 270, ...latent, kvDtype },
      ]),
  ];
}

/** Layers of MFA, of every option of grouped attention, and of latents, with weights stored so. */
function layers(dtype: WeightDtype): EdgeCase[] {
  const kvDtype = computeDtype(dtype);
  const shapes: readonly Omit<AttentionLayerShape, "weightDtype" | "seed" | "epsilon">[] = [
    { batch: 1, kvTokens: 1, hidden: 1, kvDtype, attention: mfa(1, 8, 8) },
    { batch: 2, kvTokens: 2, hidden: 13, kvDtype, attention: mfa(3, 16, 24) },
    { batch: 1, kvTokens: 255, hidden: 36, kvDtype, attention: mfa(4, 8, 16) },
    { batch: 3, kvTokens: 256, hidden: 64, kvDtype, attention: mfa(5, 8, 32) },
    { batch: 2, kvTokens: 257, hidden: 70, kvDtype, attention: { ...mfa(6, 24, 40), kvHeads: 2 } },
    { batch: 2, kvTokens: 9, hidden: 17, kvDtype, attention: gqa },
    { batch: 2, kvTokens: 300, hidden: 40, kvDtype, attention: { ...gqa, qkNorm: true, bias: "all", sinks: true } },
    {
      ...{ batch: 1, kvTokens: 270, hidden: 19, kvDtype },
      attention: {
        ...gqa,
        bias: "queryKeyValue",
        span: { kind: "sliding", tokens: 12 },
        rope: { ...gqa.rope, dims: 0 },
      },
    },
    {
      ...{ batch: 2, kvTokens: 1100, hidden: 8, kvDtype },
      attention: { ...gqa, span: { kind: "chunked", tokens: 1090 }, rope: { ...gqa.rope, pairs: "neighbours" } },
    },
    { batch: 1, kvTokens: 1, hidden: 5, kvDtype, attention: mla },
    { batch: 3, kvTokens: 258, hidden: 33, kvDtype, attention: mla },
    { batch: 2, kvTokens: 40, hidden: 24, kvDtype, attention: { ...mla, queryRank: undefined, queryHeads: 1 } },
    ...scalings.map((scaling) => {
      const attention = { ...mla, rope: { ...mla.rope, scaling }, softmaxScale: 0.4 };
      return { batch: 1, kvTokens: 290, hidden: 16, kvDtype, attention };
    }),
    ...scalings.map((scaling) => {
      const attention = { ...gqa, rope: { ...gqa.rope, dims: 8, scaling }, softmaxScale: 0.1 };
      return { batch: 1, kvTokens: 290, hidden: 16, kvDtype, attention };
    }),
  ];
  const stored = kvDtypes.filter((name) => kvFormats[name].dtype === kvDtype && name !== kvDtype);
  const inFormats = stored.flatMap((name) =>
    [mfa(4, 16, 16), gqa, mla].map((attention) => ({ batch: 2, kvTokens: 258, hidden: 40, kvDtype: name, attention })),
  );
  return [...shapes, ...inFormats].map((shape, index) => ({
    name: `attentionLayer ${dtype} ${text({ ...shape })}`,
    build: () => attentionLayerCase({ ...shape, weightDtype: dtype, seed: index, epsilon: 1e-5 }),
    output: "out",
  }));
}

/** Of four pairs, in contexts of 290 tokens. */
const scalings: readonly RopeScaling[] = [
  { kind: "linear", factor: 4 },
  { kind: "dynamic", factor: 2, originalTokens: 100 },
  {
    ...{ kind: "yarn", factor: 8, originalTokens: 100, betaFast: 8, betaSlow: 0.1, truncate: false },
    attentionFactor: 1.25,
  },
  { kind: "llama3", factor: 8, originalTokens: 100, lowFactor: 1, highFactor: 4 },
  {
    ...{ kind: "longrope", originalTokens: 100, attentionFactor: 1.2 },
    ...{ shortFactors: [1, 1, 1, 1], longFactors: [1, 2, 4, 8] },
  },
];

const plainHeads = { kind: "grouped", span: { kind: "full" }, qkNorm: false, bias: "none", sinks: false } as const;
const plain = { kind: "none" } as const;

/** Step-3's attention in small: one KV head, a query of low rank. */
export function mfa(queryHeads: number, headDim: number, queryRank: number): GroupedAttention {
  const rope = { theta: 500_000, dims: headDim, pairs: "halves", scaling: plain } as const;
  return { ...plainHeads, queryHeads, kvHeads: 1, headDim, queryRank, rope, softmaxScale: headDim ** -0.5 };
}

const gqa: GroupedAttention = {
  ...{ ...plainHeads, queryHeads: 6, kvHeads: 2, headDim: 16, queryRank: undefined },
  rope: { theta: 10_000, dims: 12, pairs: "halves", scaling: plain },
  softmaxScale: 0.25,
};

const mla: LatentAttention = {
  ...{ kind: "latent", queryHeads: 3, queryRank: 16, kvRank: 24, nopeHeadDim: 16, ropeHeadDim: 8, valueHeadDim: 8 },
  ...{ rope: { theta: 10_000, dims: 8, pairs: "neighbours", scaling: plain }, span: { kind: "full" } },
  softmaxScale: 24 ** -0.5,
};

function experts(dtype: WeightDtype): EdgeCase[] {
  const shapes = [
    { count: 1, tokensPerExpert: 1, hidden: 1, expertDim: 1 },
    { count: 3, tokensPerExpert: 1, hidden: 7, expertDim: 5 },
    { count: 2, tokensPerExpert: 7, hidden: 16, expertDim: 24 },
    { count: 5, tokensPerExpert: 3, hidden: 33, expertDim: 19 },
    { count: 1, tokensPerExpert: 258, hidden: 9, expertDim: 10 },
    { count: 2, tokensPerExpert: 3, hidden: 20, expertDim: 13, activation: "gelu" as const },
    { count: 3, tokensPerExpert: 2, hidden: 19, expertDim: 17, activation: "clampedSilu" as const },
  ];
  return shapes.map((shape, index) => ({
    name: `expertMatmul ${dtype} ${text(shape)}`,
    build: () => expertMatmulCase({ ...shape, dtype, seed: index }),
    output: "experts.output",
  }));
}

function messages(): EdgeCase[] {
  const shapes = [
    { rows: 1, width: 1, block: 1 },
    { rows: 3, width: 7, block: 3 },
    { rows: 2, width: 16, block: 16 },
    { rows: 5, width: 300, block: 128 },
    { rows: 4, width: 129, block: 129 },
  ];
  return (["int8", "fp8", "bf16"] as const).flatMap((format) =>
    (["quantize", "dequantize"] as const).flatMap((direction) =>
      shapes.map((shape, index) => ({
        name: `wire ${direction} ${format} ${text(shape)}`,
        build: () => wireCase({ ...shape, format, direction, seed: index }),
        output: direction === "quantize" ? "message" : "y",
      })),
    ),
  );
}

/** Softmax over all, the best topK: Step-3, and with `normalizeTopK` Qwen3. */
export const plainRule: RouterRule = {
  score: "softmax",
  topK: 1,
  normalizeTopK: false,
  scalingFactor: 1,
  correctionBias: false,
  logitBias: false,
  scalesInput: false,
  groups: 1,
  groupsKept: 1,
  groupRule: "none",
};

/** The rules of released models, at sizes of 1 to 24 experts. */
export const modelRules: Readonly<Record<string, { readonly experts: number; readonly rule: RouterRule }>> = {
  step3: { experts: 11, rule: { ...plainRule, topK: 3 } },
  qwen3: { experts: 12, rule: { ...plainRule, topK: 4, normalizeTopK: true } },
  deepseekV3: {
    experts: 24,
    rule: {
      ...{ ...plainRule, score: "sigmoid", topK: 5, normalizeTopK: true, scalingFactor: 2.5, correctionBias: true },
      ...{ groups: 4, groupsKept: 2, groupRule: "sumOfBestTwo" },
    },
  },
  kimiK2: {
    experts: 15,
    rule: {
      ...{ ...plainRule, score: "sigmoid", topK: 4, normalizeTopK: true, scalingFactor: 2.827 },
      correctionBias: true,
    },
  },
  deepseekV2: {
    experts: 21,
    rule: { ...plainRule, topK: 4, scalingFactor: 16, groups: 7, groupsKept: 3, groupRule: "best" },
  },
  pangu: {
    experts: 20,
    rule: { ...plainRule, topK: 4, scalingFactor: 2.5, groups: 4, groupsKept: 4, groupRule: "equalShares" },
  },
  ernie: { experts: 9, rule: { ...plainRule, topK: 3, normalizeTopK: true, correctionBias: true } },
  gptOss: { experts: 13, rule: { ...plainRule, topK: 4, normalizeTopK: true, logitBias: true } },
  llama4: { experts: 16, rule: { ...plainRule, score: "sigmoid", topK: 1, scalesInput: true } },
};

function routers(): EdgeCase[] {
  const shapes = [
    { tokens: 1, hidden: 1, experts: 1, router: plainRule },
    { tokens: 3, hidden: 7, experts: 5, router: { ...plainRule, topK: 5, normalizeTopK: true } },
    { tokens: 5, hidden: 33, experts: 48, router: { ...plainRule, topK: 3 } },
    { tokens: 9, hidden: 16, experts: 129, router: { ...plainRule, topK: 8, normalizeTopK: true } },
    // Groups of one expert: the sum of the best two is the best one.
    {
      ...{ tokens: 4, hidden: 9, experts: 6 },
      router: { ...plainRule, topK: 2, groups: 6, groupsKept: 3, groupRule: "sumOfBestTwo" },
    },
    ...Object.values(modelRules).map(({ experts, rule }) => ({ tokens: 7, hidden: 18, experts, router: rule })),
  ] as const;
  return shapes.map((shape, index) => ({
    name: `router ${ruleText(shape)}`,
    build: () => routerCase({ ...shape, seed: index }),
    output: "weights",
  }));
}

function moeLayers(dtype: WeightDtype): EdgeCase[] {
  const { deepseekV3, deepseekV2, llama4, gptOss } = modelRules as Record<
    string,
    { experts: number; rule: RouterRule }
  >;
  const shapes: readonly Omit<MoeLayerShape, "dtype" | "routing" | "epsilon" | "seed">[] = [
    // One token to one of many experts: the others have no tokens.
    { tokens: 1, hidden: 8, experts: 9, residentExperts: 9, router: plainRule, expertDim: 8, sharedDim: 0 },
    // One expert gets all tokens.
    { tokens: 7, hidden: 5, experts: 1, residentExperts: 1, router: plainRule, expertDim: 3, sharedDim: 5 },
    {
      ...{ tokens: 6, hidden: 17, experts: 7, residentExperts: 7, expertDim: 11, sharedDim: 9 },
      router: { ...plainRule, topK: 3, normalizeTopK: true },
    },
    // Experts from the third on stand on other ranks.
    {
      ...{ tokens: 9, hidden: 24, experts: 8, residentExperts: 3, expertDim: 16, sharedDim: 16 },
      router: { ...plainRule, topK: 2 },
    },
    {
      ...{ tokens: 3, hidden: 12, experts: 6, residentExperts: 1, expertDim: 4, sharedDim: 0 },
      router: { ...plainRule, normalizeTopK: true },
    },
    {
      ...{ tokens: 4, hidden: 21, experts: 24, residentExperts: 24, expertDim: 9, sharedDim: 10 },
      ...{ router: deepseekV3?.rule as RouterRule, sharedGate: true },
    },
    {
      ...{ tokens: 3, hidden: 13, experts: 21, residentExperts: 5, expertDim: 9, sharedDim: 7 },
      ...{ router: deepseekV2?.rule as RouterRule, activation: "gelu" as const },
    },
    {
      ...{ tokens: 5, hidden: 15, experts: 16, residentExperts: 16, expertDim: 12, sharedDim: 8 },
      router: llama4?.rule as RouterRule,
    },
    {
      ...{ tokens: 5, hidden: 14, experts: 13, residentExperts: 13, expertDim: 11, sharedDim: 0 },
      ...{ router: gptOss?.rule as RouterRule, activation: "clampedSilu" as const },
    },
  ];
  return (["router", "balanced"] as const).flatMap((routing) =>
    shapes.map((shape, index) => ({
      name: `moeLayer ${dtype} ${routing} ${ruleText(shape)}`,
      build: () => moeLayerCase({ ...shape, dtype, routing, epsilon: 1e-5, seed: index }),
      output: "y",
    })),
  );
}

function ruleText({ router, ...shape }: { readonly router: RouterRule }): string {
  return text({ ...shape, ...router });
}

function text(shape: Readonly<Record<string, unknown>>): string {
  return Object.entries(shape)
    .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" ");
}
