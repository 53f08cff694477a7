import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import { acceleratorNames, loadAccelerator } from "../hardware/catalog.ts";
import { type AcceleratorPeaks, peaksOf } from "../theory/families.ts";
import { InvalidInputError } from "../units/errors.ts";
import { KERNEL_KINDS, type KernelShape } from "../workload/kernelShape.ts";
import {
  type DataFile,
  type DataRow,
  dataFileSchema,
  type KernelRow,
  kernelRowSchemas,
  rowSchema,
  type StatedPeaks,
} from "./dataSchema.ts";
import { DTYPES, readDtype, type StoredDtype } from "./dtypes.ts";
import { hostPartOf } from "./hostPart.ts";
import { engineName, type Measurement } from "./measurement.ts";

/** A row that could not be read: the others are used. */
export interface RowFault {
  readonly file: string;
  /** From 1. */
  readonly row: number;
  readonly error: InvalidInputError;
}

/** What a file of measurements holds. */
export interface Measurements {
  readonly measured: readonly Measurement[];
  /** Rows without a kernel time: links, whole systems. */
  readonly unsupported: readonly UnsupportedRow[];
  readonly faults: readonly RowFault[];
}

export interface UnsupportedRow {
  readonly source: string;
  readonly accelerator: string;
  readonly kernelKind: string;
}

/**
 * The measurements of a file's content; a row that lacks something is named and left out.
 * @throws InvalidInputError where the content is no file of measurements
 */
export function readMeasurements(content: unknown, file: string): Measurements {
  const parsed = dataFileSchema.safeParse(content);
  if (!parsed.success) throw notMeasurements(parsed.error, content, file);
  const read = { measured: [] as Measurement[], unsupported: [] as UnsupportedRow[], faults: [] as RowFault[] };
  for (const [index, value] of parsed.data.rows.entries()) {
    const row = index + 1;
    const basic = rowSchema.safeParse(value);
    if (!basic.success) read.faults.push({ file, row, error: errorOf(basic.error, value) });
    else readRow(basic.data, { file, row, data: parsed.data }, read);
  }
  return read;
}

interface Place {
  readonly file: string;
  readonly row: number;
  readonly data: DataFile;
}

interface Collected {
  readonly measured: Measurement[];
  readonly unsupported: UnsupportedRow[];
  readonly faults: RowFault[];
}

function readRow(row: DataRow, place: Place, read: Collected): void {
  const name = acceleratorName(row.gpu);
  const source = [place.file, row.source].filter((part) => part !== undefined).join(": ");
  const leaveOut = (error: InvalidInputError) => read.faults.push({ file: place.file, row: place.row, error });
  const kind = KERNEL_KINDS.find((known) => known === row.kernelKind);
  if (kind === undefined) {
    if (isMisspelt(row.kernelKind)) leaveOut(wrongField("kernelKind", row, "a kind of kernel", KERNEL_KINDS));
    else read.unsupported.push({ source, accelerator: name, kernelKind: row.kernelKind });
    return;
  }
  const parsed = kernelRowSchemas[kind].safeParse(row);
  if (!parsed.success) {
    leaveOut(errorOf(parsed.error, row));
    return;
  }
  const kernelRow = { ...parsed.data, kernelKind: kind } as KernelRow;
  const dtype = readDtype(kernelRow.dtype);
  const kvDtype = "kvDtype" in kernelRow ? readDtype(kernelRow.kvDtype) : undefined;
  const peaks = rowPeaks(row.gpu, name, place.data.peaksUsed);
  if (dtype === undefined) leaveOut(wrongField("dtype", row, DTYPES));
  else if ("kvDtype" in kernelRow && kvDtype === undefined) leaveOut(wrongField("kvDtype", row, DTYPES));
  else if (peaks === undefined) {
    const expected = "an accelerator of the catalog, or its peaks in peaksUsed";
    leaveOut(wrongField("gpu", row, expected, acceleratorNames()));
  } else {
    read.measured.push({
      source,
      file: place.file,
      row: place.row,
      peaks,
      engine: engineName(row.kernel ?? sourceName(place.data.source.repo) ?? baseName(place.file)),
      shape: shapeOf(kernelRow, dtype, kvDtype?.bytesPerElement ?? 2),
      measuredNs: kernelRow.measuredUs * 1e3,
      host: hostPartOf(kernelRow, place.data.source.repo, row.source),
      certain: row.gpuCertain !== false,
    });
  }
}

function shapeOf(row: KernelRow, dtype: StoredDtype, bytesPerKvElement: number): KernelShape {
  const { operand, bytesPerElement: bytesPerWeight } = dtype;
  switch (row.kernelKind) {
    case "attention-decode": {
      const { batch, queryTokens, kvTokens, queryHeads, kvHeads, headDim } = row;
      const common = { batch, queryTokens, kvTokens, queryHeads, kvHeads, headDim, operand, bytesPerKvElement };
      return { kind: row.kernelKind, ...common, valueDim: headDim };
    }
    case "mla-decode": {
      const { batch, queryTokens, kvTokens, queryHeads, headDim, valueDim } = row;
      const common = { batch, queryTokens, kvTokens, queryHeads, headDim, valueDim, operand, bytesPerKvElement };
      return { kind: row.kernelKind, ...common, kvHeads: 1 };
    }
    case "gemm":
      return { kind: row.kernelKind, groups: 1, m: row.m, n: row.n, k: row.k, operand, bytesPerWeight, rows: "even" };
    case "grouped-gemm": {
      const rows = row.layout === "contiguous" ? "even" : "uneven";
      const { localExperts, m, n, k } = row;
      return { kind: row.kernelKind, groups: localExperts, m, n, k, operand, bytesPerWeight, rows };
    }
    case "moe-fused":
      return moeShape(row, dtype);
  }
}

