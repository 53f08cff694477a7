import type { AcceleratorRoofRow, PlacedRow, RoofRow } from "../../record/rooflineRows.ts";
import type { RooflineDocument } from "../../record/schemas.ts";
import { formatBandwidth, formatRate } from "../../units/format.ts";
import { environmentLine } from "../environmentText.ts";
import type { Axis, FigurePoint, FigureRay, LinesFigure, PanelsFigure, PointSeries, RayStroke } from "./figure.ts";

/**
 * Kernels under the roofs of this host: a point at the measured intensity of each, a tick at its modeled one. Above them, where there
 * are accelerators, these with the same kernels where their rooflines put them.
 */
export function rooflineFigure({ rows, notes: given, environment }: RooflineDocument): LinesFigure | PanelsFigure {
  const roofs = rows.filter((row) => row.row === "roof");
  const kernels = rows.filter((row) => row.row === "kernel");
  const accelerators = rows.filter((row) => row.row === "accelerator");
  const notes = [...given, environmentLine(environment)];
  if (accelerators.length === 0) return { ...hostFigure(roofs, kernels), notes };
  const x = intensityAxis(roofs, kernels, accelerators);
  return {
    kind: "panels",
    title: "Rooflines of accelerators and of this machine",
    panels: [
      { ...acceleratorsFigure(accelerators, kernels), x },
      { ...hostFigure(roofs, kernels), x },
    ],
    notes,
  };
}

/** One axis for both panels: kernels, ridge points and a margin. */
function intensityAxis(
  roofs: readonly RoofRow[],
  kernels: readonly PlacedRow[],
  accelerators: readonly AcceleratorRoofRow[],
): Axis {
  const steepest = Math.max(...roofs.map(({ bytesPerSecond = 0 }) => bytesPerSecond));
  const ridges = roofs.flatMap(({ flopsPerSecond }) =>
    flopsPerSecond === undefined || steepest === 0 ? [] : [flopsPerSecond / steepest],
  );
  const shown = [
    ...ridges,
    ...kernels.flatMap((row) => [row.measuredFlopsPerByte, row.modeledFlopsPerByte ?? row.measuredFlopsPerByte]),
    ...accelerators.map(({ ridgeFlopsPerByte }) => ridgeFlopsPerByte),
  ];
  return { ...INTENSITY, domain: [Math.min(...shown) / AXIS_MARGIN, Math.max(...shown) * AXIS_MARGIN] };
}

const INTENSITY: Axis = { label: "Arithmetic intensity", unit: { symbol: "FLOP/B", size: 1 }, scale: "log" };
const AXIS_MARGIN = 1.6;

function acceleratorsFigure(accelerators: readonly AcceleratorRoofRow[], kernels: readonly PlacedRow[]): LinesFigure {
  const byName = [...Map.groupBy(accelerators, ({ accelerator }) => accelerator)];
  return {
    kind: "lines",
    title: "On accelerators: published peaks and memory bandwidths",
    ...(kernels.length === 0
      ? {}
      : { subtitle: "Points modeled: kernels at their measured intensity, on the roofline" }),
    x: INTENSITY,
    y: { label: "Rate", unit: { symbol: "TFLOP/s", size: 1e12 }, scale: "log" },
    lines: byName.flatMap(([name, own], index) => acceleratorRays(name, own, index)),
    series: [...Map.groupBy(kernels, ({ dtype }) => dtype)].flatMap(([dtype, own]) => {
      const points = accelerators.filter((row) => row.dtype === dtype).flatMap((row) => projectedPoints(row, own));
      return points.length === 0 ? [] : [{ name: dtype, points }];
    }),
    notes: [],
  };
}

function acceleratorRays(name: string, rows: readonly AcceleratorRoofRow[], index: number): FigureRay[] {
  const [first] = rows;
  if (first === undefined) return [];
  const slope = first.bytesPerSecond;
  const highest = Math.max(...rows.map(({ flopsPerSecond }) => flopsPerSecond));
  const color = { line: index };
  const peaks = [...new Map(rows.map((row) => [row.precision, row])).values()];
  return [
    {
      kind: "ray",
      name: `${name} ${formatBandwidth(slope)}`,
      slope,
      ceiling: highest,
      shows: "slope",
      stroke: { color, dash: "solid" },
    },
    ...peaks.map(
      ({ precision, flopsPerSecond }): FigureRay => ({
        kind: "ray",
        name: `${name} ${precision} ${formatRate(flopsPerSecond)}`,
        slope,
        ceiling: flopsPerSecond,
        shows: "ceiling",
        stroke: { color, dash: "solid" },
      }),
    ),
  ];
}

