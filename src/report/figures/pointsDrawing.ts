import type { Markish } from "@observablehq/plot";
import { axisMarks, type DrawnAxis, drawnAxis } from "./axes.ts";
import { type Drawing, FONT_SIZE, type LegendEntry, type PlotLibrary } from "./drawing.ts";
import type { FigureLine, FigureRay, LinesFigure, PointSeries, ScatterFigure } from "./figure.ts";
import { type Label, labelLayer } from "./labelLayer.ts";
import { INK, type SeriesLook, seriesLook } from "./palette.ts";
import { textWidth } from "./textWidth.ts";

const HEIGHT = 470;
const MARGIN_RIGHT = 24;
const MARGIN_BOTTOM = 26;
const MOST_X_TICKS = 11;
const MOST_Y_TICKS = 9;
const POINT_RADIUS = 5;

/** A scatter, or lines with points on top. */
export function pointsDrawing(figure: ScatterFigure | LinesFigure): Drawing {
  const { series } = figure;
  const lines = figure.kind === "lines" ? figure.lines : [];
  const extent = [...series.flatMap(({ points }) => points), ...lines.flatMap(extentOf)];
  const x = drawnAxis(
    figure.x,
    extent.map((point) => point.x),
    MOST_X_TICKS,
  );
  const y = drawnAxis(
    figure.y,
    extent.map((point) => point.y),
    MOST_Y_TICKS,
  );
  const drawn = [
    ...lines.map((line, index) => drawnLine(line, seriesLook(index), x, y)),
    // Points take their looks after the lines, so that no two share one.
    ...series.flatMap((one, index) => drawnFront(one, seriesLook(lines.length + index), x, y)),
  ];
  const points = series.map((one, index) => drawnPoints(one, seriesLook(lines.length + index), x, y));
  const layer = labelLayer({
    labels: [...drawn.flatMap(lineLabel), ...points.flatMap((one) => pointLabels(one, series.length))],
    points: points.flatMap(({ points: own }) => own.map((point) => ({ ...point, radius: POINT_RADIUS }))),
    lines: drawn.map((line) => line.points),
  });
  const outside = lines.filter((line, index) => line.kind === "ray" && drawn[index]?.points.length === 0);
  return {
    height: HEIGHT,
    marginLeft: 22 + Math.max(...y.ticks.map(({ text }) => textWidth(text, FONT_SIZE.text)), 20),
    marginRight: MARGIN_RIGHT,
    marginBottom: MARGIN_BOTTOM,
    scales: { x: scaleOf(x), y: scaleOf(y) },
    marks: (plot) => [
      ...axisMarks(plot, { x, y }),
      plot.frame({ stroke: INK.axis, anchor: "bottom" }),
      plot.frame({ stroke: INK.axis, anchor: "left" }),
      ...drawn.map((line) => lineMark(plot, line)),
      ...points.map((one) => pointsMark(plot, one)),
      layer.mark,
    ],
    legend: legendOf(lines, series),
    xLabel: x.label,
    yLabel: y.label,
    remarks: () => [
      ...layer.remarks(),
      ...(outside.length === 0 ? [] : [`Outside these axes: ${outside.map(({ name }) => name).join(", ")}.`]),
    ],
  };
}

interface XY {
  readonly x: number;
  readonly y: number;
}

/** In the units of the axes. */
interface DrawnLine {
  readonly name: string;
  readonly kind: FigureLine["kind"] | "front";
  readonly look: SeriesLook;
  readonly points: readonly XY[];
}

interface DrawnPoints {
  readonly name: string;
  readonly look: SeriesLook;
  readonly points: readonly (XY & { readonly label: string | undefined; readonly name: string })[];
}

/** What of a line the axes must hold: a path's points, a roofline's corner. */
function extentOf(line: FigureLine): readonly XY[] {
  switch (line.kind) {
    case "path":
      return line.points;
    case "ray":
      return line.ceiling === undefined ? [] : [{ x: line.ceiling / line.slope, y: line.ceiling }];
  }
}

