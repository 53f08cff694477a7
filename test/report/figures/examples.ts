import { costFigure } from "../../../src/report/figures/costFigure.ts";
import type { BarsFigure, Figure, LinesFigure, ScatterFigure } from "../../../src/report/figures/figure.ts";
import { rooflineFigure } from "../../../src/report/figures/rooflineFigure.ts";
import { rooflineFixture, rooflineOf } from "../rooflineFixture.ts";
import { ACCELERATORS, PUBLISHED_MODELS, publishedCostRows } from "./publishedModels.ts";

const MODELED = "Modeled: price per second over peak and bandwidth, from published prices and peaks.";
const PUBLISHED = "Published: work of a token, Step-3 report, Tables 2 and 3.";

/** Costs of nine models at two contexts: the picture of `cost --svg`. */
function costScatter(): ScatterFigure {
  return costFigure({ rows: publishedCostRows(), notes: [MODELED, PUBLISHED] });
}

/** Costs of nine models on four accelerators, attention and FFN end to end. */
function accelerationBars(): BarsFigure {
  const rows = publishedCostRows().filter((row) => row.pairing === "same" && row.contextTokens === 8192);
  return {
    kind: "bars",
    arrangement: "stacked",
    title: "What decoding costs on each accelerator",
    subtitle: "Attention and FFN on the same accelerator, 8192 cached tokens",
    value: { label: "USD per million tokens", scale: "linear" },
    bars: rows.flatMap((row) => [
      { facet: row.model, group: row.attentionOn, series: "attention", value: row.attentionUsdPerMillionTokens },
      { facet: row.model, group: row.ffnOn, series: "FFN", value: row.ffnUsdPerMillionTokens },
    ]),
    notes: [MODELED, PUBLISHED],
  };
}

/** Two models on one accelerator, as printed and as computed. @source Step-3 report, Figure 4 */
function comparisonBars(): BarsFigure {
  const bar = (facet: string, group: string, published: number, modeled: number) => [
    { facet, group, series: "published", value: published },
    { facet, group, series: "modeled", value: modeled },
  ];
  return {
    kind: "bars",
    arrangement: "grouped",
    title: "Pangu Pro MoE and Step-3 on Ascend 910B",
    value: { label: "USD per million tokens", scale: "linear" },
    bars: [
      ...bar("decoding at 8192", "Pangu Pro", 0.114, 0.1141),
      ...bar("decoding at 8192", "Step-3", 0.078, 0.0789),
      ...bar("decoding at 32768", "Pangu Pro", 0.395, 0.3951),
      ...bar("decoding at 32768", "Step-3", 0.168, 0.1683),
      ...bar("training at 8192", "Pangu Pro", 0.076, 0.0755),
      ...bar("training at 8192", "Step-3", 0.213, 0.2128),
    ],
    notes: ["Published: Step-3 report, Figure 4."],
  };
}

/** Attention FLOPs against KV bytes, accelerators as rays of their ridge points. */
function ridgeLines(): LinesFigure {
  return {
    kind: "lines",
    title: "Attention of one token against the accelerators' ridge points",
    subtitle: "Above an accelerator's line its compute binds, below it its memory",
    x: { label: "KV read per token", unit: { symbol: "MB", size: 1e6 }, scale: "log" },
    y: { label: "FLOPs of the attention core per token", unit: { symbol: "GFLOP", size: 1e9 }, scale: "log" },
    lines: ACCELERATORS.map(({ name, ridgeFlopsPerByte }) => ({
      kind: "ray",
      name: `${name}: ${Math.round(ridgeFlopsPerByte)} FLOP/B`,
      slope: ridgeFlopsPerByte,
    })),
    series: [8192, 32768].map((contextTokens) => ({
      name: `context ${contextTokens}`,
      points: PUBLISHED_MODELS.map(({ name, work }) => ({
        name,
        label: name,
        x: work.get(contextTokens)?.kvBytes ?? Number.NaN,
        y: work.get(contextTokens)?.attentionFlops ?? Number.NaN,
      })),
    })),
    notes: [PUBLISHED, "Published: peaks and bandwidths of the accelerators."],
  };
}

/** Cost over the context, between the two contexts that the report prints. */
function contextPaths(): LinesFigure {
  const best = publishedCostRows().filter(({ pairing }) => pairing === "best");
  return {
    kind: "lines",
    title: "Cost of decoding over the context",
    x: { label: "Cached tokens", scale: "linear", domain: [0, 40000] },
    y: { label: "USD per million tokens", scale: "linear" },
    lines: ["Step-3", "DSv3", "Qwen3 MoE", "Kimi K2"].map((model) => ({
      kind: "path",
      name: model,
      points: best
        .filter((row) => row.model === model)
        .map((row) => ({ x: row.contextTokens, y: row.usdPerMillionTokens })),
    })),
    series: [],
    notes: [MODELED, PUBLISHED],
  };
}

export const EXAMPLES: Readonly<Record<string, () => Figure>> = {
  costScatter,
  accelerationBars,
  comparisonBars,
  ridgeLines,
  hostRoofline: () => rooflineFigure(rooflineOf("roof", "kernel")),
  hostRoofs: () => rooflineFigure(rooflineOf("roof")),
  acceleratorRooflines: () => rooflineFigure(rooflineFixture),
  contextPaths,
};
