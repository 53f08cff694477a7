import type { FrontPlanRow } from "../../record/planRows.ts";
import type { PlanDocument } from "../../record/schemas.ts";
import { sweptIn, sweptText } from "../planQuestions.ts";
import type { FigurePoint, PointSeries, ScatterFigure } from "./figure.ts";

/** Cost against TPOT: the cheapest AFD and plain deployments within several TPOTs, a series for each kind and context. */
export function planFigure({ rows, notes }: Pick<PlanDocument, "rows" | "notes">): ScatterFigure {
  const front = rows.filter((row) => row.row === "front");
  const swept = sweptIn(rows);
  const kinds = Map.groupBy(
    front,
    (row) => `${NAMES[row.placement]}, context ${row.contextTokens}${sweptText(row, swept)}`,
  );
  return {
    kind: "scatter",
    title: `Cost against TPOT${rows[0] === undefined ? "" : ` of ${rows[0].model}`}`,
    subtitle: "The cheapest deployment within each TPOT; lines join those that no other beats in both",
    x: { label: "TPOT", unit: { symbol: "ms", size: 1e6 }, scale: "linear" },
    y: { label: "USD per million tokens", scale: "log" },
    series: [...kinds].map(([name, own]) => seriesOf(name, own)),
    notes,
  };
}

const NAMES = { afd: "AFD", plain: "plain" } as const;

function seriesOf(name: string, rows: readonly FrontPlanRow[]): PointSeries {
  const front = rows.filter(({ onParetoFront }) => onParetoFront).sort((one, other) => one.tpotNs - other.tpotNs);
  return { name, points: rows.map(pointOf), front: front.map(nameOf) };
}

function pointOf(row: FrontPlanRow): FigurePoint {
  return { name: nameOf(row), label: row.deployment, x: row.tpotNs, y: row.usdPerMillionTokens };
}

function nameOf({ deployment, tpotNs, usdPerMillionTokens }: FrontPlanRow): string {
  return `${deployment}, ${tpotNs}, ${usdPerMillionTokens}`;
}
