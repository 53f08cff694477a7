import type {
  IntensityCauseRow,
  IntensityKernelRow,
  IntensityLevelRow,
  IntensityRangeRow,
  IntensityRow,
  IntensityTermRow,
  ModuleCallRow,
  ModuleRangeRow,
} from "../record/intensityRows.ts";
import type { IntensityDocument } from "../record/schemas.ts";
import { formatBytes, formatCount, formatNumber, formatPercent } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Cell, type ColumnOf, orAbsent } from "./block.ts";
import { environmentLine } from "./environmentText.ts";

/** Causes of a smaller share stand in csv and json alone. */
const SHOWN_FRACTION = 0.001;

/** A run of `intensity`: kernels, then terms, memory ranges and causes; or the call of a module, and its ranges. */
export function intensityBlocks(document: IntensityDocument): Block[] {
  const { rows, notes, environment } = document;
  const of = <Shape extends IntensityRow["row"]>(shape: Shape) =>
    rows.filter((row): row is Extract<IntensityRow, { row: Shape }> => row.row === shape);
  const isShown = ({ fraction }: IntensityCauseRow): boolean =>
    fraction === undefined || Math.abs(fraction) >= SHOWN_FRACTION;
  const blocks = [
    blockOf(
      `Modeled and measured intensity${ofModel(of("kernel"))}`,
      KERNEL_COLUMNS,
      of("kernel"),
      traceLines(of("kernel")),
    ),
    blockOf("Executed by term", TERM_COLUMNS, of("term")),
    blockOf("Bytes by term and memory range", RANGE_COLUMNS, of("range")),
    blockOf("Causes of differences", CAUSE_COLUMNS, of("cause").filter(isShown)),
    blockOf("Bytes and intensity by level of the caches", LEVEL_COLUMNS, of("level"), levelLines(of("level"))),
    blockOf("Executed", CALL_COLUMNS, of("call"), callLines(of("call"))),
    blockOf("Bytes by memory range", callRangeColumns(of("call").length), of("callRange")),
  ];
  const shown = blocks.filter((block) => block.rows.length > 0);
  return [...shown, { columns: [], rows: [], lines: [...notes, environmentLine(environment)] }];
}

type Joined = Pick<IntensityTermRow, "kernel" | "shape" | "dtype" | "term">;

const KERNEL_COLUMNS: readonly ColumnOf<IntensityKernelRow>[] = [
  {
    header: "kernel",
    align: "left",
    cell: ({ kernel, attention }) => (attention === undefined ? kernel : `${kernel} ${attention}`),
  },
  { header: "shape", align: "left", cell: ({ shape }) => shape },
  { header: "dtype", align: "left", cell: ({ dtype }) => dtype },
  { header: "modeled\nFLOP/B", align: "right", cell: (row) => orAbsent(row.modeledFlopsPerByte, four) },
  { header: "measured\nFLOP/B", align: "right", cell: measuredCell },
  { header: "ratio", align: "right", cell: ({ ratio }) => orAbsent(ratio, ratioText) },
  { header: "reason", align: "left", cell: ({ reason }) => reason ?? ABSENT },
];

const TERM_NAMES: readonly ColumnOf<Joined>[] = [
  { header: "kernel", align: "left", cell: ({ kernel }) => kernel },
  { header: "dtype", align: "left", cell: ({ dtype }) => dtype },
  { header: "term", align: "left", cell: ({ term }) => term },
];

const TERM_COLUMNS: readonly ColumnOf<IntensityTermRow>[] = [
  ...TERM_NAMES,
  { header: "modeled\nFLOPs", align: "right", cell: ({ modeledFlops }) => orAbsent(modeledFlops, formatCount) },
  { header: "of products\nf32", align: "right", cell: ({ matrixFlops }) => orAbsent(matrixFlops, formatCount) },
  { header: "\nint8", align: "right", cell: ({ int8Ops }) => orAbsent(int8Ops, formatCount) },
  { header: "element-\nwise", align: "right", cell: ({ elementwiseFlops }) => orAbsent(elementwiseFlops, formatCount) },
  { header: "conversions", align: "right", cell: ({ conversions }) => orAbsent(conversions, formatCount) },
  { header: "executed /\nmodeled", align: "right", cell: ({ flopsRatio }) => orAbsent(flopsRatio, ratioText) },
  { header: "reason", align: "left", cell: ({ reason }) => reason ?? ABSENT },
];

const RANGE_COLUMNS: readonly ColumnOf<IntensityRangeRow>[] = [
  ...TERM_NAMES,
  { header: "range", align: "left", cell: ({ range }) => range },
  { header: "modeled", align: "right", cell: ({ modeledBytes }) => orAbsent(modeledBytes, bytesText) },
  { header: "from\nmemory", align: "right", cell: ({ measuredBytes }) => orAbsent(measuredBytes, bytesText) },
  { header: "loaded", align: "right", cell: ({ loadedBytes }) => bytesText(loadedBytes) },
  { header: "stored", align: "right", cell: ({ storedBytes }) => bytesText(storedBytes) },
  { header: "from memory /\nmodeled", align: "right", cell: ({ ratio }) => orAbsent(ratio, ratioText) },
  { header: "reason", align: "left", cell: ({ reason }) => reason ?? ABSENT },
];

