import type { PaperUnit } from "../record/paperRows.ts";
import type { FlopConvention } from "../workload/per-token.ts";
import type { PaperInputs } from "./inputs.ts";
import { type Printed, printsAs, toleranceOf } from "./printed.ts";

/** A cell of a table, a section or a figure of the report, as computed here. */
export type PaperCell = ComparedCell | DrawnCell | InputCell;

/** Where a cell stands, and what its numbers are in; row and column are unique within a table. */
export interface Place {
  readonly row: string;
  /** With a group of columns before a comma where the table has such: "attention 8K, H800". */
  readonly column: string;
  readonly unit: PaperUnit;
}

/** A cell that the report prints. */
export interface ComparedCell extends Place {
  readonly kind: "compared";
  readonly printed: Printed;
  readonly computed: number;
  /**
   * Largest difference as a share of the print, of what the report measured on a real deployment and a model of one gives
   * here; absent: the cell is arithmetic, and its digits say how far it may be off.
   */
  readonly toleranceShare?: number;
  /** How it is computed, where that needs saying. */
  readonly remark?: string;
}

/** A point of a figure that prints no values. */
export interface DrawnCell extends Place {
  readonly kind: "drawn";
  readonly computed: number;
}

/** What the report takes from elsewhere: nothing to compute. */
export interface InputCell extends Place {
  readonly kind: "input";
  readonly published: number;
  readonly source: string;
}

/** A table's cells, row by row. */
export type PaperTable = (inputs: PaperInputs, convention: FlopConvention) => readonly PaperCell[];

/** The contexts of the report's tables in tokens. */
export const CONTEXTS = { "8K": 8192, "32K": 32768 } as const;

/** Their names in the report. */
export type ContextName = keyof typeof CONTEXTS;

/** The largest difference from the print that a cell may have, in base units. */
export function cellTolerance({ printed, toleranceShare }: Pick<ComparedCell, "printed" | "toleranceShare">): number {
  return toleranceShare === undefined ? toleranceOf(printed) : toleranceShare * printed.value;
}

/** Whether a number is what the report prints in this cell. */
export function isWithin(cell: Pick<ComparedCell, "printed" | "toleranceShare">, value: number): boolean {
  if (cell.toleranceShare === undefined) return printsAs(cell.printed, value);
  return Math.abs(value - cell.printed.value) <= cellTolerance(cell);
}
