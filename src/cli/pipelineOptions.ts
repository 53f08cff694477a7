import type { PipelineSettings, StageChoice } from "../runs/pipelineSettings.ts";
import { InvalidInputError } from "../units/errors.ts";
import {
  parseCount,
  parseDurationNs,
  parseList,
  parseNamedValues,
  parseNames,
  parseRateBytesPerSecond,
  parseSeed,
  parseSizeBytes,
} from "../units/parse.ts";
import { parseJitter } from "./jitterOption.ts";
import { type OutputOptions, requireKnown } from "./output.ts";

/** Options of `pipeline`, as commander gives them. */
export interface PipelineOptions extends OutputOptions {
  attention: string;
  ffn: string;
  microBatches?: string;
  microBatchSizes?: string;
  batch?: string;
  steps: string;
  warmUp: string;
  threadsPerInstance: string;
  stage?: string;
  jitter?: string;
  layers?: string;
  messageBytes?: string;
  net?: string;
  netStage?: string;
  netLatency?: string;
  netJitter?: string;
  link: string;
  retries: string;
  watchdog: string;
  retransmit: string;
  seed: string;
  check: boolean;
  trace?: string;
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
    threadsPerInstance: parseCount(options.threadsPerInstance, "--threads-per-instance"),
    network: parseNetwork(options),
    faults: [],
    recovery: {
      retries: parseNone(options.retries, parseCount, "--retries"),
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

function parseStages({ stage, jitter, layers, messageBytes }: PipelineOptions): StageChoice {
  const expected = "times of a layer's attention and FFN for one micro-batch, such as A=2ms,F=2ms";
  if (stage === undefined) throw new InvalidInputError({ field: "--stage", value: stage, expected });
  const { A, F } = parseNamedValues(stage, ["A", "F"], parseDurationNs, "--stage");
  if (A === undefined || F === undefined) throw new InvalidInputError({ field: "--stage", value: stage, expected });
  return {
    kind: "emulated",
    attentionNs: A,
    ffnNs: F,
    jitter: jitter === undefined ? { kind: "none" } : parseJitter(jitter),
    layers: parseCount(layers ?? "8", "--layers"),
    messageBytes: parseMessageBytes(messageBytes ?? "64B"),
  };
}

function parseMessageBytes(text: string): number {
  const field = "--message-bytes";
  const bytes = parseSizeBytes(text, field);
  if (bytes % 4 === 0) return bytes;
  throw new InvalidInputError({ field, value: text, expected: "a multiple of 4 bytes" });
}

function parseNetwork({ net, netStage, netLatency, netJitter, link }: PipelineOptions): PipelineSettings["network"] {
  if (net !== undefined && netStage !== undefined) {
    throw new InvalidInputError({ field: "--net", value: `${net} with --net-stage`, expected: "one of the two" });
  }
  return {
    linkUse: requireKnown("--link", link, ["duplex", "shared", "pair"]),
    bytesPerSecond: net === undefined ? undefined : parseRateBytesPerSecond(net, "--net"),
    stageNs: netStage === undefined ? undefined : parseNone(netStage, parseDurationNs, "--net-stage"),
    latencyNs: netLatency === undefined ? 0 : parseNone(netLatency, parseDurationNs, "--net-latency"),
    jitterNs: netJitter === undefined ? 0 : parseNone(netJitter, parseDurationNs, "--net-jitter"),
  };
}

function parseWarmUp(text: string, steps: number): number {
  const field = "--warm-up";
  const warmUpSteps = parseNone(text, parseCount, field);
  if (warmUpSteps < steps) return warmUpSteps;
  throw new InvalidInputError({ field, value: warmUpSteps, expected: `fewer than the ${steps} steps in all` });
}

/** A value that may also be 0. */
function parseNone(text: string, parseItem: (text: string, field: string) => number, field: string): number {
  return /^0+$/.test(text.trim()) ? 0 : parseItem(text, field);
}
