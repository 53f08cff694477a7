import type { KernelRow, ProjectionRow } from "../record/benchRows.ts";
import { formatBandwidth, formatDuration, formatNumber, formatPercent, formatRate } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Cell, type ColumnOf, orAbsent } from "./block.ts";

/** Below this width the projections get a table of their own. */
const ONE_TABLE_COLUMNS = 156;

/** The kernels of a run with their projected times, in one table, or in two where there is no room. */
export function kernelBlocks(
  kernels: readonly KernelRow[],
  projections: readonly ProjectionRow[],
  columns: number,
): Block[] {
  const title = `Kernels${ofModel(kernels)} on this machine`;
  const lines = footLines(kernels);
  const names = NAMES;
  const measured = measuredColumns(kernels);
  const projected = projectedColumns(projections);
  if (projected.length === 0) return [blockOf(title, [...names, ...measured], kernels, lines)];
  if (columns >= ONE_TABLE_COLUMNS) {
    const all = [...names, ...measured, ...projected];
    return [blockOf(`${title}, and projected (→) to accelerators`, all, kernels, lines)];
  }
  return [
    blockOf(title, [...names, ...measured], kernels, lines),
    blockOf("The same, projected (→) to accelerators", [...names, ...projected], withoutThreads(kernels)),
  ];
}

const NAMES: readonly ColumnOf<KernelRow>[] = [
  { header: "kernel", align: "left", cell: nameText },
  { header: "shape", align: "left", cell: (row) => row.shape },
  { header: "dtype", align: "left", cell: (row) => row.dtype },
];

function measuredColumns(kernels: readonly KernelRow[]): ColumnOf<KernelRow>[] {
  const threads: ColumnOf<KernelRow> = { header: "threads", align: "right", cell: (row) => String(row.threads) };
  return [
    ...(kernels.some((row) => row.threads > 1) ? [threads] : []),
    { header: "median ± MAD", align: "right", cell: timeCell },
    { header: "rate", align: "right", cell: rateCell },
    { header: "% of\nroof", align: "right", cell: (row) => orAbsent(row.roofFraction, formatPercent) },
    { header: "modeled\nFLOP/B", align: "right", cell: (row) => orAbsent(row.modeledFlopsPerByte, intensityText) },
    { header: "measured\nFLOP/B", align: "right", cell: (row) => orAbsent(row.measuredFlopsPerByte, intensityText) },
    { header: "ratio", align: "right", cell: (row) => orAbsent(row.intensityRatio, (ratio) => ratio.toFixed(3)) },
    { header: "bound", align: "left", cell: (row) => row.bound ?? ABSENT },
  ];
}

function projectedColumns(projections: readonly ProjectionRow[]): ColumnOf<KernelRow>[] {
  const latencies = new Map(projections.map((row) => [`${row.accelerator} ${joinKey(row)}`, row.latencyNs]));
  return [...new Set(projections.map((row) => row.accelerator))].map((accelerator) => ({
    header: `→ ${accelerator}`,
    align: "right",
    cell: (row) => orAbsent(latencies.get(`${accelerator} ${joinKey(row)}`), formatDuration),
  }));
}

function joinKey({ kernel, shape, dtype }: { kernel: string; shape: string; dtype: string }): string {
  return `${kernel} ${shape} ${dtype}`;
}

/** A projection does not know of threads here. */
function withoutThreads(kernels: readonly KernelRow[]): KernelRow[] {
  return [...new Map(kernels.map((row) => [joinKey(row), row])).values()];
}

function nameText(row: KernelRow): string {
  const mark = row.composed === true ? "*" : "";
  return row.attention === undefined ? row.kernel + mark : `${row.kernel}${mark} ${row.attention}`;
}

/** Kernels without products have a rate in bytes. */
function rateCell({ kernel, flopsPerSecond, bytesPerSecond }: KernelRow): Cell {
  if (flopsPerSecond !== undefined) return formatRate(flopsPerSecond);
  return kernel.startsWith("wire.") ? orAbsent(bytesPerSecond, formatBandwidth) : ABSENT;
}

function timeCell(row: KernelRow): Cell {
  if (row.medianNs === undefined) return row.status === "ok" ? ABSENT : { text: row.status, tone: "bad" };
  const spread = row.madNs === undefined ? "" : ` ± ${formatDuration(row.madNs, 2)}`;
  const text = formatDuration(row.medianNs) + spread;
  return row.status === "ok" ? text : { text: `${text} !`, tone: "bad" };
}

/** 126.03 and 126.98 are told apart, 0.5 stays short. */
function intensityText(flopsPerByte: number): string {
  return formatNumber(flopsPerByte, 4);
}

function ofModel(kernels: readonly KernelRow[]): string {
  const models = [...new Set(kernels.flatMap((row) => row.model ?? []))];
  return models.length === 0 ? "" : ` of ${models.join(", ")}`;
}

function footLines(kernels: readonly KernelRow[]): string[] {
  const lines = kernels.flatMap((row) => {
    const name = `${row.kernel} ${row.dtype} (${row.shape})`;
    const status = row.status === "ok" ? [] : [`! ${name}: ${row.status}${because(row.statusReason)}`];
    const composed =
      row.composed === true ? [`* ${row.kernel}: composed${of(row.composedOf)}, not timed as a whole.`] : [];
    const traced = row.traceShape === undefined ? [] : [`${row.kernel}: FLOPs and bytes counted at ${row.traceShape}.`];
    return [...status, ...composed, ...traced];
  });
  return [...new Set(lines)];
}

function because(reason: string | undefined): string {
  return reason === undefined ? "" : `: ${reason}`;
}

function of(parts: string | undefined): string {
  return parts === undefined ? "" : ` of ${parts}`;
}
