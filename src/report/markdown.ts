import { type Block, cellText } from "./block.ts";

/** Blocks as GitHub Markdown: a heading, a table and lines for each. */
export function markdownText(blocks: readonly Block[]): string {
  return blocks.map(blockText).join("\n");
}

function blockText({ title, columns, rows, lines }: Block): string {
  const parts: string[] = [];
  if (title !== undefined) parts.push(`**${title}**`, "");
  if (rows.length > 0) {
    parts.push(
      rowText(columns.map((column) => column.header.replaceAll(/(?<!-)\n/g, " ").replaceAll("\n", ""))),
      rowText(columns.map((column) => (column.align === "right" ? "--:" : ":--"))),
      ...rows.map((row) => rowText(row.map((cell) => escaped(cellText(cell))))),
      "",
    );
  }
  if (lines !== undefined && lines.length > 0) parts.push(...lines.map((line) => `- ${escaped(line)}`), "");
  return parts.join("\n");
}

function rowText(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("\n", " ");
}
