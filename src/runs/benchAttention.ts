import { attentionCoreCase } from "../kernels/attentionCore.ts";
import { attentionLayerCase } from "../kernels/attentionLayer.ts";
import type { AttentionCoreShape } from "../kernels/attentionShape.ts";
import { projectionColumns } from "../kernels/attentionWidths.ts";
import { unevenWidth } from "../kernels/decodeAttention.ts";
import { blockTokens } from "../kernels/kvCache.ts";
import { kvFormats } from "../kernels/kvFormat.ts";
import type { AttentionSpec, SoftmaxSpec } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import { attendedTokens, type KvFormat } from "../workload/kv-cache.ts";
import { attentionFlopsPerCachedToken } from "../workload/per-token.ts";
import { layerTerms, type Term } from "../workload/terms.ts";
import { timesText, traceReduction } from "./benchTrace.ts";
import { decodeAttentionOf } from "./decodeModel.ts";
import {
  columnScaleBytes,
  type Modeled,
  modeledTerms,
  type PlannedRow,
  type RowContext,
  storedText,
  totalOf,
  typicalLayer,
} from "./plannedRow.ts";

/** The layer's trace takes a context of this many tokens (whole cache blocks) and scales what it cost. */
const tracedTokens = 1024;

/** The attention core, or the whole attention layer, of a model's typical layer. */
export function attentionRow(kernel: "attention.core" | "attention.layer", context: RowContext): PlannedRow {
  const { card, threads, dtype, kvDtype, weightDtype, setting } = context;
  const { attention } = typicalLayer(card);
  const { batch } = setting;
  const kvTokens = attendedOf(context);
  const isLayer = kernel === "attention.layer";
  const stored = `${kvDtype === dtype ? "" : ` kvDtype=${kvDtype}`}${storedText(dtype, weightDtype)}`;
  const planned: PlannedRow = {
    fields: {
      kernel,
      attention: attention.kind,
      shape: `batch=${batch} kvTokens=${kvTokens} ${headsText(attention)}${isLayer ? ` hidden=${card.hidden}` : ""}${stored}`,
      batch,
      kvTokens,
      ...headFields(attention),
      ...(isLayer ? { hidden: card.hidden, weightDtype } : {}),
      dtype,
      kvDtype,
      threads,
      model: card.name,
    },
    modeled: modeledOf(kernel, context),
    terms: modeledTerms(termsOf(kernel, context)),
    ...(isLayer ? {} : { term: "attention.core" as const }),
  };
  if (isLayer) return { ...planned, ...layerRun(context) };
  if (attention.kind !== "linear") return { ...planned, ...coreRun(attention, context) };
  return { ...planned, unsupported: unsupportedText(kernel, `${attention.rule} linear attention`) };
}

function unsupportedText(kernel: string, lacks: string): string {
  return `there is no ${kernel} kernel of ${lacks}: its modeled numbers stand alone`;
}

type Run = Pick<PlannedRow, "build" | "trace">;

/** Traced on one sequence, and on fewer tokens where the trace would take too long. */
function coreRun(attention: SoftmaxSpec, context: RowContext): Run {
  const { batch } = context.setting;
  const kvTokens = attendedOf(context);
  const shape = coreShape(attention, context);
  const perToken = attentionFlopsPerCachedToken(attention) / 2;
  const reduction = traceReduction(perToken * kvTokens, context.dtype);
  const traced = reduction === 1 ? kvTokens : Math.ceil(kvTokens / reduction / blockTokens) * blockTokens;
  const bytes = batch * (kvTokens / traced);
  return {
    build: () => attentionCoreCase(shape),
    trace: () => ({
      kernelCase: attentionCoreCase({ ...shape, batch: 1, ...(traced === kvTokens ? {} : { kvTokens: traced }) }),
      ...(bytes === 1 ? {} : { shape: `batch=1 kvTokens=${traced}, KV bytes times ${timesText(bytes)}` }),
    }),
  };
}

/** A sliding layer keeps what it attends to, and what stands before it in the same block: it begins where a long context's would. */
function coreShape(attention: SoftmaxSpec, context: RowContext): AttentionCoreShape {
  const { settings, setting, dtype, kvDtype } = context;
  const { queryHeads, span, softmaxScale: scale } = attention;
  const attended = attendedOf(context);
  const before = tokensBefore(context);
  const shape = {
    ...{ batch: setting.batch, kvTokens: attended + before, queryHeads, scale, dtype, kvDtype },
    seed: settings.seed,
    ...(before > 0 ? { span } : {}),
  };
  if (attention.kind === "mla") {
    const { kvRank, ropeHeadDim } = attention;
    return { ...shape, kvHeads: 1, headDim: kvRank, ropeHeadDim };
  }
  const hasSinks = attention.kind !== "mfa" && attention.sinks;
  const { kvHeads, headDim } = attention;
  return { ...shape, kvHeads, headDim, ...(hasSinks ? { sinks: "perHead" } : {}) };
}

