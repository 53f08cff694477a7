import type { Markish } from "@observablehq/plot";
import type { DrawnAxis } from "./axes.ts";
import type { PlotLibrary } from "./drawing.ts";
import { inUnits, type XY } from "./drawnLines.ts";
import type { FigurePoint, PointSeries } from "./figure.ts";
import { INK, type SeriesLook } from "./palette.ts";

export const POINT_RADIUS = 5;
const TICK_HALF_HEIGHT = 8;
const TICK_WIDTH = 2;
const TICK_LINK_WIDTH = 1.2;

/** A series in the units of the axes. */
export interface DrawnPoints {
  readonly name: string;
  readonly look: SeriesLook;
  readonly points: readonly DrawnPoint[];
}

export interface DrawnPoint extends XY {
  readonly name: string;
  readonly label: string | undefined;
  readonly tickX: number | undefined;
  readonly doubted: boolean;
}

/** What of a point the axes must hold. */
export function withTick({ x, y, tickX }: FigurePoint): readonly XY[] {
  return tickX === undefined
    ? [{ x, y }]
    : [
        { x, y },
        { x: tickX, y },
      ];
}

/** A series within the axes. */
export function drawnPoints({ name, points }: PointSeries, look: SeriesLook, x: DrawnAxis, y: DrawnAxis): DrawnPoints {
  return {
    name,
    look,
    points: points.map((point) => ({
      ...inUnits(point, x, y),
      name: point.name,
      label: point.label,
      tickX: point.tickX === undefined ? undefined : point.tickX / x.unitSize,
      doubted: point.doubted === true,
    })),
  };
}

/** Marks of a series: ticks below its points. */
export function pointsMarks(plot: PlotLibrary, drawn: DrawnPoints): Markish[] {
  return [...tickMarks(plot, drawn), ...dotMarks(plot, drawn)];
}

/** Rings where a point is doubted. */
function dotMarks(plot: PlotLibrary, { look, points }: DrawnPoints): Markish[] {
  const common = { x: "x", y: "y", r: POINT_RADIUS, symbol: look.symbol } as const;
  const sure = points.filter(({ doubted }) => !doubted);
  const rings = points.filter(({ doubted }) => doubted);
  return [
    ...(sure.length === 0
      ? []
      : [plot.dot(sure, { ...common, fill: look.color, stroke: INK.background, strokeWidth: 1 })]),
    ...(rings.length === 0
      ? []
      : [plot.dot(rings, { ...common, fill: INK.background, stroke: look.color, strokeWidth: 2 })]),
  ];
}

/** A tick at its own x, joined to the point by a fine line. */
function tickMarks(plot: PlotLibrary, { look, points }: DrawnPoints): Markish[] {
  const ticked = points.filter(({ tickX }) => tickX !== undefined);
  if (ticked.length === 0) return [];
  const symbol = {
    draw(path: { moveTo(x: number, y: number): void; lineTo(x: number, y: number): void }) {
      path.moveTo(0, -TICK_HALF_HEIGHT);
      path.lineTo(0, TICK_HALF_HEIGHT);
    },
  };
  return [
    plot.link(ticked, { x1: "x", x2: "tickX", y: "y", stroke: look.color, strokeWidth: TICK_LINK_WIDTH }),
    plot.dot(ticked, { x: "tickX", y: "y", symbol, stroke: look.color, strokeWidth: TICK_WIDTH }),
  ];
}
