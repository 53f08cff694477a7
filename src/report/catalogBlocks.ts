import type { HardwareRow, ModelRow } from "../record/catalogRows.ts";
import type { EnvDocument, HardwareDocument, ModelsDocument } from "../record/schemas.ts";
import { formatBandwidth, formatBytes, formatNumber, formatRate } from "../units/format.ts";
import { ABSENT, type Block, type Column, FACT_COLUMNS, orAbsent } from "./block.ts";
import { environmentFacts } from "./environmentText.ts";

const NAME: Column["align"] = "left";
const NUMBER: Column["align"] = "right";

/** The models of a document: a row each, or, where there is but one, everything about it below each other. */
export function modelsBlocks({ rows, notes }: ModelsDocument): Block[] {
  const [only] = rows;
  if (only !== undefined && rows.length === 1) return [{ columns: FACT_COLUMNS, rows: modelFacts(only), lines: notes }];
  const context = only === undefined ? "" : ` at ${only.contextTokens}`;
  return [
    {
      columns: [
        { header: "model", align: NAME },
        { header: "attention", align: NAME },
        { header: "layers", align: NUMBER },
        { header: "parameters", align: NUMBER },
        { header: "activated", align: NUMBER },
        { header: "KV per cached token", align: NUMBER },
        { header: `KV read per token${context}`, align: NUMBER },
        { header: "FLOPs per KV byte", align: NUMBER },
      ],
      rows: rows.map((row) => [
        row.model,
        row.attention,
        String(row.layers),
        billions(row.parametersTotal),
        billions(row.parametersActivated),
        formatBytes(row.kvBytesPerCachedToken),
        formatBytes(row.kvBytesReadPerToken),
        formatNumber(row.attentionFlopsPerByte),
      ]),
      lines: ["All numbers are modeled, from each model's configuration.", ...notes],
    },
  ];
}

function modelFacts(row: ModelRow): string[][] {
  const heads =
    row.kvHeads === undefined || row.headDim === undefined
      ? `${row.queryHeads ?? ABSENT} query heads on a latent of ${row.kvRank ?? ABSENT}`
      : `${row.queryHeads ?? ABSENT} query heads on ${row.kvHeads} KV head${row.kvHeads === 1 ? "" : "s"} of ${row.headDim}`;
  const rank = row.queryRank === undefined ? "" : `, query rank ${row.queryRank}`;
  return [
    ["model", `${row.model} (${row.modelType})`],
    ["layers", `${row.layers}: ${row.denseLayers} dense, ${row.moeLayers} with experts`],
    ["hidden", String(row.hidden)],
    ["vocabulary", String(row.vocab)],
    ["attention", `${row.attention}: ${heads}${rank}`],
    ...expertFacts(row),
    ["longest context", `${row.maxContextTokens} tokens`],
    ["parameters", `${billions(row.parametersTotal)}, ${billions(row.parametersActivated)} activated by a token`],
    ["KV per cached token", `${formatBytes(row.kvBytesPerCachedToken)} (${row.kvBytesPerCachedToken} bytes)`],
    ["KV read per token", `${formatBytes(row.kvBytesReadPerToken)} at a context of ${row.contextTokens}`],
    ["FLOPs per KV byte", formatNumber(row.attentionFlopsPerByte)],
    ["source", row.source],
  ];
}

function expertFacts({ experts, expertDim, topK, sharedDim }: ModelRow): string[][] {
  if (experts === undefined) return [];
  const shared = sharedDim === undefined || sharedDim === 0 ? "no shared expert" : `a shared expert ${sharedDim} wide`;
  return [["experts", `${experts}, ${expertDim ?? ABSENT} wide, top ${topK ?? ABSENT}, ${shared}`]];
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
