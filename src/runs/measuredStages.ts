import type { ModelCard } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import type { BenchDocument } from "../record/schemas.ts";
import { InvalidInputError } from "../units/errors.ts";
import { formatDuration } from "../units/format.ts";
import { attendedTokens } from "../workload/kv-cache.ts";
import { typicalLayer } from "./plannedRow.ts";
import type { Dtype } from "./settings.ts";

/** Where a record's times come from: measured on its host, or set on accelerators by its projection rows. */
export type RecordRows = "measured" | "projected";

/** What is taken from a record. */
export interface RecordChoice {
  /** Of the file, for what is said about it. */
  readonly path: string;
  readonly document: BenchDocument;
  readonly rows: RecordRows;
  readonly dtype: Dtype;
}

/** Times of one layer in a record: plain data. */
export interface MeasuredStages {
  readonly rows: RecordRows;
  /** The machine that measured, which a card stands for; undefined where accelerators do. */
  readonly host: string | undefined;
  /** By sequences of a card, at each context. */
  readonly attention: readonly MeasuredTime[];
  /** By tokens of a step of all experts. */
  readonly ffn: readonly MeasuredTime[];
  /** Says what a row that is missing would have to be. */
  readonly wanted: { readonly attention: string; readonly ffn: string };
  readonly path: string;
}

/** A row of a record. */
export interface MeasuredTime {
  /** Sequences, or tokens. */
  readonly amount: number;
  /** Cached tokens that are attended to; of the FFN, 0. */
  readonly kvTokens: number;
  readonly timeNs: number;
  /** The row in words. */
  readonly text: string;
}

/** A time for an amount, and how it was come by. */
export interface TakenTime {
  readonly timeNs: number;
  readonly scaled: "asItIs" | "scaled";
  readonly text: string;
}

/**
 * What a record says of a model's layers.
 * @throws InvalidInputError naming the rows that it has not got
 */
export function measuredStages(
  { path, document, rows, dtype }: RecordChoice,
  card: ModelCard,
  on: { readonly attention: string; readonly ffn: string },
): MeasuredStages {
  const times = (kernel: string, accelerator: string, amountOf: (row: KernelRow) => number) =>
    kernelRows(document, kernel, card, dtype).flatMap((row): MeasuredTime[] => {
      const timeNs = rows === "measured" ? row.medianNs : projectedNs(document, row, accelerator);
      if (timeNs === undefined) return [];
      const { threads, kvTokens = 0 } = row;
      const by = rows === "measured" ? `on ${threads} thread${threads === 1 ? "" : "s"}` : `on ${accelerator}`;
      const text = `${kernel} ${dtype} ${row.shape} ${by}, ${formatDuration(timeNs)}`;
      return [{ amount: amountOf(row), kvTokens, timeNs, text }];
    });
  const source = rows === "measured" ? "a medianNs" : "a projection";
  const wanted = (kernel: string, accelerator: string) =>
    `a row of ${kernel} of ${card.name} in ${dtype} with ${source}${rows === "measured" ? "" : ` to ${accelerator}`}`;
  const { cpuModel } = document.environment;
  const stages: MeasuredStages = {
    rows,
    host: rows === "measured" ? cpuModel : undefined,
    attention: times(ATTENTION, on.attention, ({ batch = 0 }) => batch),
    ffn: times(FFN, on.ffn, ({ tokensPerExpert = 0, experts = 0, topK = 1 }) =>
      Math.ceil((tokensPerExpert * experts) / topK),
    ),
    wanted: { attention: wanted(ATTENTION, on.attention), ffn: wanted(FFN, on.ffn) },
    path,
  };
  for (const side of ["attention", "ffn"] as const) {
    if (stages[side].length === 0) throw missing(stages, side, "", rowNames(document));
  }
  return stages;
}

/**
 * Attention of a layer for so many sequences of a context, on one card.
 * @throws InvalidInputError where the record has no row at the context
 */
