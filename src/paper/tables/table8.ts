import type { ModelCard } from "../../model/card.ts";
import { afdCardBytes, plainCardBytes, sequencesThatFit, usableBytes } from "../../simulate/cardMemory.ts";
import { afdStepTime, type BatchLimits, largestAfdBatch, largestPlainBatch } from "../../simulate/planBatch.ts";
import { type AttentionPrecision, attentionNs } from "../../theory/attentionStage.ts";
import { EFFICIENCY } from "../../theory/efficiency.ts";
import { type PlainDeployment, plainLayerTimes, plainRates, plainStepTime } from "../../theory/expertParallel.ts";
import { ffnNs } from "../../theory/ffnStage.ts";
import { busiestLinkNs, type PipelineTimes, transferNs } from "../../theory/pipeline.ts";
import { type AfdDeployment, layerTimes, ONE_NETWORK_STAGE, stageRates } from "../../theory/stageTimes.ts";
import { formatDuration } from "../../units/format.ts";
import { CONTEXTS, type ComparedCell, type PaperCell, type PaperTable } from "../cell.ts";
import type { PaperInputs } from "../inputs.ts";
import { TARGETS } from "../published/design.ts";
import { TABLE_8, TABLE_8_BATCHES, type Table8Row } from "../published/throughput.ts";

/** What a model of stage times may be off by: the report measured its rows. */
const TOLERANCE_SHARE = 0.05;

const MICRO_BATCHES = TARGETS.stages;
const CARDS_PER_INSTANCE = 8;
const CONTEXT_4K = 4096;

/** A row on attention and FFN instances. */
interface AfdRow {
  readonly row: Exclude<Table8Row, "DSv3, EP128">;
  readonly instances: readonly [attention: number, ffn: number];
  readonly contextTokens: number;
  readonly precision: AttentionPrecision;
  readonly upcycled?: true;
}

const AFD_ROWS: readonly AfdRow[] = [
  { row: "2A2F", instances: [2, 2], contextTokens: CONTEXT_4K, precision: "auto" },
  { row: "3A2F, BF16 attention", instances: [3, 2], contextTokens: CONTEXT_4K, precision: "bf16" },
  { row: "4A2F at 8K", instances: [4, 2], contextTokens: CONTEXTS["8K"], precision: "auto" },
  { row: "16A2F at 32K", instances: [16, 2], contextTokens: CONTEXTS["32K"], precision: "auto" },
  { row: "3A4F, 600B", instances: [3, 4], contextTokens: CONTEXT_4K, precision: "auto", upcycled: true },
];

const PLAIN_ROW = "DSv3, EP128" satisfies Table8Row;
const PLAIN_CARDS = 128;

/**
 * Decode throughput on H800, from stage times with one set of constants: at the largest batch whose step, jitter allowed
 * for, stays within 50 ms, and at the report's batch. Throughput is that of a step without jitter, as the report's is.
 * @source Step-3 report, Table 8 and section 7.1
 */
export const table8: PaperTable = (inputs) => [
  ...AFD_ROWS.flatMap((row) => afdCells(row, inputs)),
  ...plainCells(inputs),
];

function afdCells({ row, instances, contextTokens, precision, upcycled }: AfdRow, inputs: PaperInputs): PaperCell[] {
  const step3 = inputs.model("Step-3");
  const card = upcycled === undefined ? step3 : twiceTheExperts(step3);
  const accelerator = inputs.accelerator("H800");
  const [attentionInstances, ffnInstances] = instances;
  const group = { accelerator, cards: CARDS_PER_INSTANCE };
  const deployment: AfdDeployment = {
    attention: { ...group, instances: attentionInstances, precision },
    ffn: { ...group, instances: ffnInstances, parallelism: "expert", redundantExperts: 0 },
  };
  const rates = stageRates({ card, contextTokens, deployment, efficiency: EFFICIENCY });
  const held = afdCardBytes(card, contextTokens, deployment, EFFICIENCY);
  const usable = usableBytes(accelerator, EFFICIENCY);
  if (held.ffnWeightBytes > usable) throw new Error(`${row} does not hold its experts`);
  const found = largestAfdBatch(
    rates,
    MICRO_BATCHES,
    limits(sequencesThatFit(usable, held.attentionWeightBytes, held.sequenceBytes)),
  );
  const cards = (attentionInstances + ffnInstances) * CARDS_PER_INSTANCE;
  const batch = found.microBatchTokens * MICRO_BATCHES;
  const published = TABLE_8_BATCHES[row];
  const atReports = afdStepTime(rates, published / MICRO_BATCHES, MICRO_BATCHES);
  const moe = rates.kinds.at(-1);
  if (moe === undefined) throw new Error(`${row} has no layers`);
  const times = layerTimes(moe, rates.attentionCards, batch / MICRO_BATCHES);
  return [
    throughput(row, "largest batch", (batch / found.stepNs / cards) * 1e9, boundRemark(found, upcycled)),
    throughput(row, "report's batch", (published / atReports.timeNs / cards) * 1e9),
    ...batchCells(row, batch, found.stepNs),
    ...stageCells(row, times),
  ];
}

