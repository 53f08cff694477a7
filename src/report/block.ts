/** What a sink draws: a title, a table, lines below it. Text only; numbers are formatted already. */
export interface Block {
  title?: string;
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
  /** Sentences below the table. */
  lines?: readonly string[];
}

export interface Column {
  /** May be of two lines. */
  header: string;
  align: "left" | "right";
}

/** A cell: text, and whether it is to catch the eye (a failed check). */
export type Cell = string | { text: string; tone: "bad" };

/** A column that knows what to say about a row. */
export interface ColumnOf<Row> extends Column {
  cell(row: Row): Cell;
}

/** What stands where a row has no such number. */
export const ABSENT = "–";

/** Columns of a block of names and values. */
export const FACT_COLUMNS: readonly Column[] = [
  { header: "", align: "left" },
  { header: "", align: "left" },
];

/** Rows and what to say about each, as a block. */
export function blockOf<Row>(
  title: string,
  columns: readonly ColumnOf<Row>[],
  rows: readonly Row[],
  lines: readonly string[] = [],
): Block {
  return { title, columns, rows: rows.map((row) => columns.map((column) => column.cell(row))), lines };
}

export function cellText(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** A number that may be absent, as text. */
export function orAbsent(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? ABSENT : format(value);
}
