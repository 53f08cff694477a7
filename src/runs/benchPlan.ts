import { attentionCoreCase } from "../kernels/attentionCore.ts";
import { attentionLayerCase } from "../kernels/attentionLayer.ts";
import type { KernelCase } from "../kernels/case.ts";
import { matmulCase } from "../kernels/matmul.ts";
import { expertMatmulCase, moeLayerCase, routerCase } from "../kernels/moe.ts";
import type { TracePlan } from "../measure/counting.ts";
import type { AttentionSpec, ModelCard, MoeFfnSpec } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import { type DecodeSetting, ffnTokens } from "../workload/setting.ts";
import { layerTerms, type Term, type TermLabel } from "../workload/terms.ts";
import type { BenchSettings, Dtype } from "./settings.ts";

/** One row to measure: its names and dimensions, how to make it, and what the formulas say of it. */
export interface PlannedRow {
  readonly fields: Pick<KernelRow, "kernel" | "shape" | "dtype" | "threads"> & Partial<KernelRow>;
  /** Absent where this build has no such kernel; `unsupported` says why. */
  readonly build?: () => KernelCase;
  readonly unsupported?: string;
  /** What is traced in place of the row, where the row itself would take too long; `shape` says so. */
  readonly trace?: () => TracePlan & { readonly shape?: string };
  readonly modeled: Modeled;
  /** The model's term that this row counts, where a deployment can use it. */
  readonly term?: TermLabel;
  readonly setting: DecodeSetting | undefined;
}

/** FLOPs and bytes of one call by the formulas: values alone, and as stored with their scales. */
export interface Modeled {
  readonly flops: number;
  readonly valueBytes: number;
  readonly storedBytes: number;
}

/** Shapes of the expert matmul's ladder. */
const ladder = { m: [1, 4, 16, 64, 256], n: [1280], k: [1792] } as const;
/** A trace of more accesses than this takes over a second: a smaller shape with the same blocking stands in. */
const traceAccesses = 2e8;

/** All rows of a bench, in the order in which they run. */
export function planRows(settings: BenchSettings, card: ModelCard, cacheBytes: number): PlannedRow[] {
  const rows: PlannedRow[] = [];
  for (const threads of settings.threads) {
    for (const kernel of settings.kernels) {
      if (kernel === "roof.*") continue;
      if (kernel === "linear.gemm") rows.push(...matmulRows(kernel, settings, threads));
      else rows.push(...modelRows(kernel, settings, card, threads, cacheBytes));
      if (kernel === "moe.expertMatmul" && asksForLadder(settings)) rows.push(...matmulRows(kernel, settings, threads));
    }
  }
  return rows;
}

function asksForLadder(settings: BenchSettings): boolean {
  return settings.kernels.length === 1 || settings.m !== undefined || settings.n !== undefined || settings.k !== undefined;
}

function modelRows(
  kernel: string,
  settings: BenchSettings,
  card: ModelCard,
  threads: number,
  cacheBytes: number,
): PlannedRow[] {
  const rows: PlannedRow[] = [];
  const dtypes: readonly Dtype[] = kernel === "moe.router" ? ["f32"] : settings.dtypes;
  const perAttention = kernel.startsWith("attention.");
  for (const dtype of dtypes) {
    for (const batch of perAttention ? settings.batches : settings.batches.slice(0, 1)) {
      for (const kvTokens of perAttention ? settings.contexts : settings.contexts.slice(0, 1)) {
        for (const tokensPerExpert of perAttention ? settings.tokensPerExpert.slice(0, 1) : settings.tokensPerExpert) {
          const setting = settingOf(batch, kvTokens, tokensPerExpert, dtype);
          const context = { settings, card, threads, dtype, setting, cacheBytes };
          rows.push(perAttention ? attentionRow(kernel, context) : moeRow(kernel, context));
        }
      }
    }
  }
  return rows;
}

/** The decode setting of one combination; bytes an element follow the dtype. */
export function settingOf(batch: number, kvTokens: number, tokensPerExpert: number, dtype: Dtype): DecodeSetting {
  const bytes = dtype === "f32" ? 4 : 1;
  return { batch, kvTokens, tokensPerExpert, bytesPerWeight: bytes, bytesPerKvElement: bytes };
}

interface RowContext {
  readonly settings: BenchSettings;
  readonly card: ModelCard;
  readonly threads: number;
  readonly dtype: Dtype;
  readonly setting: DecodeSetting;
  readonly cacheBytes: number;
}