function projectedPoints(
  { accelerator, flopsPerSecond, bytesPerSecond }: AcceleratorRoofRow,
  kernels: readonly PlacedRow[],
): FigurePoint[] {
  const points = kernels.map(({ kernel, shape, measuredFlopsPerByte }) => ({
    name: `${kernel} ${shape} on ${accelerator}`,
    x: measuredFlopsPerByte,
    y: Math.min(flopsPerSecond, measuredFlopsPerByte * bytesPerSecond),
  }));
  return [...new Map(points.map((point) => [point.name, point])).values()];
}

function hostFigure(roofs: readonly RoofRow[], kernels: readonly PlacedRow[]): LinesFigure {
  const counts = drawnThreads(roofs, kernels);
  return {
    kind: "lines",
    title: kernels.length === 0 ? "Roofs of this machine" : "Kernels under the roofs of this machine",
    subtitle: capitalized([...strokesText(counts), ...(kernels.length === 0 ? [] : [POINTS_TEXT])].join("; ")),
    x: INTENSITY,
    y: { label: "Rate", unit: { symbol: "GFLOP/s", size: 1e9 }, scale: "log" },
    lines: counts.flatMap((threads, index) =>
      raysOf(
        roofs.filter((roof) => roof.threads === threads),
        DASHES[index] ?? "dotted",
      ),
    ),
    series: seriesOf(kernels, counts[0]),
    notes: [],
  };
}

const POINTS_TEXT = "points at measured rate and intensity, ticks at modeled intensity";

const DASHES = ["solid", "dashed", "dotted"] as const;

/** One thread and all of them; of those between, the most that a kernel ran on. */
function drawnThreads(roofs: readonly RoofRow[], kernels: readonly PlacedRow[]): readonly number[] {
  const all = [...new Set(roofs.map(({ threads }) => threads))].sort((one, other) => one - other);
  const between = all.slice(1, -1).filter((count) => kernels.some(({ threads }) => threads === count));
  return [...new Set([...all.slice(0, 1), ...all.slice(-1), ...between.slice(-1)])];
}

function strokesText(counts: readonly number[]): string[] {
  return counts.map((threads, index) => `${DASHES[index]} lines: ${threads} thread${threads === 1 ? "" : "s"}`);
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function raysOf(roofs: readonly RoofRow[], dash: RayStroke["dash"]): FigureRay[] {
  const steepest = Math.max(...roofs.map(({ bytesPerSecond = 0 }) => bytesPerSecond));
  const highest = Math.max(...roofs.map(({ flopsPerSecond = 0 }) => flopsPerSecond));
  return roofs.flatMap((roof): FigureRay[] => {
    const { level, dtype = "f32", target, revectorized, status, flopsPerSecond, bytesPerSecond } = roof;
    const doubt = status === "ok" ? "" : ` ${status === "unstable" ? "unstable" : "doubted"}`;
    const style = { dash, ...(status === "ok" ? {} : { faded: true as const }) };
    if (bytesPerSecond !== undefined && level !== undefined) {
      const name = `${level} ${formatBandwidth(bytesPerSecond)}${doubt}`;
      const stroke = { color: { line: COLOR[level] }, ...style };
      return [{ kind: "ray", name, slope: bytesPerSecond, ceiling: highest, shows: "slope", stroke }];
    }
    if (flopsPerSecond === undefined) return [];
    const width = revectorized === true ? " 256" : "";
    const name = `${dtype} ${target}${width} ${formatRate(flopsPerSecond)}${doubt}`;
    const stroke = { color: { series: dtype }, ...style };
    return [{ kind: "ray", name, slope: steepest, ceiling: flopsPerSecond, shows: "ceiling", stroke }];
  });
}

const COLOR = { L1: 0, L2: 1, L3: 2, DRAM: 3 } as const;

/** A series a dtype; threads are named where they are more than the fewest. */
function seriesOf(kernels: readonly PlacedRow[], fewest: number | undefined): PointSeries[] {
  return [...Map.groupBy(kernels, ({ dtype }) => dtype)].map(([dtype, own]) => ({
    name: dtype,
    points: own.map((row) => ({
      name: `${row.kernel} ${row.shape} ${row.target} ${row.threads}`,
      label: labelOf(row, own) + (row.threads === fewest ? "" : ` ×${row.threads}`),
      x: row.measuredFlopsPerByte,
      y: row.flopsPerSecond,
      ...(row.modeledFlopsPerByte === undefined ? {} : { tickX: row.modeledFlopsPerByte }),
      ...(row.status === "ok" ? {} : { doubted: true as const }),
    })),
  }));
}

/** A kernel's name, and as many of its dimensions as tell its rows apart. */
function labelOf({ kernel, shape }: PlacedRow, rows: readonly PlacedRow[]): string {
  const own = shape.split(" ");
  let others = rows.filter((row) => row.kernel === kernel && row.shape !== shape).map((row) => row.shape.split(" "));
  const named = own.filter((dimension) => {
    const left = others.filter((other) => other.includes(dimension));
    const tells = left.length < others.length;
    others = left;
    return tells;
  });
  return [kernel, ...named].join(" ");
}