function drawnLine(line: FigureLine, look: SeriesLook, x: DrawnAxis, y: DrawnAxis): DrawnLine {
  const points = line.kind === "ray" ? rayWithin(line, x, y) : line.points.map((point) => inUnits(point, x, y));
  return { name: line.name, kind: line.kind, look, points };
}

/** The part of a ray that lies within the axes; in logarithms, where no product leaves the range of a number. */
function rayWithin({ slope, ceiling }: FigureRay, x: DrawnAxis, y: DrawnAxis): readonly XY[] {
  const rise = Math.log10(slope) + Math.log10(x.unitSize) - Math.log10(y.unitSize);
  const [left, right] = x.domain.map(Math.log10) as [number, number];
  const [bottom, top] = y.domain.map(Math.log10) as [number, number];
  const roof = ceiling === undefined ? Number.POSITIVE_INFINITY : Math.log10(ceiling) - Math.log10(y.unitSize);
  const from = Math.max(left, bottom - rise);
  const to = Math.min(right, Math.min(top, roof) - rise);
  const sloped = from < to ? [from, to] : [];
  const flatFrom = Math.max(left, roof - rise);
  const flat = roof >= bottom && roof <= top && flatFrom < right ? [flatFrom, right] : [];
  const points = [...new Set([...sloped, ...flat])].map((at) => ({ x: 10 ** at, y: 10 ** Math.min(at + rise, roof) }));
  return points.length < 2 ? [] : points;
}

function drawnFront({ name, points, front }: PointSeries, look: SeriesLook, x: DrawnAxis, y: DrawnAxis): DrawnLine[] {
  const joined = (front ?? []).flatMap((wanted) => points.find((point) => point.name === wanted) ?? []);
  if (joined.length < 2) return [];
  return [{ name, kind: "front", look, points: joined.map((point) => inUnits(point, x, y)) }];
}

function drawnPoints({ name, points }: PointSeries, look: SeriesLook, x: DrawnAxis, y: DrawnAxis): DrawnPoints {
  return {
    name,
    look,
    points: points.map((point) => ({ ...inUnits(point, x, y), name: point.name, label: point.label })),
  };
}

function inUnits(point: XY, x: DrawnAxis, y: DrawnAxis): XY {
  return { x: point.x / x.unitSize, y: point.y / y.unitSize };
}

/** Rays carry their names; paths stand in the legend. */
function lineLabel({ name, kind, look, points }: DrawnLine): Label[] {
  if (kind !== "ray" || points.length === 0) return [];
  return [{ text: name, along: points, fill: look.textColor }];
}

function pointLabels({ look, points }: DrawnPoints, seriesCount: number): Label[] {
  const fill = seriesCount === 1 ? INK.text : look.textColor;
  return points.flatMap(({ x, y, label }) =>
    label === undefined ? [] : [{ text: label, beside: { x, y }, radius: POINT_RADIUS, fill }],
  );
}

function scaleOf({ scale, domain }: DrawnAxis) {
  return { type: scale, domain: [...domain], label: null, axis: null } as const;
}

function lineMark(plot: PlotLibrary, { kind, look, points }: DrawnLine): Markish {
  return plot.line(points, {
    x: "x",
    y: "y",
    stroke: look.color,
    strokeWidth: kind === "front" ? 1.5 : 2,
    strokeDasharray: kind === "front" ? "none" : look.dash,
    ...(kind === "front" ? { strokeOpacity: 0.6 } : {}),
  });
}

function pointsMark(plot: PlotLibrary, { look, points }: DrawnPoints): Markish {
  return plot.dot(points, {
    x: "x",
    y: "y",
    r: POINT_RADIUS,
    symbol: look.symbol,
    fill: look.color,
    stroke: INK.background,
    strokeWidth: 1,
  });
}

function legendOf(lines: readonly FigureLine[], series: readonly PointSeries[]): readonly LegendEntry[] {
  const paths = lines.flatMap(({ name, kind }, index): LegendEntry[] =>
    kind === "path" ? [{ name, mark: "line", look: seriesLook(index) }] : [],
  );
  const points = series.map(
    ({ name }, index): LegendEntry => ({ name, mark: "point", look: seriesLook(lines.length + index) }),
  );
  return paths.length + points.length > 1 ? [...paths, ...points] : [];
}
