import CliTable from "cli-table3";
import { type Block, type Cell, type Column, cellText } from "./block.ts";
import type { Style } from "./style.ts";

/** No frame: columns stand apart by two spaces, a rule below the header. */
const CHARS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

const GAP = 2;

/** Blocks as tables for a terminal of so many columns, an empty line between them. */
export function tableText(blocks: readonly Block[], style: Style, columns: number): string {
  return `${blocks.map((block) => blockText(block, style, columns)).join("\n\n")}\n`;
}

function blockText({ title, columns, rows, lines = [] }: Block, style: Style, width: number): string {
  const parts: string[] = [];
  if (title !== undefined) parts.push(...wrapped(title, width).map((line) => style("title", line)));
  if (rows.length > 0) parts.push(gridText(columns, rows, style, width));
  parts.push(...lines.flatMap((line) => wrapped(line, width)).map((line) => style("quiet", line)));
  return parts.join("\n");
}

function gridText(columns: readonly Column[], rows: readonly (readonly Cell[])[], style: Style, width: number): string {
  const widths = widthsFor(columns, rows, width);
  const table = new CliTable({
    chars: CHARS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
    colAligns: columns.map((column) => column.align),
    colWidths: widths,
    wordWrap: true,
  });
  if (columns.some((column) => column.header !== "")) {
    table.push(columns.map((column) => style("title", column.header)));
    table.push(widths.map((columnWidth) => style("quiet", "─".repeat(columnWidth))));
  }
  for (const row of rows)
    table.push(row.map((cell) => (typeof cell === "string" ? cell : style(cell.tone, cell.text))));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Width of each column: its widest text; where that is too much in all, the widest left-aligned ones wrap at spaces. */
function widthsFor(columns: readonly Column[], rows: readonly (readonly Cell[])[], width: number): number[] {
  const widths = columns.map((column, index) => Math.max(...linesOf(column, rows, index).map((text) => text.length)));
  const least = columns.map((column, index) =>
    column.align === "right"
      ? (widths[index] ?? 0)
      : Math.max(...linesOf(column, rows, index).flatMap((text) => text.split(" ").map((word) => word.length))),
  );
  let excess = widths.reduce((sum, one) => sum + one, 0) + GAP * (widths.length - 1) - width;
  while (excess > 0) {
    const widest = widestWrapping(widths, least);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function linesOf(column: Column, rows: readonly (readonly Cell[])[], index: number): string[] {
  return [column.header, ...rows.map((row) => cellText(row[index] ?? ""))].flatMap((text) => text.split("\n"));
}

function widestWrapping(widths: readonly number[], least: readonly number[]): number | undefined {
  let widest: number | undefined;
  for (const [index, width] of widths.entries()) {
    if (width > (least[index] ?? 0) && (widest === undefined || width > (widths[widest] ?? 0))) widest = index;
  }
  return widest;
}

function wrapped(line: string, width: number): string[] {
  const result: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      result.push(current);
      current = `  ${word}`;
    } else {
      current = current === "" ? word : `${current} ${word}`;
    }
  }
  return [...result, current];
}
