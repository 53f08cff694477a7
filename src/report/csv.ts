import { stringify } from "csv-stringify/sync";
import { type AnyDocument, rowKeysOf } from "../record/schemas.ts";

/**
 * The rows of one shape as CSV: every key of the shape in its fixed order, a number in full and in base units,
 * nothing where a row lacks the key; the samples of a row stand in one cell with spaces between them.
 */
export function csvText(document: AnyDocument, shape: string): string {
  const rows = document.rows.filter((row) => !("row" in row) || row.row === shape);
  const columns = [...(rowKeysOf(document.command, shape) ?? [])];
  return stringify(rows, {
    header: true,
    columns,
    cast: {
      boolean: (value) => String(value),
      object: (value) => (Array.isArray(value) ? value.join(" ") : JSON.stringify(value)),
    },
  });
}
