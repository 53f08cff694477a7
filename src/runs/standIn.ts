import { attentionCoreCase } from "../kernels/attentionCore.ts";
import type { KernelCase } from "../kernels/case.ts";
import { blockTokens } from "../kernels/kvCache.ts";
import type { KvDtype } from "../kernels/kvFormat.ts";
import { matmulCase } from "../kernels/matmul.ts";
import { expertMatmulCase } from "../kernels/moe.ts";
import type { WeightDtype } from "../kernels/weights.ts";
import type { AttentionShape, KernelShape, MoeShape, ProductShape } from "../workload/kernelShape.ts";
import { reducedWidth, timesText, traceReduction } from "./benchTrace.ts";

/** A case of ours, and how often what it counts stands in an accelerator's kernel. */
export interface CountedCase {
  readonly build: () => KernelCase;
  readonly times: number;
}

/** Our kernels in place of an accelerator's, small enough to be traced. */
export interface StandIn {
  readonly cases: readonly CountedCase[];
  /** Bytes of an element here for one byte there: 2 where float32 stands for BF16. */
  readonly elementScale: number;
  /** What runs, for a reader. */
  readonly text: string;
}

/** More weights than this are not laid out: what a column costs does not depend on how many there are. */
const mostWeights = 2 ** 26;

/** Rows of balanced groups: so many groups have `m`. */
interface GroupRows {
  readonly m: number;
  readonly groups: number;
}

/**
 * The kernels here that compute a shape, or the reason why there are none. Sequences, groups and experts are alike, and so
 * is a product's every column: one of each is counted.
 */
export function standInFor(shape: KernelShape): StandIn | { readonly unsupported: string } {
  switch (shape.kind) {
    case "attention-decode":
    case "mla-decode":
      return attentionStandIn(shape);
    case "gemm":
    case "grouped-gemm":
      return productStandIn(shape);
    case "moe-fused":
      return expertStandIn(shape);
  }
}

function attentionStandIn(shape: AttentionShape): StandIn | { readonly unsupported: string } {
  const { kind, batch, queryTokens, kvTokens, queryHeads, kvHeads, headDim, valueDim } = shape;
  const kvDtype = KV_FORMATS[shape.bytesPerKvElement];
  if (queryTokens !== 1) return { unsupported: `no attention of ${queryTokens} query tokens` };
  if (kvDtype === undefined) return { unsupported: `no cache of ${shape.bytesPerKvElement} bytes an element` };
  const dtype = kvDtype === "int4" ? "int8" : "f32";
  const perToken = queryHeads * (headDim + valueDim);
  const reduction = traceReduction(perToken * kvTokens, dtype);
  const traced = reduction === 1 ? kvTokens : Math.ceil(kvTokens / reduction / blockTokens) * blockTokens;
  const latent = kind === "mla-decode" ? { headDim: valueDim, ropeHeadDim: headDim - valueDim } : { headDim };
  const common = { batch: 1, kvTokens: traced, queryHeads, kvHeads, dtype, kvDtype, seed: 1 } as const;
  const times = batch * (kvTokens / traced);
  return {
    cases: [{ build: () => attentionCoreCase({ ...common, ...latent }), times }],
    elementScale: 1,
    text: `batch=1 kvTokens=${traced} kvDtype=${kvDtype}, times ${timesText(times)}`,
  };
}

function productStandIn({ groups, m, n, k, bytesPerWeight }: ProductShape): StandIn | { readonly unsupported: string } {
  const stored = WEIGHT_FORMATS[bytesPerWeight];
  if (stored === undefined) return { unsupported: `no weights of ${bytesPerWeight} bytes` };
  const width = tracedWidth(n, n * k, n * k * Math.ceil(m), stored.dtype);
  const rows = groupRows(m, groups);
  return {
    cases: rows.map((part) => ({
      build: () => matmulCase({ m: part.m, n: width, k, dtype: stored.dtype, seed: 1 }),
      times: part.groups * panelShare(n, width),
    })),
    elementScale: stored.elementScale,
    text: `${rows.map((part) => `m=${part.m} n=${width} k=${k}`).join(" and ")} weights=${stored.dtype}${timesOf(rows, n, width)}`,
  };
}

function expertStandIn(shape: MoeShape): StandIn | { readonly unsupported: string } {
  const { touchedExperts, routedTokens, hidden, expertDim, bytesPerWeight } = shape;
  const stored = WEIGHT_FORMATS[bytesPerWeight];
  if (stored === undefined) return { unsupported: `no weights of ${bytesPerWeight} bytes` };
  const m = routedTokens / touchedExperts;
  const weights = 3 * hidden * expertDim;
  const width = tracedWidth(expertDim, weights, weights * Math.ceil(m), stored.dtype);
  const rows = groupRows(m, touchedExperts);
  const expert = { count: 1, hidden, expertDim: width, dtype: stored.dtype, seed: 1 };
  return {
    cases: rows.map((part) => ({
      build: () => expertMatmulCase({ ...expert, tokensPerExpert: part.m }),
      times: part.groups * panelShare(expertDim, width),
    })),
    elementScale: stored.elementScale,
    text: `${rows.map((part) => `expert of ${width} m=${part.m}`).join(" and ")} weights=${stored.dtype}${timesOf(rows, expertDim, width)}`,
  };
}

const KV_FORMATS: Readonly<Record<number, KvDtype>> = { 4: "f32", 2: "bf16", 1: "fp8", 0.5: "int4" };

/** BF16 weights are not stored here: float32 ones stand for them, of which each byte counts half. */
const WEIGHT_FORMATS: Readonly<Record<number, { readonly dtype: WeightDtype; readonly elementScale: number }>> = {
  4: { dtype: "f32", elementScale: 1 },
  2: { dtype: "f32", elementScale: 2 },
  1: { dtype: "int8", elementScale: 1 },
  0.5: { dtype: "int4", elementScale: 1 },
};

/** Groups of a mean of `m` rows, dealt as evenly as whole rows allow; those without rows are not computed. */
function groupRows(m: number, groups: number): readonly GroupRows[] {
  const fewer = Math.floor(m);
  const more = { m: fewer + 1, groups: groups * (m - fewer) };
  return [{ m: fewer, groups: groups - more.groups }, more].filter((part) => part.m > 0 && part.groups > 1e-9);
}

function tracedWidth(width: number, weights: number, multiplyAdds: number, dtype: WeightDtype): number {
  const reduction = traceReduction(multiplyAdds, dtype === "f32" ? "f32" : "int8");
  return reducedWidth(width, Math.max(reduction, Math.ceil(weights / mostWeights)));
}

/** Weights lie in panels of 8 columns, the last one padded: so many times as many panels has the whole. */
function panelShare(width: number, traced: number): number {
  return Math.ceil(width / 8) / Math.ceil(traced / 8);
}

function timesOf(rows: readonly GroupRows[], width: number, traced: number): string {
  const times = rows.map(({ groups }) => timesText(groups * panelShare(width, traced)));
  return times.every((one) => one === "1") ? "" : `, times ${times.join(" and ")}`;
}
