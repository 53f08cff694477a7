import type { ProjectionRow } from "../record/benchRows.ts";
import { formatDuration, formatNumber, formatRate } from "../units/format.ts";
import { type Block, blockOf, type ColumnOf } from "./block.ts";

const COLUMNS: readonly ColumnOf<ProjectionRow>[] = [
  { header: "kernel", align: "left", cell: (row) => row.kernel },
  { header: "shape", align: "left", cell: (row) => row.shape },
  { header: "dtype", align: "left", cell: (row) => row.dtype },
  { header: "accelerator", align: "left", cell: (row) => row.accelerator },
  { header: "computes in", align: "left", cell: (row) => row.precision },
  { header: "FLOP/B", align: "right", cell: (row) => formatNumber(row.flopsPerByte, 4) },
  { header: "attainable", align: "right", cell: (row) => formatRate(row.attainableFlopsPerSecond) },
  { header: "time", align: "right", cell: (row) => formatDuration(row.latencyNs) },
  { header: "bound", align: "left", cell: (row) => row.bound },
];

/** Projections by themselves, with all that they are made of. */
export function projectionBlock(projections: readonly ProjectionRow[]): Block {
  return blockOf("Kernels projected to accelerators", COLUMNS, projections);
}