function attentionRow(kernel: string, context: RowContext): PlannedRow {
  const { settings, card, threads, dtype, setting } = context;
  const layer = moeLayerOf(card);
  const { attention } = layer;
  const { batch, kvTokens } = setting;
  const terms = (format: "values" | "scaledValues"): readonly Term[] =>
    layerTerms(card, layer, setting, format).filter((term) =>
      kernel === "attention.core" ? term.label === "attention.core" : term.side === "attention",
    );
  const values = totals(terms("values"));
  const stored = totals(terms(dtype === "int8" ? "scaledValues" : "values"));
  const scaleBytes = dtype === "int8" && kernel === "attention.layer" ? 8 * layerColumns(attention, card.hidden) : 0;
  const fields = {
    kernel,
    attention: attention.kind,
    shape: `batch=${batch} kvTokens=${kvTokens}${headsText(attention)}`,
    batch,
    kvTokens,
    ...headFields(attention),
    ...(kernel === "attention.layer" ? { hidden: card.hidden } : {}),
    dtype,
    kvDtype: dtype,
    ...(kernel === "attention.layer" ? { weightDtype: dtype } : {}),
    threads,
    model: card.name,
  };
  const planned = {
    fields,
    modeled: { flops: values.flops, valueBytes: values.bytes, storedBytes: stored.bytes + scaleBytes },
    ...(kernel === "attention.core" ? { term: "attention.core" as const } : { term: "attention.projections" as const }),
    setting,
  };
  if (attention.kind === "mla" || (kernel === "attention.layer" && attention.kind !== "mfa")) {
    return { ...planned, unsupported: `no ${attention.kind} kernel for ${kernel} yet: its modeled numbers stand alone` };
  }
  const core = {
    batch,
    kvTokens,
    queryHeads: attention.queryHeads,
    kvHeads: attention.kvHeads,
    headDim: attention.headDim,
    dtype,
    seed: settings.seed,
  };
  if (kernel === "attention.core") {
    return {
      ...planned,
      build: () => attentionCoreCase(core),
      trace: () => ({
        kernelCase: attentionCoreCase({ ...core, batch: 1 }),
        scaleOf: () => batch,
        ...(batch === 1 ? {} : { shape: `batch=1 kvTokens=${kvTokens}, times ${batch} sequences` }),
      }),
    };
  }
  if (attention.kind !== "mfa") throw new Error(`no layer for ${attention.kind}`);
  const shape = {
    ...core,
    hidden: card.hidden,
    queryRank: attention.queryRank,
    ropeTheta: attention.ropeTheta,
    epsilon: card.rmsNormEpsilon,
  };
  const tracedTokens = Math.min(kvTokens, 1024);
  return {
    ...planned,
    build: () => attentionLayerCase(shape),
    trace: () => ({
      kernelCase: attentionLayerCase({ ...shape, kvTokens: tracedTokens }),
      scaleOf: (name) => (name === "kvCache" ? kvTokens / tracedTokens : 1),
      ...(tracedTokens === kvTokens ? {} : { shape: `batch=${batch} kvTokens=${tracedTokens}, KV bytes times ${kvTokens / tracedTokens}` }),
    }),
  };
}

