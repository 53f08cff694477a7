import type { LatencyRow, PartRow } from "../record/projectRows.ts";
import type { ProjectDocument, ValidateDocument } from "../record/schemas.ts";
import type { MeasurementRow, SummaryRow } from "../record/validateRows.ts";
import { formatBytes, formatDuration, formatFlops, formatNumber, formatPercent } from "../units/format.ts";
import { type Block, blockOf, type ColumnOf, orAbsent } from "./block.ts";

const TIMES: readonly ColumnOf<LatencyRow | PartRow>[] = [
  { header: "latency", align: "right", cell: (row) => formatDuration(row.latencyNs) },
  {
    header: "80% band",
    align: "right",
    cell: (row) => `${formatDuration(row.lowNs)} to ${formatDuration(row.highNs)}`,
  },
  { header: "bound", align: "left", cell: (row) => row.bound },
  { header: "fixed", align: "right", cell: (row) => formatDuration(row.fixedNs) },
  { header: "memory", align: "right", cell: (row) => formatDuration(row.memoryNs) },
  { header: "compute", align: "right", cell: (row) => formatDuration(row.computeNs) },
];

const COUNTED: readonly ColumnOf<LatencyRow | PartRow>[] = [
  {
    header: "measured FLOPs\n(to modeled)",
    align: "right",
    cell: (row) => countedText(row.measuredFlops, row.modeledFlops, formatFlops),
  },
  {
    header: "measured bytes\n(to modeled)",
    align: "right",
    cell: (row) => countedText(row.measuredBytes, row.modeledBytes, formatBytes),
  },
];

const LATENCY_COLUMNS: readonly ColumnOf<LatencyRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "shape", align: "left", cell: (row) => row.shape },
  { header: "in", align: "left", cell: (row) => row.precision },
  ...TIMES,
  { header: "padding", align: "right", cell: (row) => formatDuration(row.paddingNs) },
  { header: "family", align: "left", cell: (row) => (row.nearestFamily ? `~${row.family}` : row.family) },
  { header: "engine", align: "left", cell: (row) => row.engine },
];

const PART_COLUMNS: readonly ColumnOf<PartRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "part", align: "left", cell: (row) => row.part },
  { header: "shape", align: "left", cell: (row) => row.shape },
  ...TIMES,
  {
    header: "padding",
    align: "right",
    cell: (row) => `${formatDuration(row.paddingNs)} (M ${formatNumber(row.paddedM)})`,
  },
  { header: "engine", align: "left", cell: (row) => row.engine },
];

/** Projections; the kernels that they are made of where only these are asked for. */
export function projectBlocks({ rows, notes }: ProjectDocument): Block[] {
  const whole = rows.filter((row) => row.row === "latency");
  const parts = rows.filter((row) => row.row === "part");
  const [first] = whole;
  const title =
    first === undefined
      ? "Kernels"
      : [first.kernel, ...(first.model === undefined ? [] : ["of", first.model])].join(" ");
  return [
    ...(whole.length === 0
      ? []
      : [
          blockOf(
            `${title} (modeled${isCounted(whole) ? " from measured counts" : ""})`,
            [...LATENCY_COLUMNS, ...countedColumns(whole)],
            whole,
            notes,
          ),
        ]),
    ...(whole.length === 0 && parts.length > 0
      ? [blockOf("Its kernels", [...PART_COLUMNS, ...countedColumns(parts), ...ranColumns(parts)], parts)]
      : []),
  ];
}

/** Only where something was counted. */
function countedColumns(rows: readonly (LatencyRow | PartRow)[]): readonly ColumnOf<LatencyRow | PartRow>[] {
  return isCounted(rows) ? COUNTED : [];
}

function isCounted(rows: readonly (LatencyRow | PartRow)[]): boolean {
  return rows.some(({ measuredFlops }) => measuredFlops !== undefined);
}

function ranColumns(rows: readonly PartRow[]): readonly ColumnOf<PartRow>[] {
  const ran: ColumnOf<PartRow> = { header: "measured as", align: "left", cell: (row) => row.measuredAs ?? "" };
  return rows.some(({ measuredAs }) => measuredAs !== undefined) ? [ran] : [];
}

function countedText(
  measured: number | undefined,
  modeled: number | undefined,
  format: (value: number) => string,
): string {
  if (measured === undefined || modeled === undefined) return "";
  return `${format(measured)} (${(measured / modeled).toFixed(3)})`;
}

const SUMMARY_COLUMNS: readonly ColumnOf<SummaryRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "kernel kind", align: "left", cell: (row) => row.kernelKind },
  { header: "rows", align: "right", cell: (row) => String(row.rows) },
  { header: "mean error", align: "right", cell: (row) => formatPercent(row.meanAbsoluteErrorFraction) },
  { header: "median", align: "right", cell: (row) => formatPercent(row.medianAbsoluteErrorFraction) },
  { header: "worst", align: "right", cell: (row) => formatPercent(row.worstAbsoluteErrorFraction) },
  { header: "inside 80% band", align: "right", cell: (row) => formatPercent(row.insideBandFraction) },
];

const MEASUREMENT_COLUMNS: readonly ColumnOf<MeasurementRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "engine", align: "left", cell: (row) => row.engine ?? "" },
  { header: "shape", align: "left", cell: (row) => row.shape ?? "" },
  { header: "measured", align: "right", cell: (row) => orAbsent(row.measuredNs, formatDuration) },
  { header: "projected", align: "right", cell: (row) => orAbsent(row.projectedNs, formatDuration) },
  { header: "error", align: "right", cell: (row) => orAbsent(row.errorFraction, formatPercent) },
];

const MOST_WORST = 10;

/** Errors by accelerator and kernel kind, and the rows that are furthest off. */
export function validateBlocks({ rows, notes }: ValidateDocument): Block[] {
  const summaries = rows.filter((row) => row.row === "summary");
  const measured = rows.filter((row) => row.row === "measurement").filter(({ status }) => status === "ok");
  const size = (row: MeasurementRow) => Math.abs(row.errorFraction ?? 0);
  const worst = [...measured].sort((left, right) => size(right) - size(left)).slice(0, MOST_WORST);
  if (summaries.length === 0 && worst.length === 0) return [{ columns: [], rows: [], lines: notes }];
  return [
    ...(summaries.length === 0
      ? []
      : [blockOf("Projections against published kernel times", SUMMARY_COLUMNS, summaries, notes)]),
    ...(worst.length === 0
      ? []
      : [blockOf("Furthest off (all rows: --json, or -o csv --rows measurement)", MEASUREMENT_COLUMNS, worst)]),
  ];
}
