import type { PaperRow } from "../../record/paperRows.ts";
import type { PaperDocument } from "../../record/schemas.ts";
import type { BarsFigure, Figure, LinesFigure, PointSeries, ScatterFigure } from "./figure.ts";

/** Names of the tables that are drawn. */
export const PAPER_FIGURES = ["figure1", "figure2", "figure3", "figure4", "figure5"] as const;

export type PaperFigureName = (typeof PAPER_FIGURES)[number];

/**
 * One of the report's figures, drawn from the rows of `paper`.
 * @param document that holds all rows of that figure
 * @source Step-3 report, Figures 1 to 5
 */
export function paperFigure(name: PaperFigureName, { rows, notes }: Pick<PaperDocument, "rows" | "notes">): Figure {
  const cells = cellsOf(rows.filter(({ table }) => table === name));
  switch (name) {
    case "figure1":
      return paretoFigure(cells, notes);
    case "figure2":
      return deploymentsFigure(cells, notes);
    case "figure3":
      return hybridFigure(cells, notes);
    case "figure4":
      return ascendFigure(cells, notes);
    case "figure5":
      return designsFigure(cells, notes);
  }
}

const USD = "USD per million tokens";

/** Activated parameters against cost, with the fronts of all models and, at 8K, of those with grouped queries. */
function paretoFigure(cells: Cells, notes: readonly string[]): LinesFigure {
  const pointOf = (context: string) => (name: string) => ({
    name,
    label: name,
    x: cells.computed(name, "activated parameters"),
    y: cells.computed(name, `cost at ${context}`),
  });
  const frontOf = (column: string) =>
    cells.names
      .filter((name) => cells.has(name, column))
      .toSorted(
        (one, other) => cells.computed(one, "activated parameters") - cells.computed(other, "activated parameters"),
      );
  const series = CONTEXTS.map((context): PointSeries => {
    const points = cells.names.map(pointOf(context));
    return { name: context, points, front: frontOf(`front at ${context}`) };
  });
  return {
    kind: "lines",
    title: "Figure 1: activated parameters against the cost of decoding",
    subtitle: "Attention and FFN each on the cheapest accelerator; lines join models that none beats in both",
    x: { label: "Activated parameters of the layers", unit: { symbol: "billions", size: 1e9 }, scale: "log" },
    y: { label: USD, scale: "log" },
    lines: [{ kind: "path", name: "front of GQA models at 8K", points: frontOf("GQA front at 8K").map(pointOf("8K")) }],
    series,
    notes,
  };
}

const CONTEXTS = ["8K", "32K"] as const;

/** Costs of both sides on each accelerator and on the best pairing. */
function deploymentsFigure(cells: Cells, notes: readonly string[]): BarsFigure {
  return {
    kind: "bars",
    arrangement: "grouped",
    title: "Figure 2: cost of decoding on each accelerator, and apart (AFD)",
    subtitle: "AFD: attention and FFN each on the cheapest accelerator",
    value: { label: USD, scale: "linear" },
    bars: cells.all.map(({ row, column, computed = 0 }) => {
      const [context = "", group = ""] = column.split(", ");
      return { facet: row, group, series: context, value: computed };
    }),
    notes,
  };
}

/** KV bytes against cost, a model's contexts joined. */
function hybridFigure(cells: Cells, notes: readonly string[]): ScatterFigure {
  const contexts = ["8K", "32K", "128K"];
  return {
    kind: "scatter",
    title: "Figure 3: hybrid attention on H800",
    subtitle: "Labels are contexts",
    x: { label: "KV read for a token", unit: { symbol: "GB", size: 1e9 }, scale: "log" },
    y: { label: `${USD}, attention and FFN`, scale: "log" },
    series: cells.names.map((name) => ({
      name,
      points: contexts.map((context) => ({
        name: context,
        label: context,
        x: cells.computed(name, `KV, ${context}`),
        y: cells.computed(name, `cost on H800, ${context}`),
      })),
      front: contexts,
    })),
    notes,
  };
}

/** Published and computed costs on the Ascend 910B. */
function ascendFigure(cells: Cells, notes: readonly string[]): BarsFigure {
  return {
    kind: "bars",
    arrangement: "grouped",
    title: "Figure 4: Pangu Pro and Step-3 on Ascend 910B",
    value: { label: USD, scale: "linear" },
    bars: cells.columns.flatMap((facet) =>
      cells.names.flatMap((group) => {
        const { published = 0, computed = 0 } = cells.get(group, facet);
        return [
          { facet, group, series: "published", value: published },
          { facet, group, series: "computed", value: computed },
        ];
      }),
    ),
    notes,
  };
}

/** Attention FLOPs against KV bytes, accelerators as rays of their ridge points. */
function designsFigure(cells: Cells, notes: readonly string[]): LinesFigure {
  const ridges = cells.all.filter(({ column }) => column === "ridge point");
  const designs = cells.names.filter((name) => !ridges.some(({ row }) => row === name));
  return {
    kind: "lines",
    title: "Figure 5: attention designs against accelerators",
    subtitle: "Above an accelerator's line its compute binds attention, below it its memory bandwidth",
    x: { label: "KV read for a token", unit: { symbol: "MB", size: 1e6 }, scale: "log" },
    y: {
      label: "FLOPs of attention for a token, projections left out",
      unit: { symbol: "GFLOP", size: 1e9 },
      scale: "log",
    },
    lines: ridges.map(({ row, computed = 0 }) => ({
      kind: "ray",
      name: `${row}: ${Math.round(computed)} FLOP/B`,
      slope: computed,
    })),
    series: designs.map((name) => ({
      name,
      points: CONTEXTS.map((context) => ({
        name: context,
        label: `${name} ${context}`,
        x: cells.computed(name, `KV bytes at ${context}`),
        y: cells.computed(name, `attention FLOPs at ${context}`),
      })),
      front: CONTEXTS,
    })),
    notes,
  };
}

/** Rows of one figure, by name and column. */
interface Cells {
  readonly all: readonly PaperRow[];
  readonly names: readonly string[];
  readonly columns: readonly string[];
  has(name: string, column: string): boolean;
  get(name: string, column: string): PaperRow;
  computed(name: string, column: string): number;
}

function cellsOf(all: readonly PaperRow[]): Cells {
  const find = (name: string, wanted: string) => all.find(({ row, column }) => row === name && column === wanted);
  const get = (name: string, column: string): PaperRow => {
    const cell = find(name, column);
    if (cell === undefined) throw new Error(`no cell ${name}, ${column}`);
    return cell;
  };
  return {
    all,
    names: [...new Set(all.map(({ row }) => row))],
    columns: [...new Set(all.map(({ column }) => column))],
    has: (name, column) => find(name, column) !== undefined,
    get,
    computed: (name, column) => get(name, column).computed ?? Number.NaN,
  };
}
