import type { AttentionSpec, FfnSpec, LayerSpec, ModelCard, SoftmaxSpec, Span } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { parametersActivated, parametersTotal } from "../model/parameters.ts";
import type { RopeScaling } from "../model/ropeScaling.ts";
import type { LayersRow, ModelRow } from "../record/catalogRows.ts";
import { formatNumber } from "../units/format.ts";
import { kvBytesPerCachedToken, kvBytesReadPerToken } from "../workload/kv-cache.ts";
import { attentionFlopsPerByte, effectiveRank, type TokenSetting } from "../workload/per-token.ts";

/** A model as a whole: dimensions of its first layer with a cache and of its first with experts, and a token's cost. */
export function modelRow(card: ModelCard, setting: TokenSetting): ModelRow {
  const { layers } = card;
  const first = layers.find(({ attention }) => attention.kind !== "linear") ?? layers[0];
  if (first === undefined) throw new Error(`${card.name} has no layers`);
  const moeLayers = layers.filter(({ ffn }) => ffn.kind === "moe").length;
  const ranks = [...new Set(layers.map(({ attention }) => effectiveRank(attention)))];
  return {
    row: "model",
    kind: "modeled",
    model: card.name,
    modelType: card.modelType,
    attention: [...new Set(layers.map(({ attention }) => attention.kind))].join(", "),
    layers: layers.length,
    denseLayers: layers.length - moeLayers,
    moeLayers,
    layerKinds: layerKinds(layers),
    hidden: card.hidden,
    vocab: card.vocab,
    ...attentionDimensions(first.attention),
    ...ofAllLayers(layers),
    effectiveRank: Math.max(...ranks),
    ...(ranks.length === 1 ? {} : { effectiveRanks: ranks.join(", ") }),
    ...expertDimensions(layers),
    maxContextTokens: card.maxContextTokens,
    parametersTotal: parametersTotal(card),
    parametersActivated: parametersActivated(card),
    kvBytesPerCachedToken: kvBytesPerCachedToken(card),
    contextTokens: setting.contextTokens,
    ...(setting.kvBits === undefined ? {} : { kvBits: setting.kvBits }),
    kvBytesReadPerToken: kvBytesReadPerToken(card, setting.contextTokens, setting.kvBits),
    attentionFlopsPerByte: attentionFlopsPerByte(card, setting),
    source: card.source,
  };
}

/** A model's layers by kind, in the order of their first layers. */
export function layersRows(card: ModelCard): LayersRow[] {
  const kinds = new Map<string, { readonly layer: LayerSpec; readonly indices: number[] }>();
  for (const [index, layer] of card.layers.entries()) {
    const key = JSON.stringify(layerDimensions(layer));
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { layer, indices: [index] });
    else kind.indices.push(index);
  }
  return [...kinds.values()].map(({ layer, indices }) => ({
    row: "layers",
    kind: "modeled",
    model: card.name,
    layerIndices: indicesText(indices, card.layers.length),
    layers: indices.length,
    ...layerDimensions(layer),
  }));
}

type LayerDimensions = Omit<LayersRow, "row" | "kind" | "model" | "layerIndices" | "layers">;

function layerDimensions({ attention, ffn }: LayerSpec): LayerDimensions {
  return {
    layerKind: layerKind({ attention, ffn }),
    attention: attention.kind,
    ...(attention.kind === "linear" ? {} : spanOf(attention.span)),
    ...attentionDimensions(attention),
    ...(attention.kind === "linear" ? {} : computedAs(attention)),
    effectiveRank: effectiveRank(attention),
    ffn: ffn.kind,
    ...(ffn.kind === "dense" ? { denseDim: ffn.width } : moeDimensions(ffn)),
  };
}

/** What a layer with a cache computes that no shape follows from, and the bits of its cache. */
interface ComputedAs {
  readonly ropeScaling: string;
  readonly softmaxScale: number;
  readonly bias: string;
  readonly kvBits: number;
}

function computedAs(attention: SoftmaxSpec): ComputedAs {
  const { ropeScaling, softmaxScale, kvBits } = attention;
  const bias = attention.kind === "mfa" || attention.kind === "mla" ? "none" : attention.bias;
  return { ropeScaling: scalingText(ropeScaling), softmaxScale, bias, kvBits };
}

