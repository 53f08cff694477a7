import type { Markish } from "@observablehq/plot";
import type { DrawnAxis } from "./axes.ts";
import type { PlotLibrary } from "./drawing.ts";
import type { FigureLine, FigureRay, PointSeries } from "./figure.ts";
import { strokeOf } from "./looks.ts";
import type { SeriesLook } from "./palette.ts";

const LINE_WIDTH = 2;
const FRONT_WIDTH = 1.5;
const FRONT_OPACITY = 0.6;
const FADED_OPACITY = 0.45;

export interface XY {
  readonly x: number;
  readonly y: number;
}

/** In the units of the axes. */
export interface DrawnLine {
  readonly name: string;
  readonly kind: FigureLine["kind"] | "front";
  readonly look: SeriesLook;
  readonly width: number;
  readonly points: readonly XY[];
  readonly opacity: number;
  readonly shows: "slope" | "ceiling" | undefined;
}

/** What of a line the axes must hold: a path's points, a roofline's corner. */
export function extentOf(line: FigureLine): readonly XY[] {
  switch (line.kind) {
    case "path":
      return line.points;
    case "ray":
      return line.ceiling === undefined ? [] : [{ x: line.ceiling / line.slope, y: line.ceiling }];
  }
}

/** A line within the axes. */
export function drawnLine(line: FigureLine, look: SeriesLook, x: DrawnAxis, y: DrawnAxis): DrawnLine {
  const points = line.kind === "ray" ? rayWithin(line, x, y) : line.points.map((point) => inUnits(point, x, y));
  const stroke = strokeOf(line);
  const shows = line.kind === "ray" ? line.shows : undefined;
  return {
    name: line.name,
    kind: line.kind,
    look,
    width: LINE_WIDTH,
    points,
    shows,
    opacity: stroke?.faded === true ? FADED_OPACITY : 1,
  };
}

/** The front of a series, where it has one. */
export function drawnFront(
  { name, points, front }: PointSeries,
  look: SeriesLook,
  x: DrawnAxis,
  y: DrawnAxis,
): DrawnLine[] {
  const joined = (front ?? []).flatMap((wanted) => points.find((point) => point.name === wanted) ?? []);
  if (joined.length < 2) return [];
  return [
    {
      name,
      kind: "front",
      look,
      width: FRONT_WIDTH,
      opacity: FRONT_OPACITY,
      shows: undefined,
      points: joined.map((point) => inUnits(point, x, y)),
    },
  ];
}

/** The part of a ray that lies within the axes; in logarithms, where no product leaves the range of a number. */
function rayWithin({ slope, ceiling, shows }: FigureRay, x: DrawnAxis, y: DrawnAxis): readonly XY[] {
  const rise = Math.log10(slope) + Math.log10(x.unitSize) - Math.log10(y.unitSize);
  const [left, right] = x.domain.map(Math.log10) as [number, number];
  const [bottom, top] = y.domain.map(Math.log10) as [number, number];
  const roof = ceiling === undefined ? Number.POSITIVE_INFINITY : Math.log10(ceiling) - Math.log10(y.unitSize);
  const from = Math.max(left, bottom - rise);
  const to = Math.min(right, Math.min(top, roof) - rise);
  const sloped = from < to && shows !== "ceiling" ? [from, to] : [];
  const flatFrom = Math.max(left, roof - rise);
  const flat = shows !== "slope" && roof >= bottom && roof <= top && flatFrom < right ? [flatFrom, right] : [];
  const points = [...new Set([...sloped, ...flat])].map((at) => ({ x: 10 ** at, y: 10 ** Math.min(at + rise, roof) }));
  return points.length < 2 ? [] : points;
}

/** A point in base units, in those of the axes. */
export function inUnits(point: XY, x: DrawnAxis, y: DrawnAxis): XY {
  return { x: point.x / x.unitSize, y: point.y / y.unitSize };
}

/** A line as a mark of the library. */
export function lineMark(plot: PlotLibrary, { kind, look, width, points, opacity }: DrawnLine): Markish {
  return plot.line(points, {
    x: "x",
    y: "y",
    stroke: look.color,
    strokeWidth: width,
    strokeDasharray: kind === "front" ? "none" : look.dash,
    ...(opacity === 1 ? {} : { strokeOpacity: opacity }),
  });
}
