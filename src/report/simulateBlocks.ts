import type { SimulateDocument } from "../record/schemas.ts";
import type { SimulateRow } from "../record/simulateRows.ts";
import { formatDuration, formatNumber, formatPercent } from "../units/format.ts";
import { type Block, blockOf, type ColumnOf, orAbsent } from "./block.ts";

/** What a sweep goes over beside deployments: a column where rows differ in it. */
const SWEPT_COLUMNS = {
  contextTokens: { header: "context", align: "right", cell: (row) => String(row.contextTokens) },
  batch: { header: "batch", align: "right", cell: (row) => String(row.batch) },
  microBatches: { header: "micro-\nbatches", align: "right", cell: (row) => String(row.microBatches) },
} as const satisfies Partial<Record<keyof SimulateRow, ColumnOf<SimulateRow>>>;

const NAME_COLUMN: ColumnOf<SimulateRow> = { header: "deployment", align: "left", cell: (row) => row.deployment };

const SPEED_COLUMNS: readonly ColumnOf<SimulateRow>[] = [
  { header: "cards", align: "right", cell: (row) => String(row.cards) },
  { header: "TPOT\nmean", align: "right", cell: (row) => formatDuration(row.tpotNs) },
  { header: "TPOT\np50", align: "right", cell: (row) => formatDuration(row.tpotP50Ns) },
  { header: "TPOT\np90", align: "right", cell: (row) => formatDuration(row.tpotP90Ns) },
  { header: "TPOT\np99", align: "right", cell: (row) => formatDuration(row.tpotP99Ns) },
  { header: "tokens/s\nper card", align: "right", cell: (row) => formatNumber(row.tokensPerSecondPerCard, 4) },
  { header: "USD per\nM tokens", align: "right", cell: (row) => orAbsent(row.usdPerMillionTokens, formatNumber) },
  { header: "closed\nform", align: "right", cell: (row) => formatDuration(row.boundNs) },
  { header: "of it\nreached", align: "right", cell: (row) => formatPercent(row.boundFraction) },
  { header: "bound", align: "left", cell: boundText },
];

const USE_COLUMNS: readonly ColumnOf<SimulateRow>[] = [
  { header: "attention", align: "right", cell: (row) => formatPercent(row.attentionUtilization) },
  { header: "FFN", align: "right", cell: (row) => formatPercent(row.ffnUtilization) },
  { header: "attention's\nlinks", align: "right", cell: (row) => formatPercent(row.attentionLinkUtilization) },
  { header: "FFN's\nlinks", align: "right", cell: (row) => formatPercent(row.ffnLinkUtilization) },
  { header: "bubbles", align: "right", cell: (row) => formatPercent(row.bubbleFraction) },
  { header: "steps", align: "right", cell: (row) => String(row.steps) },
  { header: "events", align: "right", cell: (row) => String(row.events) },
];

const REQUEST_COLUMNS: readonly ColumnOf<SimulateRow>[] = [
  { header: "requests", align: "right", cell: (row) => String(row.requests) },
  { header: "tokens", align: "right", cell: (row) => String(row.decodedTokens) },
  { header: "tokens/s", align: "right", cell: (row) => formatNumber(row.tokensPerSecond, 4) },
  { header: "sequences\nat work", align: "right", cell: (row) => orAbsent(row.meanSequences, formatNumber) },
  {
    header: "mean\ncontext",
    align: "right",
    cell: (row) => orAbsent(row.meanContextTokens, (value) => value.toFixed(0)),
  },
  { header: "wait\np99", align: "right", cell: (row) => orAbsent(row.waitP99Ns, formatDuration) },
];

/** Simulated deployments, best first: speed beside the closed form, use of their parts, and requests where there were any. */
export function simulateBlocks({ rows, notes }: SimulateDocument): Block[] {
  const arriving = rows.filter(({ requests }) => requests !== undefined);
  const swept = SWEPT.filter((key) => new Set(rows.map((row) => row[key])).size > 1);
  const names = [NAME_COLUMN, ...swept.map((key) => SWEPT_COLUMNS[key])];
  return [
    blockOf(titleOf(rows, swept), [...names, ...SPEED_COLUMNS], rows),
    ...(arriving.length === 0 ? [] : [blockOf("Requests (simulated)", [...names, ...REQUEST_COLUMNS], arriving)]),
    blockOf("Share of time in use (simulated)", [...names, ...USE_COLUMNS], rows, notes),
  ];
}

type Swept = keyof typeof SWEPT_COLUMNS;
const SWEPT = Object.keys(SWEPT_COLUMNS) as readonly Swept[];

function titleOf([first]: readonly SimulateRow[], swept: readonly Swept[]): string {
  if (first === undefined) return "Deployments (simulated)";
  const { model, attentionOn, ffnOn, batch, microBatches, contextTokens } = first;
  const facts = [
    ...(swept.includes("batch") ? [] : [`${batch} sequences`]),
    ...(swept.includes("microBatches") ? [] : [`in ${microBatches} micro-batches`]),
  ].join(" ");
  const alike = [facts, ...(swept.includes("contextTokens") ? [] : [`context ${contextTokens}`])].filter(
    (text) => text !== "",
  );
  const of = `${model}, attention on ${attentionOn}, FFN on ${ffnOn}`;
  return alike.length === 0 ? `${of} (simulated)` : `${of}: ${alike.join(", ")} (simulated)`;
}

const BOUNDS = { attention: "attention", ffn: "FFN", network: "network", roundTrip: "round trip" } as const;

function boundText({ bound, communicationHidden }: SimulateRow): string {
  return communicationHidden ? `${BOUNDS[bound]}, transfers hidden` : BOUNDS[bound];
}
