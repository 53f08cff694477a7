import { expertMatmulCase, moeLayerCase } from "../kernels/moe.ts";
import { type RouterShape, routerCase } from "../kernels/router.ts";
import { routerBiasBytes } from "../kernels/routerRule.ts";
import type { MoeFfnSpec } from "../model/card.ts";
import { ffnTokens } from "../workload/setting.ts";
import { layerTerms } from "../workload/terms.ts";
import { reducedWidth, timesText, traceReduction } from "./benchTrace.ts";
import {
  columnScaleBytes,
  modeledTerms,
  type PlannedRow,
  type RowContext,
  storedText,
  totalOf,
  typicalLayer,
} from "./plannedRow.ts";
import type { Dtype } from "./settings.ts";

/** A row of a model's typical MoE layer: its router, its routed experts, or the whole layer. */
export function moeRow(kernel: "moe.router" | "moe.expertMatmul" | "moe.layer", context: RowContext): PlannedRow {
  const { card, threads, dtype } = context;
  const { ffn } = typicalLayer(card);
  if (ffn.kind !== "moe") {
    return {
      fields: { kernel, shape: `hidden=${card.hidden}`, dtype, threads, model: card.name },
      modeled: { flops: 0, valueBytes: 0, storedBytes: 0 },
      terms: [],
      unsupported: `${card.name} has no experts`,
    };
  }
  switch (kernel) {
    case "moe.router":
      return routerRow(ffn, context);
    case "moe.expertMatmul":
      return expertRow(ffn, context);
    case "moe.layer":
      return layerRow(ffn, context);
  }
}

function routerRow(ffn: MoeFfnSpec, context: RowContext): PlannedRow {
  const shape = routerShapeOf(ffn, context);
  const { tokens, experts, hidden } = shape;
  const { flops, bytes } = totalOf(termsOf(context, ["moe.router"]));
  return {
    fields: {
      ...baseFields("moe.router", ffn, context),
      shape: `tokens=${tokens} experts=${experts} topK=${ffn.router.topK} hidden=${hidden}`,
      experts,
      m: tokens,
      n: experts,
      k: hidden,
      weightDtype: "f32",
    },
    modeled: { flops, valueBytes: bytes, storedBytes: bytes + routerBiasBytes(experts, ffn.router) },
    terms: modeledTerms(termsOf(context, ["moe.router"])),
    term: "moe.router",
    build: () => routerCase(shape),
  };
}

function expertRow(ffn: MoeFfnSpec, context: RowContext): PlannedRow {
  const { card, dtype, weightDtype, setting, settings } = context;
  const { hidden } = card;
  const { expertDim } = ffn;
  const { tokensPerExpert } = setting;
  const count = residentExperts(ffn, context);
  const weights = 3 * hidden * expertDim;
  const valueBytes = count * weights * setting.bytesPerWeight;
  const tracedDim = reducedWidth(expertDim, traceReduction(tokensPerExpert * weights, dtype));
  const { activation } = ffn;
  const shape = { tokensPerExpert, hidden, expertDim, activation, dtype: weightDtype, seed: settings.seed };
  const scale = (count * expertDim) / tracedDim;
  const planned: PlannedRow = {
    fields: {
      ...baseFields("moe.expertMatmul", ffn, context),
      shape: `part=swiglu experts=${count} m=${tokensPerExpert} n=${expertDim} k=${hidden}${storedText(dtype, weightDtype)}`,
      experts: count,
      expertDim,
      m: tokensPerExpert,
      n: expertDim,
      k: hidden,
      weightDtype,
    },
    modeled: {
      flops: 2 * count * tokensPerExpert * weights,
      valueBytes,
      storedBytes: valueBytes + count * besideValuesBytes(dtype, ffn, hidden, expertDim),
    },
    terms: [{ term: "moe.experts", flops: 2 * count * tokensPerExpert * weights, kvBytes: 0, weightBytes: valueBytes }],
    term: "moe.experts",
  };
  return {
    ...planned,
    build: () => expertMatmulCase({ ...shape, count }),
    trace: () => ({
      kernelCase: expertMatmulCase({ ...shape, count: 1, expertDim: tracedDim }),
      ...(scale === 1
        ? {}
        : {
            shape: `experts=1 m=${tokensPerExpert} n=${tracedDim} k=${hidden}, weight bytes times ${timesText(scale)}`,
          }),
    }),
  };
}

