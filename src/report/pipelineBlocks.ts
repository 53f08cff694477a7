import type {
  PipelineHandoverRow,
  PipelineInstanceRow,
  PipelineLinkRow,
  PipelineRow,
  PipelineRunRow,
} from "../record/pipelineRows.ts";
import type { PipelineDocument } from "../record/schemas.ts";
import { formatBytes, formatDuration, formatNumber, formatPercent } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Cell, type ColumnOf, orAbsent } from "./block.ts";

const RUN: readonly ColumnOf<PipelineRunRow>[] = [
  { header: "run", align: "left", cell: runText },
  { header: "batch", align: "right", cell: (row) => String(row.batch) },
  { header: "TPOT\nmedian", align: "right", cell: (row) => orAbsent(row.tpotNs, formatDuration) },
  { header: "TPOT\np95", align: "right", cell: (row) => orAbsent(row.tpotP95Ns, formatDuration) },
  { header: "TPOT\np99", align: "right", cell: (row) => orAbsent(row.tpotP99Ns, formatDuration) },
  {
    header: "tokens/s",
    align: "right",
    cell: (row) => orAbsent(row.tokensPerSecond, (value) => formatNumber(value, 4)),
  },
  { header: "closed\nform", align: "right", cell: (row) => orAbsent(row.boundNs, formatDuration) },
  { header: "of it\nreached", align: "right", cell: (row) => orAbsent(row.boundFraction, formatPercent) },
  { header: "bound", align: "left", cell: ({ bound }) => (bound === undefined ? ABSENT : BOUNDS[bound]) },
  { header: "simu-\nlated", align: "right", cell: (row) => orAbsent(row.simulatedTpotNs, formatDuration) },
  { header: "bubbles", align: "right", cell: (row) => orAbsent(row.bubbleFraction, formatPercent) },
  { header: "hand-over\nmedian", align: "right", cell: (row) => orAbsent(row.handoverMedianNs, formatDuration) },
  { header: "outputs", align: "left", cell: outputsCell },
];

const LOSS: readonly ColumnOf<PipelineRunRow>[] = [
  { header: "run", align: "left", cell: runText },
  { header: "TPOT\nmean", align: "right", cell: (row) => orAbsent(row.tpotMeanNs, formatDuration) },
  { header: "over the\nclosed form", align: "right", cell: (row) => orAbsent(row.lossNs, signed) },
  { header: "attention\nlate", align: "right", cell: (row) => orAbsent(row.attentionLateNs, formatDuration) },
  { header: "A2F\nlate", align: "right", cell: (row) => orAbsent(row.a2fLateNs, formatDuration) },
  { header: "FFN\nlate", align: "right", cell: (row) => orAbsent(row.ffnLateNs, formatDuration) },
  { header: "F2A\nlate", align: "right", cell: (row) => orAbsent(row.f2aLateNs, formatDuration) },
  { header: "straggler", align: "left", cell: (row) => row.straggler ?? ABSENT },
];

const FAULTS: readonly ColumnOf<PipelineRunRow>[] = [
  { header: "run", align: "left", cell: runText },
  { header: "injected", align: "right", cell: (row) => String(row.faultsInjected) },
  { header: "recovered", align: "right", cell: (row) => String(row.faultsRecovered) },
  { header: "restarts", align: "right", cell: (row) => String(row.restarts) },
  { header: "sent again", align: "right", cell: (row) => String(row.resends) },
  { header: "came twice", align: "right", cell: (row) => String(row.duplicates) },
  { header: "corrupted", align: "right", cell: (row) => String(row.corrupted) },
];

const INSTANCES: readonly ColumnOf<PipelineInstanceRow>[] = [
  { header: "run", align: "left", cell: runText },
  { header: "instance", align: "left", cell: (row) => row.instance },
  { header: "busy", align: "right", cell: (row) => formatPercent(row.busyFraction) },
  { header: "waits", align: "right", cell: (row) => formatPercent(row.waitFraction) },
  { header: "sends", align: "right", cell: (row) => formatPercent(row.sendingFraction) },
  { header: "idle", align: "right", cell: (row) => formatPercent(row.idleFraction) },
  { header: "stage\nmedian", align: "right", cell: (row) => orAbsent(row.stageMedianNs, formatDuration) },
  { header: "stage\np99", align: "right", cell: (row) => orAbsent(row.stageP99Ns, formatDuration) },
  { header: "late\nmean", align: "right", cell: (row) => orAbsent(row.lateNs, formatDuration) },
  { header: "late\nmost", align: "right", cell: (row) => orAbsent(row.lateMostNs, formatDuration) },
  { header: "came\nlast", align: "right", cell: (row) => orAbsent(row.lastFraction, formatPercent) },
  { header: "queue\nmean", align: "right", cell: (row) => orAbsent(row.queueMean, formatNumber) },
  { header: "queue\nmost", align: "right", cell: (row) => String(row.queueMost) },
  { header: "restarts", align: "right", cell: (row) => String(row.restarts) },
];

