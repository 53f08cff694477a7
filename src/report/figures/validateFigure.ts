import type { ValidateDocument } from "../../record/schemas.ts";
import type { MeasurementRow } from "../../record/validateRows.ts";
import type { LinesFigure, PointSeries } from "./figure.ts";

/** Measured against projected times, a series for each accelerator; on the ray both are equal. */
export function validateFigure({ rows, notes }: Pick<ValidateDocument, "rows" | "notes">): LinesFigure {
  const measured = rows.filter((row) => row.row === "measurement").filter(({ status }) => status === "ok");
  const series = [...Map.groupBy(measured, ({ accelerator }) => accelerator)].map(([name, own]) => seriesOf(name, own));
  return {
    kind: "lines",
    title: "Projected against measured kernel times",
    subtitle: "Rows that ship are projected with constants that were fitted without their fold",
    x: { label: "Measured time", unit: { symbol: "µs", size: 1e3 }, scale: "log" },
    y: { label: "Projected time", unit: { symbol: "µs", size: 1e3 }, scale: "log" },
    lines: [{ kind: "ray", name: "equal", slope: 1 }],
    series,
    notes,
  };
}

function seriesOf(name: string, rows: readonly MeasurementRow[]): PointSeries {
  return {
    name,
    points: rows.flatMap(({ measuredNs, projectedNs }, index) =>
      measuredNs === undefined || projectedNs === undefined
        ? []
        : [{ name: `${name} ${index}`, x: measuredNs, y: projectedNs }],
    ),
  };
}
