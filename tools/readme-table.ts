/**
 * Puts the tables of a saved run into README.md, between its two markers.
 *
 *   npm run --silent afdbench -- bench --save run.json
 *   node tools/readme-table.ts run.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type BenchDocument, checkDocument } from "../src/record/schemas.ts";
import { render } from "../src/report/render.ts";
import { ROOT } from "./program.ts";

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

try {
  const [path] = process.argv.slice(2);
  if (path === undefined) throw new Error("expected the file of a run: node tools/readme-table.ts run.json");
  const readme = `${ROOT}README.md`;
  writeFileSync(readme, withTable(readFileSync(readme, "utf8"), tableText(readRun(path))));
} catch (error) {
  process.stderr.write(`readme-table: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

function readRun(path: string): BenchDocument {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null || !("command" in value) || value.command !== "bench") {
    throw new Error(`${path} is no record of bench: make one with "afdbench bench --save FILE"`);
  }
  return checkDocument(value) as BenchDocument;
}

/** Where and when, then the run's own tables; of its notes README.md says more itself. */
function tableText(document: BenchDocument): string {
  const { cpuModel, cpuCores, nodeVersion, date } = document.environment;
  const caption = `Made by \`afdbench bench\` on ${cpuModel}, ${cpuCores} cores, Node ${nodeVersion}, on ${date.slice(0, 10)}.`;
  const style = (_tone: string, text: string): string => text;
  const tables = render({ ...document, notes: [] }, "md", { style, columns: Number.POSITIVE_INFINITY });
  return `${caption}\n\n${tables.trim()}`;
}

function withTable(readme: string, table: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} or, after it, ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${table}\n${readme.slice(end)}`;
}
