import type { PaperVerdict } from "../record/paperRows.ts";
import type { FlopConvention } from "../workload/per-token.ts";
import { type ComparedCell, type DrawnCell, type InputCell, isWithin, type PaperCell } from "./cell.ts";
import { DEVIATIONS, type Deviation } from "./deviations.ts";
import { catalogInputs, type PaperInputs } from "./inputs.ts";
import { PAPER_TABLES, type PaperTableName } from "./paperTables.ts";
import { printsAs, rounded } from "./printed.ts";

/** A cell and what became of it; only cells that the report prints are judged. */
export type JudgedCell = JudgedComparison | DrawnCell | InputCell;

export interface JudgedComparison extends ComparedCell {
  /** Whether `computed` is printed so. */
  readonly within: boolean;
  readonly verdict: PaperVerdict;
  readonly explanation?: string;
}

/** What cells are computed from, and which may be off. */
export interface Judging {
  readonly inputs?: PaperInputs;
  readonly convention: FlopConvention;
  readonly deviations?: readonly Deviation[];
}

const EXACT_EXPLANATION =
  "Counted exactly: the value product of absorbed MLA is as wide as its latent (512, the report: 576), and a lightning state takes 5 FLOPs an element (the report: 10).";

/**
 * The cells of a table, each compared with its print. By the report's own count a cell is `within` the rounding of its
 * digits, `explained` by a deviation that states the value computed here, `off`, or, within it in spite of a deviation,
 * `stale`. By the exact count cells show the exact value, and are `exact` where that alone puts them off.
 */
export function judgedCells(
  table: PaperTableName,
  { convention, inputs = catalogInputs(), deviations = DEVIATIONS }: Judging,
): readonly JudgedCell[] {
  const own = PAPER_TABLES[table](inputs, "report");
  const shown = convention === "report" ? own : PAPER_TABLES[table](inputs, convention);
  const ofTable = deviations.filter((deviation) => deviation.table === table);
  for (const deviation of ofTable) requireCell(own, deviation);
  return own.map((cell, index) => {
    const other = shown[index];
    if (other === undefined || other.row !== cell.row || other.column !== cell.column) {
      throw new Error(`${table} has other cells by the ${convention} count`);
    }
    if (other.kind !== "compared" || cell.kind !== "compared") return uncompared(other);
    return countedOtherwise(
      judged(
        cell,
        ofTable.find((deviation) => isOf(deviation, cell)),
      ),
      other.computed,
    );
  });
}

function uncompared(cell: PaperCell): DrawnCell | InputCell {
  if (cell.kind === "compared") throw new Error(`${cell.row}, ${cell.column} is printed by one count alone`);
  return cell;
}

function judged(cell: ComparedCell, deviation: Deviation | undefined): JudgedComparison {
  const within = isWithin(cell, cell.computed);
  if (deviation === undefined) {
    const remark = cell.remark === undefined ? {} : { explanation: cell.remark };
    return { ...cell, within, verdict: within ? "within" : "off", ...remark };
  }
  const { explanation } = deviation;
  if (within) {
    return { ...cell, within, verdict: "stale", explanation: `Needs no explanation any more: ${explanation}` };
  }
  const asStated = printsAs(rounded(deviation.computed), cell.computed);
  return asStated ? { ...cell, within, verdict: "explained", explanation } : { ...cell, within, verdict: "off" };
}

function countedOtherwise(cell: JudgedComparison, exact: number): JudgedComparison {
  if (exact === cell.computed) return cell;
  const within = isWithin(cell, exact);
  const counted = { ...cell, computed: exact, within };
  const harmless = cell.verdict === "within" || cell.verdict === "explained";
  return harmless && !within ? { ...counted, verdict: "exact", explanation: EXACT_EXPLANATION } : counted;
}

function requireCell(cells: readonly PaperCell[], deviation: Deviation): void {
  if (cells.some((cell) => cell.kind === "compared" && isOf(deviation, cell))) return;
  throw new Error(`a deviation of no cell: ${deviation.table}, ${deviation.row}, ${deviation.column}`);
}

function isOf({ row, column }: Deviation, cell: ComparedCell): boolean {
  return row === cell.row && column === cell.column;
}
