/**
 * Puts the tables of saved runs into docs/peers.md, between its two markers.
 *
 *   npm run bench:peers -- --save plain.json
 *   npm run bench:peers -- --revectorize --save revectorized.json
 *   npx node bench/peers/doc.ts plain.json revectorized.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cellsOf, type PeersDocument } from "./table.ts";

const begin = "<!-- peers:begin -->";
const end = "<!-- peers:end -->";
const page = fileURLToPath(new URL("../../docs/peers.md", import.meta.url));

try {
  const paths = process.argv.slice(2);
  if (paths.length === 0)
    throw new Error("expected the files of saved runs: node bench/peers/doc.ts plain.json [revectorized.json]");
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/peers.md lacks ${begin} or, after it, ${end}`);
  const tables = paths.map((path) => sectionOf(path, readRun(path))).join("\n\n");
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${tables}\n${text.slice(to)}`);
} catch (error) {
  process.stderr.write(`peers doc: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function readRun(path: string): PeersDocument {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (typeof value !== "object" || value === null || !("command" in value) || value.command !== "bench:peers") {
    throw new Error(`${path} is no record of bench:peers: make one with "npm run bench:peers -- --save FILE"`);
  }
  return value as unknown as PeersDocument;
}

function sectionOf(path: string, { environment, rows, notes }: PeersDocument): string {
  const { cpuModel, cpuCores, nodeVersion, v8Version, loadAverage1m, date } = environment;
  const flags = rows[0]?.flags ?? "";
  const { head, lines } = cellsOf(rows);
  const judged = rows.filter(({ met }) => met !== undefined);
  const met = judged.filter((row) => row.met === true).length;
  const busy =
    loadAverage1m > cpuCores ? " Other programs ran at the same time, so rates are lower than they could be." : "";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  if (rows.length === 0) throw new Error(`${path} holds no rows`);
  return [
    `### ${flags === "" ? "Plain" : `Under \`${flags}\`, all sides`}`,
    "",
    `${cpuModel}, ${cpuCores} cores, Node ${nodeVersion} (V8 ${v8Version}), ${date.slice(0, 10)}, load average ${loadAverage1m.toFixed(1)} at the end. ${met} of ${judged.length} goals met.${busy}`,
    "",
    line(head),
    line(head.map(() => ":--")),
    ...lines.map(line),
    "",
    ...notes.map((note) => `- ${note}`),
  ].join("\n");
}
