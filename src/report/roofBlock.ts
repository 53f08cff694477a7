import type { KernelRow } from "../record/benchRows.ts";
import { formatBandwidth, formatBytes, formatDuration, formatPercent, formatRate } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Cell, type ColumnOf, orAbsent } from "./block.ts";

/** What this host can do at most. */
export function roofBlock(roofs: readonly KernelRow[]): Block {
  const shown = COLUMNS.filter((column) => roofs.some((row) => column.cell(row) !== ABSENT));
  const lines = roofs.flatMap((row) =>
    row.status === "ok"
      ? []
      : [`! ${row.kernel} ${row.dtype}: ${row.status}: ${row.statusReason ?? "no reason given"}`],
  );
  return blockOf("Roofs of this machine", shown, roofs, lines);
}

const COLUMNS: readonly ColumnOf<KernelRow>[] = [
  { header: "roof", align: "left", cell: (row) => row.kernel },
  { header: "shape", align: "left", cell: (row) => row.shape },
  { header: "level", align: "left", cell: (row) => row.level ?? ABSENT },
  { header: "dtype", align: "left", cell: (row) => row.dtype },
  { header: "threads", align: "right", cell: (row) => String(row.threads) },
  { header: "working set", align: "right", cell: (row) => orAbsent(row.workingSetBytes, formatBytes) },
  { header: "reached", align: "right", cell: reached },
  { header: "clock", align: "right", cell: (row) => orAbsent(row.clockHz, clockText) },
  { header: "% of clock × width", align: "right", cell: (row) => orAbsent(row.roofFraction, formatPercent) },
];

function reached(row: KernelRow): Cell {
  if (row.flopsPerSecond !== undefined) return marked(row, formatRate(row.flopsPerSecond));
  if (row.bytesPerSecond !== undefined) return marked(row, formatBandwidth(row.bytesPerSecond));
  return row.status === "ok" ? ABSENT : { text: row.status, tone: "bad" };
}

function marked(row: KernelRow, text: string): Cell {
  return row.status === "ok" ? text : { text: `${text} !`, tone: "bad" };
}

/** The length of a cycle: the clock as a time, which needs no unit of its own. */
function clockText(clockHz: number): string {
  return `${formatDuration(1e9 / clockHz)} a cycle`;
}