function layerRow(ffn: MoeFfnSpec, context: RowContext): PlannedRow {
  const { card, dtype, weightDtype, setting } = context;
  const { hidden } = card;
  const { experts, expertDim, sharedDim, router } = ffn;
  const routerShape = routerShapeOf(ffn, context);
  const { tokens } = routerShape;
  const resident = residentExperts(ffn, context);
  const { flops, bytes } = totalOf(termsOf(context, ["moe.router", "moe.experts", "moe.shared"]));
  const besideBytes =
    experts * besideValuesBytes(dtype, ffn, hidden, expertDim) +
    (sharedDim > 0 ? besideValuesBytes(dtype, ffn, hidden, sharedDim) : 0) +
    (ffn.sharedGate ? 4 * hidden : 0) +
    routerBiasBytes(experts, router);
  const planned: PlannedRow = {
    fields: {
      ...baseFields("moe.layer", ffn, context),
      shape: `tokens=${tokens} experts=${experts} topK=${router.topK} m=${setting.tokensPerExpert} n=${expertDim} k=${hidden}${storedText(dtype, weightDtype)}`,
      experts,
      expertDim,
      m: setting.tokensPerExpert,
      n: expertDim,
      k: hidden,
      weightDtype,
      ...(resident < experts
        ? {
            composed: true,
            composedOf: `router, shared expert and combine for ${tokens} tokens, plus ${timesText(experts / resident)} times ${resident} distinct experts`,
          }
        : {}),
    },
    modeled: { flops, valueBytes: bytes, storedBytes: bytes + besideBytes },
    terms: modeledTerms(termsOf(context, ["moe.router", "moe.experts", "moe.shared", "moe.combine"])),
  };
  const shape = {
    ...routerShape,
    residentExperts: resident,
    expertDim,
    sharedDim,
    sharedGate: ffn.sharedGate,
    activation: ffn.activation,
    dtype: weightDtype,
    epsilon: card.rmsNormEpsilon,
    routing: "balanced" as const,
  };
  const widest = Math.max(expertDim, sharedDim);
  const reduction = traceReduction(3 * hidden * widest * tokens * 2, dtype);
  const traced = {
    ...shape,
    residentExperts: 1,
    expertDim: reducedWidth(expertDim, reduction),
    sharedDim: sharedDim === 0 ? 0 : reducedWidth(sharedDim, reduction),
  };
  return {
    ...planned,
    build: () => moeLayerCase(shape),
    trace: () => ({
      kernelCase: moeLayerCase(traced),
      shape: `experts=1 of ${traced.expertDim}, shared of ${traced.sharedDim}, bytes scaled to ${experts} of ${expertDim} and ${sharedDim}`,
    }),
  };
}

function baseFields(kernel: string, ffn: MoeFfnSpec, { card, dtype, threads, setting }: RowContext) {
  const { tokensPerExpert } = setting;
  return { kernel, dtype, threads, model: card.name, hidden: card.hidden, topK: ffn.router.topK, tokensPerExpert };
}

function routerShapeOf(ffn: MoeFfnSpec, { card, setting, settings }: RowContext): RouterShape {
  const tokens = Math.ceil(ffnTokens(card, setting));
  return { tokens, hidden: card.hidden, experts: ffn.experts, router: ffn.router, seed: settings.seed };
}

function termsOf({ card, setting }: RowContext, labels: readonly string[]) {
  return layerTerms(card, typicalLayer(card), setting).filter(({ label }) => labels.includes(label));
}

/** What stands beside the values of one expert, for each gate, up and down column: scale and sum in int8 and int4, a bias in gpt-oss. */
function besideValuesBytes(dtype: Dtype, { activation }: MoeFfnSpec, hidden: number, expertDim: number): number {
  const columnBytes = (dtype === "int8" ? columnScaleBytes : 0) + (activation === "clampedSilu" ? 4 : 0);
  return columnBytes * (2 * expertDim + hidden);
}

/** Distinct experts whose weights exceed four times the last-level cache, as far as half a WASM memory holds them and their rows. */
function residentExperts(ffn: MoeFfnSpec, { card, setting, cacheBytes }: RowContext): number {
  const rowBytes = setting.tokensPerExpert * (card.hidden * 10 + ffn.expertDim * 14);
  const expertBytes = 3 * card.hidden * ffn.expertDim * setting.bytesPerWeight + rowBytes;
  const wanted = Math.ceil((4 * cacheBytes) / expertBytes);
  const fitting = Math.floor(2 ** 31 / expertBytes);
  return Math.max(1, Math.min(ffn.experts, wanted, fitting));
}