function moeRow(kernel: string, context: RowContext): PlannedRow {
  const { settings, card, threads, dtype, setting } = context;
  const layer = moeLayerOf(card);
  const { ffn } = layer;
  const { tokensPerExpert } = setting;
  if (ffn.kind !== "moe") {
    const fields = { kernel, shape: `hidden=${card.hidden}`, dtype, threads, model: card.name };
    const modeled = { flops: 0, valueBytes: 0, storedBytes: 0 };
    return { fields, modeled, setting, unsupported: `${card.name} has no experts` };
  }
  const tokens = Math.ceil(ffnTokens(card, setting));
  const terms = layerTerms(card, layer, setting);
  const hidden = card.hidden;
  const { expertDim, experts, sharedDim, router } = ffn;
  const softmaxOnly = router.score === "softmax" && router.groups <= 1 && !router.correctionBias && router.scalingFactor === 1;
  const noRouter = `the router of ${card.name} (${router.score} scores, ${router.groups} groups) has no kernel yet: its modeled numbers stand alone`;
  const base = { kernel, dtype, threads, model: card.name, hidden, topK: router.topK, tokensPerExpert };
  const routerShape = { tokens, hidden, experts, topK: router.topK, normalizeTopK: router.normalizeTopK, seed: settings.seed };
  switch (kernel) {
    case "moe.router": {
      const modeled = totals(terms.filter((term) => term.label === "moe.router"));
      const fields = { ...base, shape: `tokens=${tokens} experts=${experts} topK=${router.topK} hidden=${hidden}`, experts, m: tokens, n: experts, k: hidden, weightDtype: "f32" };
      const planned = { fields, modeled: { flops: modeled.flops, valueBytes: modeled.bytes, storedBytes: modeled.bytes }, term: "moe.router" as const, setting };
      return softmaxOnly ? { ...planned, build: () => routerCase(routerShape) } : { ...planned, unsupported: noRouter };
    }
    case "moe.expertMatmul": {
      const count = residentExperts(ffn, hidden, dtype, tokensPerExpert, context.cacheBytes);
      const weights = 3 * hidden * expertDim;
      const scaleBytes = dtype === "int8" ? 8 * (2 * expertDim + hidden) : 0;
      const traceDim = tracedWidth(expertDim, (tokensPerExpert * weights) / vectorLanes(dtype));
      const shape = { tokensPerExpert, hidden, expertDim, dtype, seed: settings.seed };
      return {
        fields: {
          ...base,
          shape: `part=swiglu experts=${count} m=${tokensPerExpert} n=${expertDim} k=${hidden}`,
          experts: count,
          expertDim,
          m: tokensPerExpert,
          n: expertDim,
          k: hidden,
          weightDtype: dtype,
        },
        modeled: {
          flops: 2 * count * tokensPerExpert * weights,
          valueBytes: count * weights * setting.bytesPerWeight,
          storedBytes: count * (weights * setting.bytesPerWeight + scaleBytes),
        },
        term: "moe.experts",
        setting,
        build: () => expertMatmulCase({ ...shape, count }),
        trace: () => ({
          kernelCase: expertMatmulCase({ ...shape, count: 1, expertDim: traceDim }),
          scaleOf: () => (count * expertDim) / traceDim,
          ...(traceDim === expertDim && count === 1
            ? {}
            : { shape: `experts=1 m=${tokensPerExpert} n=${traceDim} k=${hidden}, weight bytes times ${(count * expertDim) / traceDim}` }),
        }),
      };
    }
    default: {
      const ffnTerms = terms.filter((term) => term.side === "ffn" && term.label !== "moe.combine");
      const values = totals(ffnTerms);
      const scaleBytes = dtype === "int8" ? 8 * (experts * (2 * expertDim + hidden) + (sharedDim > 0 ? 2 * sharedDim + hidden : 0)) : 0;
      const resident = Math.min(experts, residentExperts(ffn, hidden, dtype, tokensPerExpert, context.cacheBytes));
      const composed = resident < experts;
      const shape = {
        ...routerShape,
        residentExperts: resident,
        expertDim,
        sharedDim,
        dtype,
        epsilon: card.rmsNormEpsilon,
        routing: "balanced" as const,
      };
      const perDim = (3 * hidden * tokens * (1 + (sharedDim > 0 ? 1 : 0))) / vectorLanes(dtype);
      const reduction = reductionFor(perDim * Math.max(expertDim, sharedDim));
      const traceShape = {
        ...shape,
        residentExperts: 1,
        expertDim: reduced(expertDim, reduction),
        sharedDim: sharedDim === 0 ? 0 : reduced(sharedDim, reduction),
      };
      const planned = {
        fields: {
          ...base,
          shape: `tokens=${tokens} experts=${experts} topK=${router.topK} m=${tokensPerExpert} n=${expertDim} k=${hidden}`,
          experts,
          expertDim,
          m: tokensPerExpert,
          n: expertDim,
          k: hidden,
          weightDtype: dtype,
          ...(composed
            ? {
                composed: true,
                composedOf: `router, shared expert and combine for ${tokens} tokens as run, plus ${resident} distinct experts as run x ${experts / resident}`,
              }
            : {}),
        },
        modeled: { flops: values.flops, valueBytes: values.bytes, storedBytes: values.bytes + scaleBytes },
        setting,
      };
      if (!softmaxOnly) return { ...planned, unsupported: noRouter };
      return {
        ...planned,
        build: () => moeLayerCase(shape),
        trace: () => ({
          kernelCase: moeLayerCase(traceShape),
          scaleOf: (name) =>
            name.startsWith("experts.")
              ? (experts * expertDim) / traceShape.expertDim
              : name.startsWith("shared.")
                ? sharedDim / traceShape.sharedDim
                : 1,
          shape: `experts=1 expertDim=${traceShape.expertDim} sharedDim=${traceShape.sharedDim}, their bytes scaled to ${experts} x ${expertDim} and ${sharedDim}`,
        }),
      };
    }
  }
}

