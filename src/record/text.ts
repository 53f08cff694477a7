import type { Document } from "./document.ts";

/** A document as JSON text: one line a row, so that samples do not fill the screen and records diff well. */
export function documentText(document: Document): string {
  const { schema, command, environment, rows, notes } = document;
  return [
    "{",
    `  "schema": ${JSON.stringify(schema)},`,
    `  "command": ${JSON.stringify(command)},`,
    `  "environment": ${JSON.stringify(environment)},`,
    `  "rows": ${linesOf(rows)},`,
    `  "notes": ${linesOf(notes)}`,
    "}",
    "",
  ].join("\n");
}

function linesOf(items: readonly unknown[]): string {
  if (items.length === 0) return "[]";
  return `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(",\n")}\n  ]`;
}
