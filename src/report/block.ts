/** What a sink draws: a title, a table, lines below it. Text only; numbers are formatted already. */
export interface Block {
  title?: string;
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
  /** Sentences below the table. */
  lines?: readonly string[];
}

export interface Column {
  header: string;
  align: "left" | "right";
}

/** A cell: text, and whether it is to catch the eye (a failed check). */
export type Cell = string | { text: string; tone: "bad" | "quiet" };

export function cellText(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** Columns of a block of names and values. */
export const FACT_COLUMNS: readonly Column[] = [
  { header: "", align: "left" },
  { header: "", align: "left" },
];