/** The plain deployment is measured beyond 50 ms: its throughput is that of the batch that it had. */
function plainCells(inputs: PaperInputs): PaperCell[] {
  const row = PLAIN_ROW;
  const card = inputs.model("DSv3");
  const accelerator = inputs.accelerator("H800");
  const deployment: PlainDeployment = {
    accelerator,
    cards: PLAIN_CARDS,
    precision: "bf16",
    parallelism: "expert",
    redundantExperts: 0,
  };
  const rates = plainRates({ card, contextTokens: CONTEXT_4K, deployment, efficiency: EFFICIENCY });
  const held = plainCardBytes(card, CONTEXT_4K, deployment, EFFICIENCY);
  const weights = held.attentionWeightBytes + held.ffnWeightBytes;
  const fits = sequencesThatFit(usableBytes(accelerator, EFFICIENCY), weights, held.sequenceBytes);
  const found = largestPlainBatch(rates, PLAIN_CARDS, OVERLAPPED, limits(fits));
  const perCard = TABLE_8_BATCHES[row] / PLAIN_CARDS;
  const step = plainStepTime(rates, perCard / OVERLAPPED, OVERLAPPED);
  const moe = rates.at(-1);
  if (moe === undefined) throw new Error(`${row} has no layers`);
  const binds = { compute: "The cards bind", network: "The network binds", roundTrip: "The round trip binds" }[
    step.bound
  ];
  const remark = `${binds}: attention and FFN take turns on them. The report's batch gives ${formatDuration(step.timeNs)}, beyond 50 ms, as its throughput says. A2F and F2A are dispatch and combine.`;
  return [
    throughput(row, "report's batch", (perCard / step.timeNs) * 1e9, remark),
    ...batchCells(row, found.microBatchTokens * OVERLAPPED, found.stepNs),
    ...stageCells(row, {
      ...plainLayerTimes(moe, perCard / OVERLAPPED),
      attentionNs: attentionNs(moe.attention, perCard / OVERLAPPED),
      ffnNs: ffnNs(moe.ffn, perCard / OVERLAPPED),
    }),
  ];
}

/** Micro-batches of two-batch overlap. */
const OVERLAPPED = 2;

/**
 * The report's upcycled model of 600 billion parameters, of which it prints neither experts nor choices: taken as Step-3
 * with each expert twice and as many chosen, so that weights double and a token's work stays.
 */
function twiceTheExperts(card: ModelCard): ModelCard {
  return {
    ...card,
    layers: card.layers.map((layer) =>
      layer.ffn.kind === "moe" ? { ...layer, ffn: { ...layer.ffn, experts: 2 * layer.ffn.experts } } : layer,
    ),
  };
}

function limits(sequencesPerCard: number): BatchLimits {
  return { stepNs: TARGETS.tpot.value - EFFICIENCY.jitterNs, sequencesPerCard };
}

function boundRemark({ bound, limit }: ReturnType<typeof largestAfdBatch>, upcycled: true | undefined): string {
  const binds = { attention: "Attention", ffn: "FFN", network: "The network", roundTrip: "The round trip" }[bound];
  const held = limit === "time" ? "" : ", and memory holds no more sequences";
  const model =
    upcycled === undefined ? "" : " The model is Step-3 with twice the experts, of which as many are chosen.";
  return `${binds} binds${held}.${model}`;
}

function throughput(row: Table8Row, at: string, computed: number, remark?: string): ComparedCell {
  const place = { row, column: `throughput, ${at}`, unit: "tokens/s" } as const;
  const cell = {
    kind: "compared",
    ...place,
    printed: TABLE_8[row],
    computed,
    toleranceShare: TOLERANCE_SHARE,
  } as const;
  return remark === undefined ? cell : { ...cell, remark };
}

function batchCells(row: Table8Row, batch: number, stepNs: number): PaperCell[] {
  return [
    { kind: "drawn", row, column: "throughput, batch", unit: "tokens", computed: batch },
    {
      kind: "input",
      row,
      column: "throughput, batch of the report",
      unit: "tokens",
      published: TABLE_8_BATCHES[row],
      source: "Step-3 report, Table 8 and section 7.1",
    },
    { kind: "drawn", row, column: "throughput, TPOT", unit: "ns", computed: stepNs },
  ];
}

function stageCells(row: Table8Row, times: PipelineTimes): PaperCell[] {
  const stages = {
    A: times.attentionNs,
    A2F: transferNs(times.a2f),
    F: times.ffnNs,
    F2A: transferNs(times.f2a),
    "busiest link": busiestLinkNs([times], ONE_NETWORK_STAGE),
  };
  return Object.entries(stages).map(([stage, computed]) => ({
    kind: "drawn",
    row,
    column: `an MoE layer, ${stage}`,
    unit: "ns",
    computed,
  }));
}
