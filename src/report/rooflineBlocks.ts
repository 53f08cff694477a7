import type { AcceleratorRoofRow, PlacedRow, RoofRow } from "../record/rooflineRows.ts";
import type { RooflineDocument } from "../record/schemas.ts";
import { formatBandwidth, formatBytes, formatNumber, formatPercent, formatRate } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Cell, type ColumnOf, orAbsent } from "./block.ts";
import { environmentLine } from "./environmentText.ts";

/** The roofs of this host, kernels under them, and the rooflines of accelerators. */
export function rooflineBlocks({ rows, notes, environment }: RooflineDocument): Block[] {
  const roofs = rows.filter((row) => row.row === "roof");
  const kernels = rows.filter((row) => row.row === "kernel");
  const accelerators = rows.filter((row) => row.row === "accelerator");
  const columns = ROOF_COLUMNS.filter((column) => roofs.some((row) => column.cell(row) !== ABSENT));
  const blocks = [
    blockOf("Roofs of this machine (measured)", columns, roofs),
    blockOf("Kernels under them (measured)", KERNEL_COLUMNS, kernels),
    blockOf("Rooflines of accelerators (published)", ACCELERATOR_COLUMNS, accelerators),
  ].filter((block) => block.rows.length > 0);
  return [...blocks, { columns: [], rows: [], lines: [...notes, environmentLine(environment)] }];
}

const ROOF_COLUMNS: readonly ColumnOf<RoofRow>[] = [
  { header: "roof", align: "left", cell: (row) => row.kernel },
  { header: "dtype", align: "left", cell: (row) => row.dtype ?? ABSENT },
  { header: "level", align: "left", cell: (row) => row.level ?? ABSENT },
  { header: "target", align: "left", cell: (row) => (row.revectorized === true ? `${row.target} 256` : row.target) },
  { header: "threads", align: "right", cell: (row) => String(row.threads) },
  { header: "reached", align: "right", cell: reached },
  { header: "spread", align: "right", cell: (row) => orAbsent(row.spread, (spread) => formatPercent(spread, 2)) },
  { header: "passes", align: "right", cell: (row) => String(row.passes) },
  { header: "by", align: "left", cell: (row) => (row.workingSetBytes === undefined ? row.form : ABSENT) },
  { header: "working set", align: "right", cell: (row) => orAbsent(row.workingSetBytes, formatBytes) },
  { header: "cached", align: "left", cell: (row) => (row.cached ? minuteOf(row.measuredAt) : ABSENT) },
];

const KERNEL_COLUMNS: readonly ColumnOf<PlacedRow>[] = [
  {
    header: "kernel",
    align: "left",
    cell: ({ kernel, attention }) => (attention === undefined ? kernel : `${kernel} ${attention}`),
  },
  { header: "shape", align: "left", cell: (row) => row.shape },
  { header: "dtype", align: "left", cell: (row) => row.dtype },
  { header: "threads", align: "right", cell: (row) => String(row.threads) },
  { header: "modeled\nFLOP/B", align: "right", cell: (row) => orAbsent(row.modeledFlopsPerByte, intensityText) },
  { header: "measured\nFLOP/B", align: "right", cell: (row) => intensityText(row.measuredFlopsPerByte) },
  { header: "rate", align: "right", cell: (row) => marked(row.status, formatRate(row.flopsPerSecond)) },
  { header: "roof", align: "right", cell: (row) => orAbsent(row.roofFlopsPerSecond, formatRate) },
  { header: "% of\nroof", align: "right", cell: (row) => orAbsent(row.roofFraction, formatPercent) },
  { header: "bound", align: "left", cell: (row) => row.bound ?? ABSENT },
  { header: "level", align: "left", cell: (row) => row.level ?? ABSENT },
];

const ACCELERATOR_COLUMNS: readonly ColumnOf<AcceleratorRoofRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "for", align: "left", cell: (row) => row.dtype },
  { header: "in", align: "left", cell: (row) => row.precision },
  { header: "peak", align: "right", cell: (row) => formatRate(row.flopsPerSecond) },
  { header: "memory", align: "right", cell: (row) => formatBandwidth(row.bytesPerSecond) },
  { header: "ridge point\nFLOP/B", align: "right", cell: (row) => formatNumber(row.ridgeFlopsPerByte) },
];

function reached({ status, flopsPerSecond, bytesPerSecond }: RoofRow): Cell {
  if (flopsPerSecond !== undefined) return marked(status, formatRate(flopsPerSecond));
  return bytesPerSecond === undefined ? ABSENT : marked(status, formatBandwidth(bytesPerSecond));
}

function marked(status: string, text: string): Cell {
  return status === "ok" ? text : { text: `${text} !`, tone: "bad" };
}

function intensityText(flopsPerByte: number): string {
  return formatNumber(flopsPerByte, 4);
}

/** 2026-11-24T16:30:01.123Z is shown to the minute. */
function minuteOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}