const CAUSE_COLUMNS: readonly ColumnOf<IntensityCauseRow>[] = [
  ...TERM_NAMES,
  { header: "of", align: "left", cell: ({ quantity }) => QUANTITIES[quantity] },
  { header: "cause", align: "left", cell: ({ cause }) => cause },
  {
    header: "amount",
    align: "right",
    cell: ({ quantity, amount }) => (quantity.endsWith("Bytes") ? bytesText(amount) : formatCount(amount)),
  },
  { header: "of modeled", align: "right", cell: ({ fraction }) => orAbsent(fraction, (share) => formatPercent(share)) },
  { header: "found in", align: "left", cell: ({ detail }) => detail ?? ABSENT },
];

const LEVEL_COLUMNS: readonly ColumnOf<IntensityLevelRow>[] = [
  { header: "kernel", align: "left", cell: ({ kernel }) => kernel },
  { header: "shape", align: "left", cell: ({ shape, traceShape }) => traceShape ?? shape },
  { header: "dtype", align: "left", cell: ({ dtype }) => dtype },
  { header: "caches", align: "left", cell: ({ caches }) => caches },
  { header: "level", align: "left", cell: ({ level }) => level },
  { header: "to the\ncore", align: "right", cell: ({ loadedBytes }) => bytesText(loadedBytes) },
  { header: "from\nthe core", align: "right", cell: ({ storedBytes }) => bytesText(storedBytes) },
  { header: "of both\nKV", align: "right", cell: ({ kvBytes }) => bytesText(kvBytes) },
  { header: "\nweights", align: "right", cell: ({ weightBytes }) => bytesText(weightBytes) },
  { header: "\nactivations", align: "right", cell: ({ activationBytes }) => bytesText(activationBytes) },
  { header: "\nscratch", align: "right", cell: ({ scratchBytes }) => bytesText(scratchBytes) },
  { header: "FLOP/B", align: "right", cell: ({ flopsPerByte }) => orAbsent(flopsPerByte, four) },
];

const QUANTITIES = {
  productFlops: "products",
  elementwiseFlops: "elementwise",
  kvBytes: "KV bytes",
  weightBytes: "weight bytes",
} as const;

const CALL_COLUMNS: readonly ColumnOf<ModuleCallRow>[] = [
  { header: "call", align: "left", cell: ({ call }) => call },
  { header: "result", align: "right", cell: resultCell },
  { header: "FLOPs", align: "right", cell: ({ flops }) => formatCount(flops) },
  { header: "int8 ops", align: "right", cell: ({ int8Ops }) => formatCount(int8Ops) },
  { header: "conversions", align: "right", cell: ({ conversions }) => formatCount(conversions) },
  { header: "loaded", align: "right", cell: ({ loadedBytes }) => bytesText(loadedBytes) },
  { header: "stored", align: "right", cell: ({ storedBytes }) => bytesText(storedBytes) },
  { header: "FLOP/B", align: "right", cell: ({ flopsPerByte }) => orAbsent(flopsPerByte, four) },
];

/** Of several calls each row says which it is of. */
function callRangeColumns(calls: number): readonly ColumnOf<ModuleRangeRow>[] {
  return calls > 1 ? [{ header: "call", align: "left", cell: ({ call }) => call }, ...RANGE_OF_CALL] : RANGE_OF_CALL;
}

const RANGE_OF_CALL: readonly ColumnOf<ModuleRangeRow>[] = [
  { header: "range", align: "left", cell: ({ range }) => range },
  { header: "begin", align: "right", cell: ({ begin }) => orAbsent(begin, String) },
  { header: "end", align: "right", cell: ({ end }) => orAbsent(end, String) },
  { header: "loaded", align: "right", cell: ({ loadedBytes }) => bytesText(loadedBytes) },
  { header: "stored", align: "right", cell: ({ storedBytes }) => bytesText(storedBytes) },
  { header: "FLOP/B", align: "right", cell: ({ flopsPerByte }) => orAbsent(flopsPerByte, four) },
];

function measuredCell({ measuredFlopsPerByte, status }: IntensityKernelRow): Cell {
  if (status !== "ok") return { text: status, tone: "bad" };
  return orAbsent(measuredFlopsPerByte, four);
}

function resultCell({ result, status }: ModuleCallRow): Cell {
  return status === "ok" ? (result ?? ABSENT) : { text: status, tone: "bad" };
}

function callLines(calls: readonly ModuleCallRow[]): string[] {
  return calls.flatMap(({ call, statusReason }) => (statusReason === undefined ? [] : [`! ${call}: ${statusReason}.`]));
}

function traceLines(kernels: readonly IntensityKernelRow[]): string[] {
  const lines = kernels.flatMap(({ kernel, traceShape }) =>
    traceShape === undefined ? [] : [`${kernel}: bytes from memory traced at ${traceShape}.`],
  );
  return [...new Set(lines)];
}

/** A lone core level says nothing of memory: what an endless cache would fetch stands in. */
function levelLines(levels: readonly IntensityLevelRow[]): string[] {
  return levels.flatMap(({ level, kernel, dtype, caches, touchedBytes }) =>
    level === "core" ? [`${kernel} ${dtype}, ${caches}: touches ${bytesText(touchedBytes)} in all.`] : [],
  );
}

function ofModel(kernels: readonly IntensityKernelRow[]): string {
  const models = [...new Set(kernels.flatMap(({ model }) => model ?? []))];
  return models.length === 0 ? "" : ` of ${models.join(", ")}`;
}

/** 126.03 and 126.98 are told apart. */
function four(value: number): string {
  return formatNumber(value, 4);
}

function bytesText(bytes: number): string {
  return bytes === 0 ? "0" : formatBytes(bytes);
}

function ratioText(ratio: number): string {
  return ratio.toFixed(3);
}
