import type { CostRow } from "../../record/costRows.ts";
import type { CostDocument } from "../../record/schemas.ts";
import type { FigurePoint, PointSeries, ScatterFigure } from "./figure.ts";

/**
 * Activated parameters against the cost of the best pairing, a series for each context with its Pareto front.
 * @param document of at least one best pairing
 */
export function costFigure({ rows, notes }: Pick<CostDocument, "rows" | "notes">): ScatterFigure {
  const best = rows.filter(({ pairing }) => pairing === "best");
  const series = [...Map.groupBy(best, ({ contextTokens }) => contextTokens)].map(([contextTokens, atContext]) =>
    seriesOf(contextTokens, [...new Map(atContext.map((row) => [nameOf(row), row])).values()]),
  );
  return {
    kind: "scatter",
    title: "Cost of decoding against activated parameters",
    subtitle: "Each side on the accelerator that is cheapest for it; lines join models that no other beats in both",
    x: { label: "Activated parameters", unit: { symbol: "billions", size: 1e9 }, scale: "log" },
    y: { label: "USD per million tokens, attention and FFN", scale: "log" },
    series,
    notes,
  };
}

function seriesOf(contextTokens: number, rows: readonly CostRow[]): PointSeries {
  const front = rows
    .filter((row) => row.onParetoFront === true)
    .sort((one, other) => one.parametersActivated - other.parametersActivated);
  return { name: `context ${contextTokens}`, points: rows.map(pointOf), front: front.map(nameOf) };
}

function pointOf(row: CostRow): FigurePoint {
  return { name: nameOf(row), label: row.model, x: row.parametersActivated, y: row.usdPerMillionTokens };
}

/** Two configurations may bear one name. */
function nameOf({ model, parametersActivated, usdPerMillionTokens }: CostRow): string {
  return `${model}, ${parametersActivated}, ${usdPerMillionTokens}`;
}
