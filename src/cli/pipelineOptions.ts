import type { KernelStages, PipelineSettings, StageChoice } from "../runs/pipelineSettings.ts";
import { KV_DTYPES } from "../runs/settings.ts";
import { InvalidInputError } from "../units/errors.ts";
import {
  parseCount,
  parseCountOrNone,
  parseDurationNs,
  parseList,
  parseNamedValues,
  parseNames,
  parseNumber,
  parseRateBytesPerSecond,
  parseSeed,
  parseSizeBytes,
  parseThreads,
  parseTokens,
} from "../units/parse.ts";
import { parseJitter } from "./jitterOption.ts";
import { parseModel } from "./modelingOptions.ts";
import { requireKnown } from "./output.ts";
import type { SliceOptions } from "./slicedRun.ts";

/** Options of `pipeline`, as commander gives them. */
export interface PipelineOptions extends SliceOptions {
  model?: string;
  config?: string;
  set: string[];
  scale?: string;
  attention: string;
  ffn: string;
  microBatches?: string;
  microBatchSizes?: string;
  batch?: string;
  steps: string;
  warmUp: string;
  threadsPerInstance: string;
  context?: string;
  ffnParallel?: string;
  weightDtype?: string;
  kvDtype?: string;
  messages?: string;
  zipf?: string;
  target?: string;
  stage?: string;
  jitter?: string;
  layers?: string;
  messageBytes?: string;
  wire: string;
  net?: string;
  netStage?: string;
  netLatency?: string;
  netJitter?: string;
  link: string;
  faults?: string;
  faultRate?: string;
  retries: string;
  watchdog: string;
  retransmit: string;
  seed: string;
  check: boolean;
}

/** What the options say. */
export type ParsedPipeline = Omit<PipelineSettings, "signal" | "onProgress" | "onSlice">;

/** @throws InvalidInputError on the first option that does not fit */
export function parsePipeline(options: PipelineOptions): ParsedPipeline {
  const microBatching = parseMicroBatching(options);
  const steps = parseCount(options.steps, "--steps");
  return {
    attentionInstances: parseList(options.attention, parseCount, "--attention"),
    ffnInstances: parseList(options.ffn, parseCount, "--ffn"),
    microBatching,
    stages: parseStages(options),
    batch: options.batch === undefined ? undefined : parseCount(options.batch, "--batch"),
    steps,
    warmUpSteps: parseWarmUp(options.warmUp, steps),
    threadsPerInstance: parseThreads(options.threadsPerInstance, "--threads-per-instance"),
    ...parseWire(options),
    faults: options.faults,
    faultRate: options.faultRate === undefined ? 0 : parseNumber(options.faultRate, "--fault-rate", [0, 1]),
    recovery: {
      retries: parseCountOrNone(options.retries, "--retries"),
      retransmitNs: parseDurationNs(options.retransmit, "--retransmit"),
      watchdogNs: parseDurationNs(options.watchdog, "--watchdog"),
    },
    seed: parseSeed(options.seed, "--seed"),
    check: options.check ? "bits" : "none",
  };
}

function parseMicroBatching({
  microBatches,
  microBatchSizes,
  batch,
}: PipelineOptions): PipelineSettings["microBatching"] {
  if (microBatchSizes === undefined) {
    return { kind: "counts", counts: parseList(microBatches ?? "3", parseCount, "--micro-batches") };
  }
  for (const [field, value] of [
    ["--micro-batches", microBatches],
    ["--batch", batch],
  ] as const) {
    if (value !== undefined)
      throw new InvalidInputError({ field, value, expected: "nothing beside --micro-batch-sizes" });
  }
  const sizes = parseNames(microBatchSizes, "--micro-batch-sizes").map((text) =>
    parseCount(text, "--micro-batch-sizes"),
  );
  return { kind: "sizes", sizes };
}

function parseStages(options: PipelineOptions): StageChoice {
  return options.stage === undefined ? parseKernels(options) : parseEmulated(options, options.stage);
}

