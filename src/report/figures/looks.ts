import type { FigureLine, PointSeries, RayStroke } from "./figure.ts";
import { type SeriesLook, seriesLook, strokeLook } from "./palette.ts";

/** How lines and series look. */
export interface Looks {
  /** In the order of the lines. */
  readonly lines: readonly SeriesLook[];
  series(name: string): SeriesLook;
}

/** Looks of a picture: points take theirs after the lines that have one of their own, so that no two share one. */
export function looksOf(lines: readonly FigureLine[], series: readonly PointSeries[]): Looks {
  const own = lines.filter((line) => strokeOf(line) === undefined);
  const named = lines.flatMap((line) => {
    const color = strokeOf(line)?.color;
    return color !== undefined && "series" in color ? [color.series] : [];
  });
  const names = [...new Set([...series.map(({ name }) => name), ...named])];
  const ofSeries = (name: string): SeriesLook => seriesLook(own.length + names.indexOf(name));
  return {
    lines: lines.map((line) => {
      const stroke = strokeOf(line);
      if (stroke === undefined) return seriesLook(own.indexOf(line));
      const { color, dash } = stroke;
      return strokeLook(dash, "line" in color ? color.line : ofSeries(color.series));
    }),
    series: ofSeries,
  };
}

/** The stroke that a line was given; undefined where it has a look of its own. */
export function strokeOf(line: FigureLine): RayStroke | undefined {
  return line.kind === "ray" ? line.stroke : undefined;
}
