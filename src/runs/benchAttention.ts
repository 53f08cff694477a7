import { attentionCoreCase } from "../kernels/attentionCore.ts";
import { attentionLayerCase } from "../kernels/attentionLayer.ts";
import type { AttentionCoreShape } from "../kernels/attentionShape.ts";
import { blockTokens } from "../kernels/kvCache.ts";
import { kvFormats } from "../kernels/kvFormat.ts";
import type { AttentionSpec, MfaSpec, SoftmaxSpec } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import { attendedTokens, type KvFormat } from "../workload/kv-cache.ts";
import { attentionFlopsPerCachedToken } from "../workload/per-token.ts";
import { layerTerms, type Term } from "../workload/terms.ts";
import { timesText, traceReduction } from "./benchTrace.ts";
import {
  columnScaleBytes,
  type Modeled,
  modeledTerms,
  type PlannedRow,
  type RowContext,
  totalOf,
  typicalLayer,
} from "./plannedRow.ts";

/** The layer's trace takes a context of this many tokens (whole cache blocks) and scales what it cost. */
const tracedTokens = 1024;

/** The attention core, or the whole attention layer, of a model's typical layer. */
export function attentionRow(kernel: "attention.core" | "attention.layer", context: RowContext): PlannedRow {
  const { card, threads, dtype, kvDtype, setting } = context;
  const { attention } = typicalLayer(card);
  const { batch } = setting;
  const kvTokens = attendedOf(context);
  const isLayer = kernel === "attention.layer";
  const stored = kvDtype === dtype ? "" : ` kvDtype=${kvDtype}`;
  const planned: PlannedRow = {
    fields: {
      kernel,
      attention: attention.kind,
      shape: `batch=${batch} kvTokens=${kvTokens} ${headsText(attention)}${isLayer ? ` hidden=${card.hidden}` : ""}${stored}`,
      batch,
      kvTokens,
      ...headFields(attention),
      ...(isLayer ? { hidden: card.hidden, weightDtype: dtype } : {}),
      dtype,
      kvDtype,
      threads,
      model: card.name,
    },
    modeled: modeledOf(kernel, context),
    terms: modeledTerms(termsOf(kernel, context)),
    ...(isLayer ? {} : { term: "attention.core" as const }),
  };
  if (!isLayer && attention.kind !== "linear") return { ...planned, ...coreRun(attention, context) };
  if (isLayer && attention.kind === "mfa") return { ...planned, ...layerRun(attention, context) };
  return {
    ...planned,
    unsupported: `there is no ${kernel} kernel of ${kindText(attention)}: its modeled numbers stand alone`,
  };
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
  const { queryHeads, span } = attention;
  const attended = attendedOf(context);
  const before = span.kind === "sliding" ? (setting.kvTokens - attended) % blockTokens : 0;
  const shape = {
    ...{ batch: setting.batch, kvTokens: attended + before, queryHeads, dtype, kvDtype, seed: settings.seed },
    ...(before > 0 ? { span } : {}),
  };
  if (attention.kind === "mla") {
    const { kvRank, nopeHeadDim, ropeHeadDim } = attention;
    return { ...shape, kvHeads: 1, headDim: kvRank, ropeHeadDim, scale: (nopeHeadDim + ropeHeadDim) ** -0.5 };
  }
  const hasSinks = attention.kind !== "mfa" && attention.sinks;
  const { kvHeads, headDim } = attention;
  return { ...shape, kvHeads, headDim, ...(hasSinks ? { sinks: "perHead" } : {}) };
}

function layerRun(attention: MfaSpec, { settings, card, setting, dtype, kvDtype }: RowContext): Run {
  const { queryHeads, kvHeads, headDim, queryRank, ropeTheta } = attention;
  const { batch, kvTokens } = setting;
  const { hidden, rmsNormEpsilon: epsilon } = card;
  const shape = {
    ...{ batch, kvTokens, queryHeads, kvHeads, headDim, hidden, queryRank, ropeTheta, epsilon, dtype, kvDtype },
    seed: settings.seed,
  };
  const traced = Math.min(kvTokens, tracedTokens);
  return {
    build: () => attentionLayerCase(shape),
    trace: () => ({
      kernelCase: attentionLayerCase({ ...shape, kvTokens: traced }),
      ...(traced === kvTokens
        ? {}
        : { shape: `batch=${batch} kvTokens=${traced}, KV bytes times ${timesText(kvTokens / traced)}` }),
    }),
  };
}

/** Cached tokens that a query of the typical layer attends to. */
function attendedOf({ card, setting }: RowContext): number {
  const { attention } = typicalLayer(card);
  return attention.kind === "linear" ? setting.kvTokens : attendedTokens(attention.span, setting.kvTokens);
}

function kindText(attention: AttentionSpec): string {
  return attention.kind === "linear" ? `${attention.rule} attention` : attention.kind;
}

function termsOf(kernel: string, { card, setting }: RowContext, format: KvFormat = "values"): readonly Term[] {
  return layerTerms(card, typicalLayer(card), setting, format).filter((term) =>
    kernel === "attention.core" ? term.label === "attention.core" : term.side === "attention",
  );
}

function modeledOf(kernel: string, context: RowContext): Modeled {
  const { card, dtype, kvDtype } = context;
  const layer = typicalLayer(card);
  const values = totalOf(termsOf(kernel, context));
  const stored = totalOf(termsOf(kernel, context, kvFormats[kvDtype].dtype === "int8" ? "scaledValues" : "values"));
  const scales =
    dtype === "int8" && kernel === "attention.layer"
      ? columnScaleBytes * layerColumns(layer.attention, card.hidden)
      : 0;
  return { flops: values.flops, valueBytes: values.bytes, storedBytes: stored.bytes + scales };
}

/** Output columns of all projections of an MFA layer. */
function layerColumns(attention: AttentionSpec, hidden: number): number {
  if (attention.kind !== "mfa") return 0;
  return attention.queryRank + (2 * attention.kvHeads + attention.queryHeads) * attention.headDim + hidden;
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
    case "mla":
      return { queryHeads: attention.queryHeads };
    default: {
      const { queryHeads, kvHeads, headDim } = attention;
      return { queryHeads, kvHeads, headDim, ...(attention.kind === "mfa" ? { queryRank: attention.queryRank } : {}) };
    }
  }
}
