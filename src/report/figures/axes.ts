import type { Markish } from "@observablehq/plot";
import { formatTick } from "../../units/format.ts";
import { FONT_SIZE, type PlotLibrary } from "./drawing.ts";
import type { Axis } from "./figure.ts";
import { INK } from "./palette.ts";
import { drawable } from "./textWidth.ts";

/** An axis as it is drawn: numbers in its unit. */
export interface DrawnAxis {
  readonly scale: "linear" | "log";
  /** Base units in one of the axis. */
  readonly unitSize: number;
  readonly domain: readonly [number, number];
  readonly ticks: readonly Tick[];
  /** What is shown, with its unit. */
  readonly label: string;
}

export interface Tick {
  readonly value: number;
  readonly text: string;
}

/**
 * Lays out an axis over values.
 * @param values in base units; more than none where the axis has no domain
 * @param mostTicks how many there is room for
 */
export function drawnAxis(axis: Axis, values: readonly number[], mostTicks: number): DrawnAxis {
  const { scale, unit, label } = axis;
  const unitSize = unit?.size ?? 1;
  const [least, greatest] = axis.domain ?? paddedDomain(values, scale);
  const domain = [least / unitSize, greatest / unitSize] as const;
  const ticks = scale === "log" ? logTicks(domain, mostTicks) : linearTicks(domain, mostTicks);
  return {
    scale,
    unitSize,
    domain,
    ticks: ticks.map((value) => ({ value, text: formatTick(value) })),
    label: drawable(unit === undefined || unit.symbol === "" ? label : `${label} (${unit.symbol})`),
  };
}

/** Grid lines and tick labels of the axes that a picture has. The library's own axes drop texts of logarithmic ticks. */
export function axisMarks(plot: PlotLibrary, { x, y }: { readonly x: DrawnAxis; readonly y?: DrawnAxis }): Markish[] {
  const values = (axis: DrawnAxis) => axis.ticks.map(({ value }) => value);
  const grid = { stroke: INK.grid, strokeOpacity: 1 } as const;
  const texts = { text: "text", fill: INK.quiet, fontSize: FONT_SIZE.text } as const;
  return [
    plot.gridX(values(x), grid),
    ...(y === undefined ? [] : [plot.gridY(values(y), grid)]),
    plot.text(x.ticks, { ...texts, x: "value", frameAnchor: "bottom", lineAnchor: "top", dy: TICK_GAP }),
    ...(y === undefined
      ? []
      : [plot.text(y.ticks, { ...texts, y: "value", frameAnchor: "left", textAnchor: "end", dx: -TICK_GAP })]),
  ];
}

/** Pixels between an axis and the texts of its ticks. */
const TICK_GAP = 7;

const PADDING = 0.07;
/** An axis spans at least this ratio (log) or this share of its value (linear), however close the data is. */
const LEAST_RATIO = 2;
const LEAST_SHARE = 0.2;

function paddedDomain(values: readonly number[], scale: Axis["scale"]): readonly [number, number] {
  const least = values.reduce((one, other) => Math.min(one, other));
  const greatest = values.reduce((one, other) => Math.max(one, other));
  if (scale === "log") {
    const span = Math.log10(greatest / least);
    const padding = 10 ** Math.max(span * PADDING, (Math.log10(LEAST_RATIO) - span) / 2);
    return [least / padding, greatest * padding];
  }
  const span = greatest - least;
  const size = Math.max(Math.abs(least), Math.abs(greatest));
  const padding = Math.max(span * PADDING, (size * LEAST_SHARE - span) / 2) || 1;
  // Below 0 only where the data is.
  return [least >= 0 ? Math.max(0, least - padding) : least - padding, greatest + padding];
}

/** Round steps of 1, 2 or 5 times a power of ten. */
function linearTicks([least, greatest]: readonly [number, number], mostTicks: number): readonly number[] {
  const rough = (greatest - least) / mostTicks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(least / step);
  const count = Math.floor(greatest / step) - first + 1;
  return Array.from({ length: Math.max(count, 0) }, (_, index) => (first + index) * step);
}

const IN_A_DECADE = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1]] as const;
/** A narrower axis than this many ticks is read as a linear one. */
const FEWEST_LOG_TICKS = 3;

/** As many of 1 to 9, of 1, 2, 5 or of every n-th power of ten as there is room for. */
function logTicks(domain: readonly [number, number], mostTicks: number): readonly number[] {
  const [least, greatest] = domain;
  const first = Math.floor(Math.log10(least));
  const decades = Math.ceil(Math.log10(greatest)) - first + 1;
  const every = (stride: number) => Array.from({ length: Math.ceil(decades / stride) }, (_, i) => first + i * stride);
  const within = (stride: number, factors: readonly number[]) =>
    every(stride)
      .flatMap((exponent) => factors.map((factor) => Number(`${factor}e${exponent}`)))
      .filter((value) => value >= least && value <= greatest);
  const dense = IN_A_DECADE.map((factors) => within(1, factors)).find((ticks) => ticks.length <= mostTicks);
  if (dense === undefined) return within(Math.ceil(decades / mostTicks), [1]);
  return dense.length < FEWEST_LOG_TICKS ? linearTicks(domain, mostTicks) : dense;
}
