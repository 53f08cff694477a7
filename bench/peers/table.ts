import Table from "cli-table3";
import type { Environment } from "../../src/record/document.ts";
import { formatRate } from "../../src/units/format.ts";
import type { PeerRow } from "./measure.ts";

/** What a run leaves. */
export interface PeersDocument {
  readonly environment: Environment;
  readonly rows: readonly PeerRow[];
  readonly notes: readonly string[];
}

/** Headings and cells of the table: a line for each comparison, and who wins each work. */
export function cellsOf(rows: readonly PeerRow[]): { readonly head: string[]; readonly lines: string[][] } {
  const head = ["work", "dtype", "threads", "ours", "beside", "its rate", "ratio", "goal", "met", "fastest"];
  const lines = rows.map((row, index) => {
    const { work, dtype, threads, peer, ratio, goal, met } = row;
    const before = rows[index - 1];
    const isFirst = before === undefined || before.work !== work || before.dtype !== dtype;
    return [
      ...[work, dtype, String(threads), oursText(row), peer, peerText(row), ratio.toFixed(2)],
      goal === undefined ? "" : `≥ ${goal}`,
      met === undefined ? "" : met ? "yes" : "no",
      isFirst ? winnerOf(rows.filter((other) => other.work === work && other.dtype === dtype)) : "",
    ];
  });
  return { head, lines };
}

/** The table for a terminal, and the notes. */
export function tableOf({ rows, notes }: Pick<PeersDocument, "rows" | "notes">): string {
  const { head, lines } = cellsOf(rows);
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(...lines);
  const judged = rows.filter(({ met }) => met !== undefined);
  const met = judged.filter((row) => row.met === true).length;
  return `${table.toString()}\n${met} of ${judged.length} goals met\n${notes.map((note) => `- ${note}\n`).join("")}`;
}

/** The fastest library, WASM and native, on one thread. */
function winnerOf(rows: readonly PeerRow[]): string {
  const rivals = rows.filter(({ against }) => against === "wasm" || against === "native");
  const fastest = rivals.toSorted((a, b) => a.ratio - b.ratio)[0];
  if (fastest === undefined) return "";
  return fastest.ratio >= 1 ? "ours" : `${fastest.peer}${fastest.against === "native" ? " (native)" : ""}`;
}

function oursText({ oursBytesPerSecond, oursFlopsPerSecond }: PeerRow): string {
  return rateText(oursFlopsPerSecond, oursBytesPerSecond);
}

function peerText({ peerBytesPerSecond, peerFlopsPerSecond }: PeerRow): string {
  return rateText(peerFlopsPerSecond, peerBytesPerSecond);
}

function rateText(flops: number | undefined, bytes: number | undefined): string {
  if (flops !== undefined) return formatRate(flops);
  return bytes === undefined ? "" : `${(bytes / 1e9).toFixed(1)} GB/s`;
}
