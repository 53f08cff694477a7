import type { HardwareRow, LayersRow, ModelRow } from "../record/catalogRows.ts";
import type { EnvDocument, HardwareDocument, ModelsDocument } from "../record/schemas.ts";
import { formatBandwidth, formatBytes, formatNumber, formatRate } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type Column, type ColumnOf, FACT_COLUMNS, orAbsent } from "./block.ts";
import { environmentFacts } from "./environmentText.ts";

const NAME: Column["align"] = "left";
const NUMBER: Column["align"] = "right";

/** The models of a document: a row each, or, where there is but one, everything about it below each other; then layers. */
export function modelsBlocks({ rows, notes }: ModelsDocument): Block[] {
  const models = rows.filter((row) => row.row === "model");
  const layers = rows.filter((row) => row.row === "layers");
  const [only] = models;
  const isShown = only !== undefined && models.length === 1;
  const { columns, rows: cells } = blockOf("", modelColumns(only?.contextTokens), models);
  const blocks = [
    ...(isShown
      ? [{ columns: FACT_COLUMNS, rows: modelFacts(only) }]
      : models.length === 0
        ? []
        : [{ columns, rows: cells }]),
    ...(layers.length === 0 ? [] : [blockOf("Layers by kind", LAYERS_COLUMNS, layers)]),
  ];
  const lines = isShown ? notes : ["All numbers are modeled, from each model's configuration.", ...notes];
  return blocks.map((block, index) => (index === blocks.length - 1 ? { ...block, lines } : block));
}

function modelColumns(contextTokens: number | undefined): readonly ColumnOf<ModelRow>[] {
  const context = contextTokens === undefined ? "token" : `token at ${contextTokens}`;
  return [
    { header: "model", align: NAME, cell: (row) => row.model },
    { header: "layers", align: NAME, cell: (row) => row.layerKinds },
    { header: "parameters", align: NUMBER, cell: (row) => billions(row.parametersTotal) },
    { header: "activated", align: NUMBER, cell: (row) => billions(row.parametersActivated) },
    { header: "KV per\ncached token", align: NUMBER, cell: (row) => formatBytes(row.kvBytesPerCachedToken) },
    { header: `KV read per\n${context}`, align: NUMBER, cell: (row) => formatBytes(row.kvBytesReadPerToken) },
    { header: "FLOPs per\nKV byte", align: NUMBER, cell: (row) => formatNumber(row.attentionFlopsPerByte) },
    { header: "effective\nrank", align: NUMBER, cell: (row) => row.effectiveRanks ?? String(row.effectiveRank) },
  ];
}

const LAYERS_COLUMNS: readonly ColumnOf<LayersRow>[] = [
  { header: "layers", align: NUMBER, cell: (row) => String(row.layers) },
  { header: "which", align: NAME, cell: (row) => row.layerIndices },
  { header: "kind", align: NAME, cell: (row) => row.layerKind },
  { header: "attention", align: NAME, cell: (row) => headsText(row) },
  { header: "RoPE scaling", align: NAME, cell: (row) => row.ropeScaling ?? ABSENT },
  { header: "effective\nrank", align: NUMBER, cell: (row) => String(row.effectiveRank) },
  { header: "FFN", align: NAME, cell: (row) => ffnText(row) },
];

function modelFacts(row: ModelRow): string[][] {
  const bits = row.kvBits === undefined ? "" : `, KV of ${row.kvBits} bits`;
  return [
    ["model", `${row.model} (${row.modelType})`],
    ["layers", `${row.layers}: ${row.layerKinds}`],
    ["hidden", String(row.hidden)],
    ["vocabulary", String(row.vocab)],
    ["attention", `${row.attention}: ${headsText(row)}`],
    ...(row.ropeScaling === undefined ? [] : [["RoPE scaling", row.ropeScaling]]),
    ...(row.softmaxScale === undefined ? [] : [["softmax scale", formatNumber(row.softmaxScale)]]),
    ...(row.bias === undefined ? [] : [["biases", biasText(row.bias)]]),
    ["effective rank", row.effectiveRanks ?? String(row.effectiveRank)],
    ...(row.experts === undefined ? [] : [["experts", ffnText(row)]]),
    ["longest context", `${row.maxContextTokens} tokens`],
    ["parameters", `${billions(row.parametersTotal)}, ${billions(row.parametersActivated)} activated by a token`],
    ["KV per cached token", `${formatBytes(row.kvBytesPerCachedToken)} (${row.kvBytesPerCachedToken} bytes)`],
    ["KV read per token", `${formatBytes(row.kvBytesReadPerToken)} at a context of ${row.contextTokens}${bits}`],
    ["FLOPs per KV byte", formatNumber(row.attentionFlopsPerByte)],
    ["source", row.source],
  ];
}

/** Heads and ranks of a layer, or of a model's first layer with a cache. */
function headsText({ queryHeads, kvHeads, headDim, queryRank, kvRank }: ModelRow | LayersRow): string {
  if (queryHeads === undefined) return "a state, no cache";
  const heads =
    kvHeads === undefined || headDim === undefined
      ? `${queryHeads} query heads on a latent of ${kvRank ?? ABSENT}`
      : `${queryHeads} query heads on ${kvHeads} KV head${kvHeads === 1 ? "" : "s"} of ${headDim}`;
  return `${heads}${queryRank === undefined ? "" : `, query rank ${queryRank}`}`;
}