function parseEmulated(options: PipelineOptions, stage: string): StageChoice {
  refuseBeside(options, kernelOptions, "nothing beside --stage, whose stages run no kernels");
  if (options.set.length > 0)
    throw new InvalidInputError({ field: "--set", value: options.set[0], expected: "no --stage beside it" });
  const { jitter, layers, messageBytes } = options;
  const { A, F } = parseNamedValues(stage, ["A", "F"], parseDurationNs, "--stage");
  if (A === undefined || F === undefined) {
    const expected = "times of a layer's attention and FFN for one micro-batch, such as A=2ms,F=2ms";
    throw new InvalidInputError({ field: "--stage", value: stage, expected });
  }
  return {
    kind: "emulated",
    attentionNs: A,
    ffnNs: F,
    jitter: jitter === undefined ? { kind: "none" } : parseJitter(jitter, "--jitter"),
    layers: parseCount(layers ?? "8", "--layers"),
    messageBytes: parseMessageBytes(messageBytes ?? "64B"),
  };
}

/** Options that only one kind of stages takes. */
const kernelOptions = [
  "model",
  "config",
  "scale",
  "context",
  "ffnParallel",
  "weightDtype",
  "kvDtype",
  "messages",
  "zipf",
  "target",
] as const;
const emulatedOptions = ["jitter", "layers", "messageBytes"] as const;

function parseKernels(options: PipelineOptions): StageChoice {
  refuseBeside(options, emulatedOptions, "--stage beside it, as only emulated stages have it");
  const { weightDtype, kvDtype, zipf, target } = options;
  return {
    kind: "kernels",
    model: parseModel(options) ?? { name: "step3" },
    settings: options.set,
    divisor: parseScale(options.scale ?? "tiny"),
    contextTokens: parseContext(options.context ?? "256"),
    ffnParallel: parseFfnParallel(options.ffnParallel ?? "ep"),
    weightDtype: requireKnown("--weight-dtype", weightDtype ?? "int8", weightDtypes),
    kvDtype: requireKnown("--kv-dtype", kvDtype ?? "int8", kvDtypeNames),
    messages: parseMessages(options.messages),
    zipfExponent: zipf === undefined ? undefined : parseNumber(zipf, "--zipf", [0, 10]),
    target: target === undefined ? undefined : requireKnown("--target", target, targets),
  };
}

const weightDtypes = ["f32", "int8", "int4"] as const;
const kvDtypeNames = KV_DTYPES.map(({ name }) => name);
const targets = ["simd", "relaxed", "debug"] as const;
const messageFormats = ["f32", "bf16", "fp8", "int8"] as const;

function refuseBeside(options: PipelineOptions, names: readonly (keyof PipelineOptions)[], expected: string): void {
  for (const name of names) {
    const value = options[name];
    if (value === undefined) continue;
    const field = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new InvalidInputError({ field, value, expected });
  }
}

const namedScales: Readonly<Record<string, number>> = { tiny: 32, small: 16 };

/** `tiny`, `small`, or a share such as `1/8`. */
function parseScale(text: string): number {
  const named = namedScales[text];
  if (named !== undefined) return named;
  const [, divisor] = /^1\/(\d{1,4})$/.exec(text.trim()) ?? [];
  if (Number(divisor) >= 1) return Number(divisor);
  const expected = "tiny (1/32), small (1/16) or a share such as 1/8";
  throw new InvalidInputError({ field: "--scale", value: text, expected, known: Object.keys(namedScales) });
}

/** `256`, or `64..512`. */
function parseContext(text: string): KernelStages["contextTokens"] {
  const [first = "", second = first, ...others] = text.split("..");
  const range = { least: parseTokens(first, "--context"), most: parseTokens(second, "--context") };
  if (others.length === 0 && range.least <= range.most) return range;
  const expected = "cached tokens of each sequence, such as 256, or a range such as 64..512";
  throw new InvalidInputError({ field: "--context", value: text, expected });
}

