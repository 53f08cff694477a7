import { axisMarks, type DrawnAxis, drawnAxis } from "./axes.ts";
import { type Drawing, FONT_SIZE, type LegendEntry } from "./drawing.ts";
import { type DrawnLine, drawnFront, drawnLine, extentOf, lineMark } from "./drawnLines.ts";
import { type DrawnPoints, drawnPoints, POINT_RADIUS, pointsMarks, withTick } from "./drawnPoints.ts";
import type { FigureLine, LinesFigure, PointSeries, ScatterFigure } from "./figure.ts";
import { type EndLabel, endLabelWidth, type Label, labelLayer } from "./labelLayer.ts";
import { type Looks, looksOf } from "./looks.ts";
import { INK, type SeriesLook } from "./palette.ts";
import { textWidth } from "./textWidth.ts";

const HEIGHT = 470;
const MARGIN_RIGHT = 24;
const MARGIN_BOTTOM = 26;
const MOST_X_TICKS = 11;
const MOST_Y_TICKS = 9;
/** Between a label right of the frame and the picture's edge. */
const END_GAP = 12;

/** A scatter, or lines with points on top. */
export function pointsDrawing(figure: ScatterFigure | LinesFigure): Drawing {
  const { series } = figure;
  const lines = figure.kind === "lines" ? figure.lines : [];
  const lookOf = looksOf(lines, series);
  const extent = [...series.flatMap(({ points }) => points.flatMap(withTick)), ...lines.flatMap(extentOf)];
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
    ...lines.map((line, index) => drawnLine(line, lookOf.lines[index] as SeriesLook, x, y)),
    ...series.flatMap((one) => drawnFront(one, lookOf.series(one.name), x, y)),
  ];
  const points = series.map((one) => drawnPoints(one, lookOf.series(one.name), x, y));
  const ends = drawn.flatMap(endLabels);
  const layer = labelLayer({
    labels: [...drawn.flatMap(lineLabels), ...points.flatMap((one) => pointLabels(one, series.length))],
    ends,
    points: points.flatMap(({ points: own }) => own.map((point) => ({ ...point, radius: POINT_RADIUS }))),
    lines: drawn.map((line) => line.points),
  });
  const outside = lines.filter((line, index) => line.kind === "ray" && drawn[index]?.points.length === 0);
  return {
    height: HEIGHT,
    marginLeft: 22 + Math.max(...y.ticks.map(({ text }) => textWidth(text, FONT_SIZE.text)), 20),
    marginRight: Math.max(MARGIN_RIGHT, ...ends.map(({ text }) => endLabelWidth(text) + END_GAP)),
    marginBottom: MARGIN_BOTTOM,
    scales: { x: scaleOf(x), y: scaleOf(y) },
    marks: (plot) => [
      ...axisMarks(plot, { x, y }),
      plot.frame({ stroke: INK.axis, anchor: "bottom" }),
      plot.frame({ stroke: INK.axis, anchor: "left" }),
      ...drawn.map((line) => lineMark(plot, line)),
      ...points.flatMap((one) => pointsMarks(plot, one)),
      layer.mark,
    ],
    legend: legendOf(lines, series, lookOf),
    xLabel: x.label,
    yLabel: y.label,
    remarks: () => [
      ...layer.remarks(),
      ...(outside.length === 0 ? [] : [`Outside these axes: ${outside.map(({ name }) => name).join(", ")}.`]),
    ],
  };
}

/** Rays carry their names; paths stand in the legend. */
function lineLabels({ name, kind, look, points, shows }: DrawnLine): Label[] {
  if (kind !== "ray" || shows === "ceiling" || points.length === 0) return [];
  return [{ text: name, along: points, leaders: shows === "slope" ? "some" : "none", fill: look.textColor }];
}

/** Ceilings have theirs beside the frame. */
function endLabels({ name, look, points, shows }: DrawnLine): EndLabel[] {
  const end = points.at(-1);
  return shows !== "ceiling" || end === undefined ? [] : [{ text: name, end, fill: look.textColor }];
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

function legendOf(lines: readonly FigureLine[], series: readonly PointSeries[], lookOf: Looks): readonly LegendEntry[] {
  const paths = lines.flatMap(({ name, kind }, index): LegendEntry[] =>
    kind === "path" ? [{ name, mark: "line", look: lookOf.lines[index] as SeriesLook }] : [],
  );
  const points = series.map(({ name }): LegendEntry => ({ name, mark: "point", look: lookOf.series(name) }));
  return paths.length + points.length > 1 ? [...paths, ...points] : [];
}