function biasText(bias: string): string {
  return bias === "queryKeyValue" ? "query, key, value" : bias;
}

function ffnText(row: Pick<LayersRow, "denseDim" | "experts" | "expertDim" | "topK" | "sharedDim">): string {
  const { denseDim, experts, expertDim, topK, sharedDim } = row;
  if (experts === undefined) return `${denseDim ?? ABSENT} wide`;
  const shared = sharedDim === undefined || sharedDim === 0 ? "no shared expert" : `a shared expert ${sharedDim} wide`;
  return `${experts}, ${expertDim ?? ABSENT} wide, top ${topK ?? ABSENT}, ${shared}`;
}

/** The accelerators of a document: a row each, or, where there is but one, everything about it below each other. */
export function hardwareBlocks({ rows, notes }: HardwareDocument): Block[] {
  const [only] = rows;
  if (only !== undefined && rows.length === 1) {
    return [{ columns: FACT_COLUMNS, rows: hardwareFacts(only), lines: notes }];
  }
  return [
    {
      columns: [
        { header: "accelerator", align: NAME },
        { header: "USD/h", align: NUMBER },
        { header: "peak FP4", align: NUMBER },
        { header: "peak FP8", align: NUMBER },
        { header: "peak INT8", align: NUMBER },
        { header: "peak BF16", align: NUMBER },
        { header: "bandwidth", align: NUMBER },
        { header: "memory", align: NUMBER },
        { header: "network", align: NUMBER },
        { header: "cards", align: NUMBER },
        { header: "ridge FLOPs/byte", align: NUMBER },
        { header: "source", align: NAME },
      ],
      rows: rows.map((row) => [
        row.accelerator,
        orAbsent(row.usdPerHour, usdText),
        orAbsent(row.peakFp4FlopsPerSecond, formatRate),
        orAbsent(row.peakFp8FlopsPerSecond, formatRate),
        orAbsent(row.peakInt8FlopsPerSecond, formatRate),
        formatRate(row.peakBf16FlopsPerSecond),
        formatBandwidth(row.memoryBytesPerSecond),
        orAbsent(row.memoryBytes, formatBytes),
        orAbsent(row.networkBytesPerSecond, formatBandwidth),
        orAbsent(row.cardsPerServer, String),
        `${formatNumber(row.ridgeFlopsPerByte)} (${row.precision})`,
        row.source,
      ]),
      lines: [
        "Prices (of a card), peaks, bandwidths, memories and networks (of a server) are published; the ridge point follows from them. `hardware show NAME` has the source of each.",
        ...notes,
      ],
    },
  ];
}

function hardwareFacts(row: HardwareRow): string[][] {
  return [
    ["accelerator", row.accelerator],
    [
      "price",
      sourcedText(row.usdPerHour, (usd) => `${usdText(usd)} USD per card-hour`, row.usdPerHourSource, "none public"),
    ],
    ["peak FP4", sourcedText(row.peakFp4FlopsPerSecond, formatRate, row.peakFp4FlopsPerSecondSource, "none")],
    ["peak FP8", sourcedText(row.peakFp8FlopsPerSecond, formatRate, row.peakFp8FlopsPerSecondSource, "none")],
    ["peak INT8", sourcedText(row.peakInt8FlopsPerSecond, formatRate, row.peakInt8FlopsPerSecondSource)],
    ["peak BF16", sourcedText(row.peakBf16FlopsPerSecond, formatRate, row.peakBf16FlopsPerSecondSource)],
    ["bandwidth", sourcedText(row.memoryBytesPerSecond, formatBandwidth, row.memoryBytesPerSecondSource)],
    ["memory", sourcedText(row.memoryBytes, formatBytes, row.memoryBytesSource)],
    ["L2 cache", sourcedText(row.l2Bytes, formatBytes, row.l2BytesSource)],
    ["cores", sourcedText(row.cores, String, row.coresSource)],
    ["network", sourcedText(row.networkBytesPerSecond, formatBandwidth, row.networkBytesPerSecondSource)],
    ["cards per server", sourcedText(row.cardsPerServer, String, row.cardsPerServerSource)],
    ["ridge point", `${formatNumber(row.ridgeFlopsPerByte)} FLOPs/byte in ${row.precision}`],
    ["source", row.source],
  ];
}

function usdText(usd: number): string {
  return usd >= 0.01 ? usd.toFixed(2) : formatNumber(usd);
}

/** A figure and where it is printed; `absent` where there is none. */
function sourcedText(
  value: number | undefined,
  format: (value: number) => string,
  source: string | undefined,
  absent = "not stated",
): string {
  if (value === undefined) return absent;
  return source === undefined ? format(value) : `${format(value)} (${source})`;
}

/** This machine, everything below each other. */
export function envBlocks({ rows, notes }: EnvDocument): Block[] {
  return [{ columns: FACT_COLUMNS, rows: rows.flatMap(environmentFacts), lines: notes }];
}

/** Parameters as model names state them. */
function billions(count: number): string {
  return `${formatNumber(count / 1e9)} billion`;
}
