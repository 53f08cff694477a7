import { stringify } from "csv-stringify/sync";
import { type AnyDocument, rowKeysOf, rowShapesOf } from "../record/schemas.ts";

/**
 * The rows of one shape as CSV: every key of the shape in its fixed order, a number in full and in base units,
 * nothing where a row lacks the key; the samples of a row stand in one cell with spaces between them.
 */
export function csvText(document: AnyDocument, shape: string): string {
  // Where a command has one shape, `row` is no name of it: that of `paper` is a row of the report's table.
  const severalShapes = rowShapesOf(document.command).length > 1;
  const rows = document.rows.filter((row) => !(severalShapes && "row" in row) || row.row === shape);
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