function moeShape(
  row: KernelRow & { readonly kernelKind: "moe-fused" },
  { operand, bytesPerElement }: StoredDtype,
): KernelShape {
  const { experts, localExperts, topK, tokens, hiddenSize, expertIntermediateSize } = row;
  const routedTokens = row.routedTokens ?? (tokens * topK * localExperts) / experts;
  const touched = row.expertsTouched ?? row.expertsTouchedExpected ?? Math.min(localExperts, routedTokens);
  const dispatched = row.routedTokens !== undefined || /deepep|masked/i.test(row.kernel ?? "");
  const random = row.expertsTouched !== undefined || (row.routing ?? "").includes("random");
  return {
    kind: row.kernelKind,
    experts,
    localExperts,
    topK,
    tokens,
    hidden: hiddenSize,
    expertDim: expertIntermediateSize,
    touchedExperts: Math.max(touched, 1),
    routedTokens,
    // A masked layout holds what was dispatched already; counted rows say what the kernel got.
    movedTokens: dispatched ? routedTokens : tokens * topK,
    operand,
    bytesPerWeight: bytesPerElement,
    rows: random ? "uneven" : "even",
  };
}

/** The name of a repository stands for the kernel where rows name none: `microsoft/vidur` is vidur. */
function sourceName(repo: string | undefined): string | undefined {
  return repo?.match(/^[\w.-]+\/([\w.-]+)$/)?.[1];
}

/** Else the file, without its folder and ending. */
function baseName(file: string): string {
  return file.replace(/^.*[\\/]/, "").replace(/\.json$/, "");
}

/** As flags name accelerators: without the maker, and without form and memory where the catalog knows the rest. */
function acceleratorName(gpu: string): string {
  const name = gpu
    .toLowerCase()
    .replace(/^((nvidia|amd|huawei|ascend|instinct)[\s_-]+)+/, "")
    .trim();
  const words = name.split(/[\s_-]+/);
  const known = acceleratorNames();
  const whole = words.join("-");
  if (known.includes(whole)) return whole;
  return words.find((word) => known.includes(word)) ?? name;
}

/** Peaks that the file states, for all of its rows or by accelerator, else the catalog's; cores and cache are the catalog's. */
function rowPeaks(gpu: string, name: string, stated: DataFile["peaksUsed"]): AcceleratorPeaks | undefined {
  const known = acceleratorNames().includes(name) ? peaksOf(loadAccelerator(name)) : undefined;
  const own = stated === undefined || isPeaks(stated) ? stated : stated[gpu];
  if (own === undefined) return known;
  const { cores, l2Bytes } = known ?? {};
  return {
    ...statedPeaks(name, own),
    ...(cores === undefined ? {} : { cores }),
    ...(l2Bytes === undefined ? {} : { l2Bytes }),
  };
}

function isPeaks(stated: NonNullable<DataFile["peaksUsed"]>): stated is StatedPeaks {
  return typeof stated["memGBps"] === "number";
}

function statedPeaks(
  name: string,
  { memGBps, bf16TFLOPS, fp8TFLOPS, int8TOPS, fp4TFLOPS }: StatedPeaks,
): AcceleratorPeaks {
  return {
    name,
    bytesPerSecond: memGBps * 1e9,
    bf16FlopsPerSecond: bf16TFLOPS * 1e12,
    ...(fp8TFLOPS === undefined ? {} : { fp8FlopsPerSecond: fp8TFLOPS * 1e12 }),
    ...(int8TOPS === undefined ? {} : { int8FlopsPerSecond: int8TOPS * 1e12 }),
    ...(fp4TFLOPS === undefined ? {} : { fp4FlopsPerSecond: fp4TFLOPS * 1e12 }),
  };
}

/** Whether a kind is a slip of a known one, and not a measurement of another sort. */
function isMisspelt(kind: string): boolean {
  const plain = kind.toLowerCase().replace(/[\s_]+/g, "-");
  return KERNEL_KINDS.some((known) => distance(plain, known) <= MOST_SLIPS);
}

const MOST_SLIPS = 2;

function wrongField(
  field: string,
  row: Readonly<Record<string, unknown>>,
  expected: string,
  known: readonly string[] = [],
): InvalidInputError {
  return new InvalidInputError({ field, value: row[field], expected, known });
}

/** What zod refused of a row. */
function errorOf({ issues: [issue] }: z.ZodError, row: unknown): InvalidInputError {
  const path = issue?.path ?? [];
  if (path.length === 0) return new InvalidInputError({ field: "row", value: row, expected: "an object" });
  return new InvalidInputError({
    field: path.join("."),
    value: valueAt(row, path),
    expected: issue?.message ?? "another value",
  });
}

function valueAt(whole: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    whole,
  );
}

function notMeasurements(error: z.ZodError, content: unknown, file: string): InvalidInputError {
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  const value = valueAt(content, path);
  const field = path.length === 0 ? file : `${file}: ${path.join(".")}`;
  const expected = "a file of measurements: an object with source, peaksUsed and a list of rows";
  return new InvalidInputError({ field, value, expected });
}
