import type { KernelRow } from "../record/benchRows.ts";
import { type Block, blockOf, type ColumnOf, orAbsent } from "./block.ts";

/** Where the measured intensity of a kernel falls behind the modeled one: modeled minus every term is measured. */
export function gapBlock(kernels: readonly KernelRow[]): Block {
  return blockOf("Modeled to measured intensity, in FLOP/B", COLUMNS, kernels.filter(hasGap));
}

const COLUMNS: readonly ColumnOf<KernelRow>[] = [
  { header: "kernel", align: "left", cell: (row) => row.kernel },
  { header: "shape", align: "left", cell: (row) => row.traceShape ?? row.shape },
  { header: "dtype", align: "left", cell: (row) => row.dtype },
  { header: "modeled", align: "right", cell: (row) => orAbsent(row.modeledFlopsPerByte, termText) },
  { header: "− scales", align: "right", cell: (row) => orAbsent(row.gapScalesFlopsPerByte, termText) },
  { header: "− padding", align: "right", cell: (row) => orAbsent(row.gapPaddingFlopsPerByte, termText) },
  { header: "− partial lines", align: "right", cell: (row) => orAbsent(row.gapPartialLinesFlopsPerByte, termText) },
  { header: "− read again", align: "right", cell: (row) => orAbsent(row.gapRereadFlopsPerByte, termText) },
  { header: "− rest", align: "right", cell: (row) => orAbsent(row.gapResidualFlopsPerByte, termText) },
  { header: "= measured", align: "right", cell: (row) => orAbsent(row.measuredFlopsPerByte, termText) },
];

function hasGap(row: KernelRow): boolean {
  return row.gapScalesFlopsPerByte !== undefined || row.gapResidualFlopsPerByte !== undefined;
}

/** Three decimals everywhere: the terms can be added up by eye. */
function termText(flopsPerByte: number): string {
  return flopsPerByte.toFixed(3);
}