/** Traced on a shorter context; what a sliding or chunked layer does not see is left out as in coreShape. */
function layerRun(context: RowContext): Run | Pick<PlannedRow, "unsupported"> {
  const { settings, card, setting, weightDtype, kvDtype } = context;
  const attention = layerAttention(context);
  if (attention.kind === "none") return { unsupported: unsupportedText("attention.layer", attention.lacks) };
  const { batch } = setting;
  const attended = attendedOf(context);
  const before = tokensBefore(context);
  const common = { batch, hidden: card.hidden, epsilon: card.rmsNormEpsilon, weightDtype, kvDtype };
  const whole = { kind: "full" } as const;
  const shape = {
    ...{ ...common, seed: settings.seed, kvTokens: attended + before },
    attention: before > 0 ? attention : { ...attention, span: whole },
  };
  const traced = Math.min(attended, tracedTokens);
  return {
    build: () => attentionLayerCase(shape),
    trace: () =>
      traced === attended
        ? { kernelCase: attentionLayerCase(shape) }
        : {
            kernelCase: attentionLayerCase({ ...shape, kvTokens: traced, attention: { ...attention, span: whole } }),
            shape: `batch=${batch} kvTokens=${traced}, KV bytes times ${timesText(attended / traced)}`,
          },
  };
}

/** The typical layer's attention as kernels compute it, or what they lack for it. */
function layerAttention({ card }: RowContext): ReturnType<typeof decodeAttentionOf> {
  const attention = decodeAttentionOf(card, typicalLayer(card).attention);
  if (attention.kind === "none") return attention;
  const uneven = unevenWidth(attention);
  if (uneven === undefined) return attention;
  return { kind: "none", lacks: `${uneven.field} = ${uneven.value}, which is no multiple of 8` };
}

/** Tokens that a sliding layer does not see any more, in the block that its window begins in. */
function tokensBefore(context: RowContext): number {
  const { attention } = typicalLayer(context.card);
  if (attention.kind === "linear" || attention.span.kind !== "sliding") return 0;
  return (context.setting.kvTokens - attendedOf(context)) % blockTokens;
}

/** Cached tokens that a query of the typical layer attends to. */
function attendedOf({ card, setting }: RowContext): number {
  const { attention } = typicalLayer(card);
  return attention.kind === "linear" ? setting.kvTokens : attendedTokens(attention.span, setting.kvTokens);
}

function termsOf(kernel: string, { card, setting }: RowContext, format: KvFormat = "values"): readonly Term[] {
  return layerTerms(card, typicalLayer(card), setting, format).filter((term) =>
    kernel === "attention.core" ? term.label === "attention.core" : term.side === "attention",
  );
}

function modeledOf(kernel: string, context: RowContext): Modeled {
  const { kvDtype } = context;
  const values = totalOf(termsOf(kernel, context));
  const stored = totalOf(termsOf(kernel, context, kvFormats[kvDtype].dtype === "int8" ? "scaledValues" : "values"));
  const beside = kernel === "attention.layer" ? besideWeightsBytes(context) : 0;
  return { flops: values.flops, valueBytes: values.bytes, storedBytes: stored.bytes + beside };
}

/** What stands beside the weights of a layer's projections: in int8 and int4 scale and sum of each column. */
function besideWeightsBytes(context: RowContext): number {
  const attention = layerAttention(context);
  if (attention.kind === "none" || context.dtype === "f32") return 0;
  return columnScaleBytes * projectionColumns(attention, context.card.hidden);
}

function headsText(attention: AttentionSpec): string {
  switch (attention.kind) {
    case "linear":
      return `valueHeads=${attention.valueHeads} keyDim=${attention.keyDim} valueDim=${attention.valueDim}`;
    case "mla":
      return `queryHeads=${attention.queryHeads} kvRank=${attention.kvRank}`;
    default:
      return `queryHeads=${attention.queryHeads} kvHeads=${attention.kvHeads} headDim=${attention.headDim}`;
  }
}

function headFields(attention: AttentionSpec): Partial<KernelRow> {
  switch (attention.kind) {
    case "linear":
      return {};
    case "mla": {
      const { queryHeads, queryRank } = attention;
      return { queryHeads, ...(queryRank === null ? {} : { queryRank }) };
    }
    default: {
      const { queryHeads, kvHeads, headDim } = attention;
      return { queryHeads, kvHeads, headDim, ...(attention.kind === "mfa" ? { queryRank: attention.queryRank } : {}) };
    }
  }
}