function matmulRows(kernel: string, settings: BenchSettings, threads: number): PlannedRow[] {
  const rows: PlannedRow[] = [];
  for (const dtype of settings.dtypes) {
    for (const n of settings.n ?? ladder.n) {
      for (const k of settings.k ?? ladder.k) {
        for (const m of settings.m ?? ladder.m) {
          const shape = { m, n, k, dtype, seed: settings.seed };
          const valueBytes = n * k * (dtype === "f32" ? 4 : 1);
          const tracedN = tracedWidth(n, (m * n * k) / vectorLanes(dtype));
          rows.push({
            fields: { kernel, shape: `m=${m} n=${n} k=${k}`, m, n, k, dtype, weightDtype: dtype, threads },
            modeled: { flops: 2 * m * n * k, valueBytes, storedBytes: valueBytes + (dtype === "int8" ? 8 * n : 0) },
            setting: undefined,
            build: () => matmulCase(shape),
            ...(tracedN === n
              ? {}
              : {
                  trace: () => ({
                    kernelCase: matmulCase({ ...shape, n: tracedN }),
                    scaleOf: () => n / tracedN,
                    shape: `m=${m} n=${tracedN} k=${k}, weight bytes times ${n / tracedN}`,
                  }),
                }),
          });
        }
      }
    }
  }
  return rows;
}

/** The layer that stands for the model: the first with experts, else the first. */
export function moeLayerOf(card: ModelCard): ModelCard["layers"][number] {
  const layer = card.layers.find(({ ffn }) => ffn.kind === "moe") ?? card.layers[0];
  if (layer === undefined) throw new Error(`${card.name} has no layers`);
  return layer;
}

/** Distinct experts whose weights exceed four times the last-level cache, as far as a WASM memory holds them and their rows. */
function residentExperts(ffn: MoeFfnSpec, hidden: number, dtype: Dtype, tokensPerExpert: number, cacheBytes: number): number {
  const element = dtype === "f32" ? 4 : 1;
  const expertBytes = 3 * hidden * ffn.expertDim * element + tokensPerExpert * (hidden * 10 + ffn.expertDim * 14);
  const wanted = Math.ceil((4 * cacheBytes) / expertBytes);
  const fitting = Math.max(1, Math.floor(2 ** 31 / expertBytes));
  return Math.max(1, Math.min(ffn.experts, wanted, fitting));
}

function totals(terms: readonly Term[]): { flops: number; bytes: number } {
  return terms.reduce((sum, term) => ({ flops: sum.flops + term.flops, bytes: sum.bytes + term.bytes }), { flops: 0, bytes: 0 });
}

/** Multiply-adds of one vector instruction. */
function vectorLanes(dtype: Dtype): number {
  return dtype === "f32" ? 4 : 16;
}

function reductionFor(accesses: number): number {
  return Math.max(1, Math.ceil(accesses / traceAccesses));
}

function tracedWidth(width: number, accesses: number): number {
  return reduced(width, reductionFor(accesses));
}

/** width / reduction as a multiple of 8, at least 8; width itself where nothing is reduced. */
function reduced(width: number, reduction: number): number {
  return reduction === 1 ? width : Math.min(width, Math.max(8, Math.round(width / reduction / 8) * 8));
}

function headsText(attention: AttentionSpec): string {
  return attention.kind === "mla"
    ? ` queryHeads=${attention.queryHeads} kvRank=${attention.kvRank}`
    : ` queryHeads=${attention.queryHeads} kvHeads=${attention.kvHeads} headDim=${attention.headDim}`;
}

function headFields(attention: AttentionSpec): Partial<KernelRow> {
  if (attention.kind === "mla") return { queryHeads: attention.queryHeads };
  const { queryHeads, kvHeads, headDim } = attention;
  return { queryHeads, kvHeads, headDim, ...(attention.kind === "mfa" ? { queryRank: attention.queryRank } : {}) };
}

function layerColumns(attention: AttentionSpec, hidden: number): number {
  return attention.kind === "mfa"
    ? attention.queryRank + (2 * attention.kvHeads + attention.queryHeads) * attention.headDim + hidden
    : 0;
}
