import { InvalidInputError } from "../../units/errors.ts";
import type { Axis, BarsFigure, Figure, FigureLine, PointSeries, TimelineFigure } from "./figure.ts";

/** Far beyond any quantity, and far enough from the ends of float64 for an axis to be laid out. */
const LARGEST = 1e100;

/**
 * Checks that a figure can be drawn.
 * @throws InvalidInputError naming axis, series and point of what cannot
 */
export function checkFigure(figure: Figure): void {
  switch (figure.kind) {
    case "scatter":
      requireSome("series", figure.series);
      checkSeries(figure.series, figure.x, figure.y);
      return;
    case "lines":
      requireSome("lines", figure.lines);
      checkLines(figure.lines, figure.x, figure.y);
      checkSeries(figure.series, figure.x, figure.y);
      requireExtent(figure.lines, figure.series, figure.x, figure.y);
      return;
    case "bars":
      checkBars(figure);
      return;
    case "timeline":
      checkTimeline(figure);
      return;
    case "panels":
      requireSome("panels", figure.panels);
      figure.panels.forEach(checkFigure);
      return;
  }
}

function checkSeries(series: readonly PointSeries[], x: Axis, y: Axis): void {
  checkAxis("x", x);
  checkAxis("y", y);
  requireDistinct("series", series);
  for (const { name, points, front = [] } of series) {
    const field = `series ${quoted(name)}`;
    requireSome(`${field}: points`, points);
    requireDistinct(`${field}: point`, points);
    for (const point of points) {
      requireOnAxis(`${field}, point ${quoted(point.name)}: x`, point.x, x);
      requireOnAxis(`${field}, point ${quoted(point.name)}: y`, point.y, y);
      if (point.tickX !== undefined) requireOnAxis(`${field}, point ${quoted(point.name)}: tick`, point.tickX, x);
    }
    const known = points.map((point) => point.name);
    for (const value of front) {
      if (!known.includes(value)) {
        throw new InvalidInputError({
          field: `${field}: front`,
          value,
          expected: "the name of one of its points",
          known,
        });
      }
    }
  }
}

function checkLines(lines: readonly FigureLine[], x: Axis, y: Axis): void {
  requireDistinct("line", lines);
  for (const line of lines) {
    const field = `line ${quoted(line.name)}`;
    switch (line.kind) {
      case "path":
        requireSome(`${field}: points`, line.points);
        for (const [index, point] of line.points.entries()) {
          requireOnAxis(`${field}, point ${index}: x`, point.x, x);
          requireOnAxis(`${field}, point ${index}: y`, point.y, y);
        }
        break;
      case "ray":
        if (x.scale !== "log" || y.scale !== "log") {
          const [name, { scale }] = x.scale === "log" ? (["y", y] as const) : (["x", x] as const);
          throw new InvalidInputError({ field: `axis ${name}: scale`, value: scale, expected: `log, for ${field}` });
        }
        requirePositive(`${field}: slope`, line.slope);
        if (line.ceiling !== undefined) requirePositive(`${field}: ceiling`, line.ceiling);
        break;
    }
  }
}

/** Rays without a ceiling have no place of their own: the axes must come from elsewhere. */
function requireExtent(lines: readonly FigureLine[], series: readonly PointSeries[], x: Axis, y: Axis): void {
  if (series.length > 0 || lines.some((line) => line.kind === "path" || line.ceiling !== undefined)) return;
  for (const [name, { domain }] of [["x", x] as const, ["y", y] as const]) {
    if (domain === undefined) {
      const expected = "a least and a greatest value, as there are only rays";
      throw new InvalidInputError({ field: `axis ${name}: domain`, value: domain, expected });
    }
  }
}

function checkBars({ bars, value: axis }: BarsFigure): void {
  checkAxis("value", axis);
  if (axis.scale !== "linear") {
    throw new InvalidInputError({ field: "axis value: scale", value: axis.scale, expected: "linear, for bars" });
  }
  requireSome("bars", bars);
  const seen = new Set<string>();
  for (const { facet, group, series, value } of bars) {
    const name = [...(facet === undefined ? [] : [facet]), group, series].map(quoted).join(", ");
    const key = JSON.stringify([facet, group, series]);
    if (seen.has(key)) throw new InvalidInputError({ field: "bar", value: name, expected: "each bar once" });
    seen.add(key);
    requireFinite(`bar ${name}: value`, value);
    if (value < 0) throw new InvalidInputError({ field: `bar ${name}: value`, value, expected: "a number from 0" });
  }
}

function checkTimeline({ time, tracks, slices }: TimelineFigure): void {
  checkAxis("time", time);
  if (time.scale !== "linear") {
    throw new InvalidInputError({ field: "axis time: scale", value: time.scale, expected: "linear, for a timeline" });
  }
  requireSome("slices", slices);
  const keyOf = (facet: string, track: string) => JSON.stringify([facet, track]);
  requireDistinct(
    "track",
    tracks.map(({ facet, name }) => ({ name: keyOf(facet, name) })),
  );
  const known = new Set(tracks.map(({ facet, name }) => keyOf(facet, name)));
  for (const { facet, track, from, to } of slices) {
    const field = `slice on ${quoted(facet)}, ${quoted(track)}`;
    if (!known.has(keyOf(facet, track))) {
      throw new InvalidInputError({ field, value: track, expected: "a track of the figure" });
    }
    requireFinite(`${field}: start`, from);
    requireFinite(`${field}: end`, to);
    if (from > to) throw new InvalidInputError({ field: `${field}: end`, value: to, expected: `at least ${from}` });
  }
}

function checkAxis(name: string, axis: Axis): void {
  if (axis.unit !== undefined) requirePositive(`axis ${name}: unit size`, axis.unit.size);
  if (axis.domain === undefined) return;
  const [least, greatest] = axis.domain;
  requireOnAxis(`axis ${name}: domain`, least, axis);
  requireOnAxis(`axis ${name}: domain`, greatest, axis);
  if (least < greatest) return;
  const expected = "the least value first, and a greater one";
  throw new InvalidInputError({ field: `axis ${name}: domain`, value: `${least}, ${greatest}`, expected });
}

function requireOnAxis(field: string, value: number, { scale }: Axis): void {
  if (scale === "log") requirePositive(field, value);
  else requireFinite(field, value);
}

function requireFinite(field: string, value: number): void {
  if (Math.abs(value) <= LARGEST && (value === 0 || Math.abs(value) >= 1 / LARGEST)) return;
  throw new InvalidInputError({ field, value, expected: "a finite number" });
}

function requirePositive(field: string, value: number): void {
  if (value >= 1 / LARGEST && value <= LARGEST) return;
  throw new InvalidInputError({ field, value, expected: "a finite number above 0" });
}

function requireSome(field: string, items: readonly unknown[]): void {
  if (items.length === 0) throw new InvalidInputError({ field, value: items, expected: "at least one" });
}

function requireDistinct(what: string, items: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) throw new InvalidInputError({ field: what, value: name, expected: "each name once" });
    seen.add(name);
  }
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