/** `tp`, `ep`, or both with the instances that share an expert: `tp2+ep`. */
function parseFfnParallel(text: string): KernelStages["ffnParallel"] {
  if (text === "ep" || text === "tp") return { kind: text };
  const [, tensorParallel] = /^tp(\d{0,4})\+ep$/.exec(text) ?? [];
  if (tensorParallel !== undefined && tensorParallel !== "0")
    return { kind: "tp+ep", tensorParallel: Number(tensorParallel || "2") };
  const expected = "ep, tp, or tp+ep (of two instances that share an expert's width; tp4+ep: of four)";
  throw new InvalidInputError({ field: "--ffn-parallel", value: text, expected, known: ["ep", "tp", "tp+ep"] });
}

/** `A2F=fp8,F2A=bf16`; these are also what is left out. */
function parseMessages(text: string | undefined): KernelStages["messages"] {
  const field = "--messages";
  const messages: { a2f: MessageFormat; f2a: MessageFormat } = { a2f: "fp8", f2a: "bf16" };
  const seen = new Set<string>();
  for (const item of text === undefined ? [] : parseNames(text, field)) {
    const [, direction, format] = /^(A2F|F2A)\s*=\s*(.+)$/.exec(item) ?? [];
    if (direction === undefined || format === undefined || seen.has(direction)) {
      const expected = "a format for each direction, such as A2F=fp8,F2A=bf16";
      throw new InvalidInputError({ field, value: item, expected });
    }
    seen.add(direction);
    messages[direction === "A2F" ? "a2f" : "f2a"] = requireKnown(`${field} ${direction}`, format, messageFormats);
  }
  return messages;
}

type MessageFormat = KernelStages["messages"]["a2f"];

function parseMessageBytes(text: string): number {
  const field = "--message-bytes";
  const bytes = parseSizeBytes(text, field);
  if (bytes % 4 === 0) return bytes;
  throw new InvalidInputError({ field, value: text, expected: "a multiple of 4 bytes" });
}

function parseWire(options: PipelineOptions): Pick<PipelineSettings, "wire" | "network"> {
  const wire = requireKnown("--wire", options.wire, ["shared", "postmessage"]);
  if (wire === "postmessage") {
    refuseBeside(
      options,
      ["net", "netStage", "netLatency", "netJitter", "faults", "faultRate"],
      "--wire shared beside it",
    );
    if (options.threadsPerInstance !== "1") {
      const expected = "1 on --wire postmessage";
      throw new InvalidInputError({ field: "--threads-per-instance", value: options.threadsPerInstance, expected });
    }
  }
  return { wire, network: parseNetwork(options) };
}

function parseNetwork({ net, netStage, netLatency, netJitter, link }: PipelineOptions): PipelineSettings["network"] {
  if (net !== undefined && netStage !== undefined) {
    throw new InvalidInputError({ field: "--net", value: `${net} with --net-stage`, expected: "one of the two" });
  }
  return {
    linkUse: requireKnown("--link", link, ["duplex", "shared", "pair"]),
    bytesPerSecond: net === undefined ? undefined : parseRateBytesPerSecond(net, "--net"),
    stageNs: netStage === undefined ? undefined : parseDurationOrNone(netStage, "--net-stage"),
    latencyNs: netLatency === undefined ? 0 : parseDurationOrNone(netLatency, "--net-latency"),
    jitterNs: netJitter === undefined ? 0 : parseDurationOrNone(netJitter, "--net-jitter"),
  };
}

function parseWarmUp(text: string, steps: number): number {
  const field = "--warm-up";
  const warmUpSteps = parseCountOrNone(text, field);
  if (warmUpSteps < steps) return warmUpSteps;
  throw new InvalidInputError({ field, value: warmUpSteps, expected: `fewer than the ${steps} steps in all` });
}

/** 0 needs no unit. */
function parseDurationOrNone(text: string, field: string): number {
  return /^0+$/.test(text.trim()) ? 0 : parseDurationNs(text, field);
}
