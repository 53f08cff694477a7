import { attentionCoreCase } from "../kernels/attentionCore.ts";
import { attentionLayerCase } from "../kernels/attentionLayer.ts";
import type { AttentionSpec, GroupedSpec } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import { attendedTokens } from "../workload/kv-cache.ts";
import { layerTerms, type Term } from "../workload/terms.ts";
import { timesText } from "./benchTrace.ts";
import {
  columnScaleBytes,
  type Modeled,
  type PlannedRow,
  type RowContext,
  totalOf,
  typicalLayer,
} from "./plannedRow.ts";

/** The layer's trace takes a context of this many tokens (whole cache blocks) and scales what it cost. */
const tracedTokens = 1024;

/** The attention core, or the whole attention layer, of a model's typical layer. */
export function attentionRow(kernel: "attention.core" | "attention.layer", context: RowContext): PlannedRow {
  const { settings, card, threads, dtype, setting } = context;
  const { attention } = typicalLayer(card);
  const { batch } = setting;
  const kvTokens = attention.kind === "linear" ? setting.kvTokens : attendedTokens(attention.span, setting.kvTokens);
  const isLayer = kernel === "attention.layer";
  const planned: PlannedRow = {
    fields: {
      kernel,
      attention: attention.kind,
      shape: `batch=${batch} kvTokens=${kvTokens} ${headsText(attention)}${isLayer ? ` hidden=${card.hidden}` : ""}`,
      batch,
      kvTokens,
      ...headFields(attention),
      ...(isLayer ? { hidden: card.hidden, weightDtype: dtype } : {}),
      dtype,
      kvDtype: dtype,
      threads,
      model: card.name,
    },
    modeled: modeledOf(kernel, context),
    ...(isLayer ? {} : { term: "attention.core" as const }),
  };
  const core = { batch, kvTokens, dtype, seed: settings.seed };
  if (!isLayer && (attention.kind === "mfa" || hasGroupedCore(attention))) {
    const { queryHeads, kvHeads, headDim } = attention;
    const shape = { ...core, queryHeads, kvHeads, headDim };
    return {
      ...planned,
      build: () => attentionCoreCase(shape),
      trace: () => ({
        kernelCase: attentionCoreCase({ ...shape, batch: 1 }),
        scaleOf: () => batch,
        ...(batch === 1 ? {} : { shape: `batch=1 kvTokens=${kvTokens}, KV bytes times ${batch}` }),
      }),
    };
  }
  if (attention.kind !== "mfa") {
    return {
      ...planned,
      unsupported: `there is no ${kernel} kernel of ${kindText(attention)}: its modeled numbers stand alone`,
    };
  }
  const { queryHeads, kvHeads, headDim, queryRank, ropeTheta } = attention;
  const { hidden, rmsNormEpsilon: epsilon } = card;
  const shape = { ...core, queryHeads, kvHeads, headDim, hidden, queryRank, ropeTheta, epsilon };
  const traced = Math.min(kvTokens, tracedTokens);
  return {
    ...planned,
    build: () => attentionLayerCase(shape),
    trace: () => ({
      kernelCase: attentionLayerCase({ ...shape, kvTokens: traced }),
      scaleOf: (name) => (name === "kvCache" ? kvTokens / traced : 1),
      ...(traced === kvTokens
        ? {}
        : { shape: `batch=${batch} kvTokens=${traced}, KV bytes times ${timesText(kvTokens / traced)}` }),
    }),
  };
}

/** The core's kernel has no sinks; windows are but a shorter context to it. */
function hasGroupedCore(attention: AttentionSpec): attention is GroupedSpec {
  return attention.kind !== "mfa" && attention.kind !== "mla" && attention.kind !== "linear" && !attention.sinks;
}

function kindText(attention: AttentionSpec): string {
  if (attention.kind === "linear") return `${attention.rule} attention`;
  return attention.kind !== "mfa" && attention.kind !== "mla" && attention.sinks
    ? `${attention.kind} with sinks`
    : attention.kind;
}

function modeledOf(kernel: string, { card, setting, dtype }: RowContext): Modeled {
  const layer = typicalLayer(card);
  const isWanted = (term: Term): boolean =>
    kernel === "attention.core" ? term.label === "attention.core" : term.side === "attention";
  const values = totalOf(layerTerms(card, layer, setting).filter(isWanted));
  const stored = totalOf(
    layerTerms(card, layer, setting, dtype === "int8" ? "scaledValues" : "values").filter(isWanted),
  );
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