export function measuredAttention(
  stages: MeasuredStages,
  card: ModelCard,
  contextTokens: number,
  sequences: number,
): TakenTime {
  const { attention } = typicalLayer(card);
  const kvTokens = attention.kind === "linear" ? contextTokens : attendedTokens(attention.span, contextTokens);
  const fitting = stages.attention.filter((time) => time.kvTokens === kvTokens);
  if (fitting.length > 0) return timeFor(fitting, sequences, "sequences");
  const contexts = [...new Set(stages.attention.map((time) => `kvTokens=${time.kvTokens}`))];
  throw missing(stages, "attention", ` at kvTokens=${kvTokens}`, contexts);
}

/** FFN of a layer for so many tokens, on one card with all experts. */
export function measuredFfn(stages: MeasuredStages, tokens: number): TakenTime {
  return timeFor(stages.ffn, tokens, "tokens");
}

const ATTENTION = "attention.layer";
const FFN = "moe.layer";

/** Rows of a kernel with plain weights and cache; of rows alike but for their threads, those with the most. */
function kernelRows({ rows }: BenchDocument, kernel: string, card: ModelCard, dtype: Dtype): readonly KernelRow[] {
  const fitting = rows.filter(
    (row): row is KernelRow =>
      row.row === "kernel" &&
      row.kernel === kernel &&
      row.model === card.name &&
      row.dtype === dtype &&
      (row.weightDtype ?? dtype) === dtype &&
      (row.kvDtype ?? dtype) === dtype,
  );
  const byShape = Map.groupBy(fitting, ({ shape }) => shape);
  return [...byShape.values()].flatMap((alike) =>
    alike.toSorted((one, other) => other.threads - one.threads).slice(0, 1),
  );
}

function projectedNs({ rows }: BenchDocument, { kernel, shape, dtype }: KernelRow, on: string): number | undefined {
  const found = rows.find(
    (row) =>
      row.row === "projection" &&
      row.kernel === kernel &&
      row.shape === shape &&
      row.dtype === dtype &&
      row.accelerator === on,
  );
  return found?.row === "projection" ? found.latencyNs : undefined;
}

/** The row of this amount; else on the line between two rows, or in proportion beyond them. */
function timeFor(times: readonly MeasuredTime[], amount: number, unit: string): TakenTime {
  const inOrder = times.toSorted((one, other) => one.amount - other.amount);
  const below = inOrder.findLast((time) => time.amount <= amount);
  const above = inOrder.find((time) => time.amount >= amount);
  if (below !== undefined && above !== undefined) {
    if (below.amount === amount) return { timeNs: below.timeNs, scaled: "asItIs", text: `${below.text}, as it is` };
    const share = (amount - below.amount) / (above.amount - below.amount);
    const timeNs = below.timeNs + share * (above.timeNs - below.timeNs);
    return { timeNs, scaled: "scaled", text: `on the line from ${below.text}, to ${above.text}` };
  }
  const nearest = below ?? above;
  if (nearest === undefined) throw new Error("no row to take a time from");
  const timeNs = (nearest.timeNs * amount) / nearest.amount;
  return { timeNs, scaled: "scaled", text: `${nearest.text}, in proportion to ${unit}` };
}

/** What a record has instead. */
function rowNames({ rows }: BenchDocument): readonly string[] {
  const names = rows.flatMap((row) =>
    row.row === "kernel" && row.model !== undefined
      ? [`${row.kernel} of ${row.model} in ${row.dtype}${row.status === "ok" ? "" : ` (${row.status})`}`]
      : [],
  );
  return [...new Set(names)];
}

function missing(
  { path, wanted }: MeasuredStages,
  side: "attention" | "ffn",
  where: string,
  has: readonly string[],
): InvalidInputError {
  const value = has.length === 0 ? undefined : has.join(", ");
  return new InvalidInputError({ field: `--from ${path}`, value, expected: `${wanted[side]}${where}` });
}