const LINKS: readonly ColumnOf<PipelineLinkRow>[] = [
  { header: "run", align: "left", cell: runText },
  { header: "link", align: "left", cell: ({ from, to }) => `${from} to ${to}` },
  { header: "bytes a\nmessage", align: "right", cell: (row) => formatBytes(row.bytesPerMessage) },
  { header: "bytes\na step", align: "right", cell: (row) => formatBytes(row.bytesPerStep) },
  { header: "came\nlast", align: "right", cell: (row) => formatPercent(row.lastFraction) },
  { header: "transfer\nmedian", align: "right", cell: (row) => orAbsent(row.transferMedianNs, formatDuration) },
  { header: "late\nmean", align: "right", cell: (row) => orAbsent(row.lateNs, formatDuration) },
  { header: "late\nmost", align: "right", cell: (row) => orAbsent(row.lateMostNs, formatDuration) },
];

/** Rows that a table shows of instances and of links; JSON and CSV have all. */
const MOST_ROWS = 16;

/** Runs beside the closed form, what made them longer, and how instances, links and hand-overs did. */
export function pipelineBlocks({ rows, notes }: PipelineDocument): Block[] {
  const runs = rowsOf(rows, "run");
  const faulty = runs.filter(({ faultsInjected, restarts }) => faultsInjected > 0 || restarts > 0);
  const timed = runs.filter(({ tpotMeanNs }) => tpotMeanNs !== undefined);
  const instances = rowsOf(rows, "instance");
  const links = rowsOf(rows, "link");
  const handovers = handoverBlock(rowsOf(rows, "handover"));
  const blocks = [
    ...(runs.length === 0 ? [] : [blockOf(titleOf(runs), RUN, runs)]),
    ...(timed.length === 0
      ? []
      : [blockOf("What jitter, stragglers and hand-overs cost, a step (measured)", LOSS, timed)]),
    ...(faulty.length === 0 ? [] : [blockOf("Faults (measured)", FAULTS, faulty)]),
    ...shortened("Instances: share of time, and stages (measured)", INSTANCES, instances),
    ...shortened("Messages (measured)", LINKS, links),
    ...handovers,
  ];
  return blocks.map((block, index) =>
    index === blocks.length - 1 ? { ...block, lines: [...(block.lines ?? []), ...notes] } : block,
  );
}

const BOUNDS = { attention: "attention", ffn: "FFN", network: "network", roundTrip: "round trip" } as const;

function titleOf([first]: readonly PipelineRunRow[]): string {
  if (first === undefined) return "Runs (measured)";
  const stages = first.emulated ? "emulated stages" : "kernels";
  return `AFD pipeline on worker threads: ${stages}, ${first.layers} layers, ${first.steps} steps (measured)`;
}

function runText({ deployment, microBatches }: Pick<PipelineRunRow, "deployment" | "microBatches">): string {
  return `${deployment}, ${microBatches} mb`;
}

function outputsCell({ status, bitEqual }: PipelineRunRow): Cell {
  switch (status) {
    case "failedCheck":
      return { text: "! differ", tone: "bad" };
    case "unrecoverable":
      return { text: "! unrecoverable", tone: "bad" };
    case "interrupted":
      return "interrupted";
    case "ok":
      return bitEqual === true ? "bit-equal" : "not compared";
  }
}

function signed(durationNs: number): string {
  return durationNs < 0 ? `−${formatDuration(-durationNs)}` : formatDuration(durationNs);
}

function shortened<Row>(title: string, columns: readonly ColumnOf<Row>[], rows: readonly Row[]): Block[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, MOST_ROWS);
  const lines = shown.length === rows.length ? [] : [`The first ${MOST_ROWS} of ${rows.length}; --json has all.`];
  return [blockOf(title, columns, shown, lines)];
}

/** Percentiles that a table has room for. */
const SHOWN_PERCENTILES = [0, 50, 75, 87.5, 93.75, 96.875, 98.4375, 99.21875, 100];

function handoverBlock(rows: readonly PipelineHandoverRow[]): Block[] {
  if (rows.length === 0) return [];
  const groups = [
    ...Map.groupBy(rows, ({ deployment, microBatches, direction }) => `${deployment} ${microBatches} ${direction}`),
  ];
  const percentiles = SHOWN_PERCENTILES.filter((percentile) => rows.some((row) => row.percentile === percentile));
  const columns: ColumnOf<readonly PipelineHandoverRow[]>[] = [
    { header: "run", align: "left", cell: ([row]) => (row === undefined ? ABSENT : runText(row)) },
    { header: "direction", align: "left", cell: ([row]) => (row?.direction === "a2f" ? "A2F" : "F2A") },
    { header: "count", align: "right", cell: ([row]) => String(row?.count) },
    ...percentiles.map(
      (percentile): ColumnOf<readonly PipelineHandoverRow[]> => ({
        header: percentileText(percentile),
        align: "right",
        cell: (own) => orAbsent(own.find((row) => row.percentile === percentile)?.handoverNs, formatDuration),
      }),
    ),
  ];
  const title = "Hand-over to a waiting instance, from the moment that a message could be used (measured)";
  return [
    blockOf(
      title,
      columns,
      groups.map(([, own]) => own),
    ),
  ];
}

function percentileText(percentile: number): string {
  if (percentile === 0) return "least";
  return percentile === 100 ? "most" : `p${Math.floor(percentile * 10) / 10}`;
}

function rowsOf<Shape extends PipelineRow["row"]>(
  rows: readonly PipelineRow[],
  shape: Shape,
): readonly Extract<PipelineRow, { row: Shape }>[] {
  return rows.filter((row): row is Extract<PipelineRow, { row: Shape }> => row.row === shape);
}