/** The same of a model: each sort that its layers have, and the first scale. */
function ofAllLayers(layers: readonly LayerSpec[]): Pick<ModelRow, "ropeScaling" | "softmaxScale" | "bias"> {
  const computed = layers.flatMap(({ attention }) => (attention.kind === "linear" ? [] : [computedAs(attention)]));
  const [first] = computed;
  if (first === undefined) return {};
  const sorts = (of: (layer: ComputedAs) => string): string => [...new Set(computed.map(of))].join("; ");
  const { softmaxScale } = first;
  return { ropeScaling: sorts((layer) => layer.ropeScaling), softmaxScale, bias: sorts((layer) => layer.bias) };
}

/** `yarn by 32 from 4096 tokens, cosines and sines times 1.347`. */
function scalingText(scaling: RopeScaling): string {
  const factor = "factor" in scaling ? ` by ${scaling.factor}` : "";
  const from = "originalTokens" in scaling ? ` from ${scaling.originalTokens} tokens` : "";
  const isTurned = !("attentionFactor" in scaling) || scaling.attentionFactor === 1;
  return `${scaling.kind}${factor}${from}${isTurned ? "" : `, cosines and sines times ${formatNumber(scaling.attentionFactor)}`}`;
}

function spanOf(span: Span): Pick<LayersRow, "span" | "spanTokens"> {
  return span.kind === "full" ? { span: "full" } : { span: span.kind, spanTokens: span.tokens };
}

/** `36 chunked 8192 gqa + moe, 12 full gqa + moe`: layers of each kind, in the order of their first layers. */
function layerKinds(layers: readonly LayerSpec[]): string {
  const counts = new Map<string, number>();
  for (const kind of layers.map(layerKind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
}

function layerKind({ attention, ffn }: LayerSpec): string {
  if (attention.kind === "linear") return `${attention.rule} linear + ${ffn.kind}`;
  const { span, kind, kvBits } = attention;
  const reach = span.kind === "full" ? "full" : `${span.kind} ${span.tokens}`;
  return `${reach} ${kind}${kvBits === 8 ? "" : ` (${kvBits}-bit KV)`} + ${ffn.kind}`;
}

type AttentionDimensions = Pick<ModelRow, "queryHeads" | "kvHeads" | "headDim" | "queryRank" | "kvRank">;

function attentionDimensions(attention: AttentionSpec): AttentionDimensions {
  switch (attention.kind) {
    case "linear":
      return {};
    case "mfa": {
      const { queryHeads, kvHeads, headDim, queryRank } = attention;
      return { queryHeads, kvHeads, headDim, queryRank };
    }
    case "mla": {
      const { queryHeads, kvRank, queryRank } = attention;
      return { queryHeads, kvRank, ...(queryRank === null ? {} : { queryRank }) };
    }
    default: {
      const { queryHeads, kvHeads, headDim } = attention;
      return { queryHeads, kvHeads, headDim };
    }
  }
}

type MoeDimensions = Pick<ModelRow, "experts" | "expertDim" | "topK" | "sharedDim">;

function expertDimensions(layers: readonly LayerSpec[]): MoeDimensions {
  const moe = moeOf({ layers });
  return moe === undefined ? {} : moeDimensions(moe);
}

function moeDimensions({ experts, expertDim, router, sharedDim }: Extract<FfnSpec, { kind: "moe" }>): MoeDimensions {
  return { experts, expertDim, topK: router.topK, sharedDim };
}

/** `0-3, 60`, `1-45 by 4`, or, where that is shorter, `all but 3-47 by 4`. */
function indicesText(indices: readonly number[], layers: number): string {
  const taken = new Set(indices);
  const others = Array.from({ length: layers }, (_, index) => index).filter((index) => !taken.has(index));
  const direct = runsText(indices);
  const inverse = `all but ${runsText(others)}`;
  return others.length > 0 && inverse.length < direct.length ? inverse : direct;
}

/** Neighbours as `0-3`, at least three that are equally far apart as `1-45 by 4`. */
function runsText(indices: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < indices.length; ) {
    const first = indices[at] ?? 0;
    const step = (indices[at + 1] ?? first) - first;
    let end = at + 1;
    while (end < indices.length && (indices[end] ?? 0) - (indices[end - 1] ?? 0) === step) end += 1;
    const isRun = step === 1 || end - at >= 3;
    const last = indices[end - 1] ?? first;
    parts.push(isRun ? `${first}-${last}${step === 1 ? "" : ` by ${step}`}` : String(first));
    at = isRun ? end : at + 1;
  }
  return parts.join(", ");
}
