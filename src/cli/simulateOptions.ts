import type { RecordChoice } from "../runs/measuredStages.ts";
import type { InstanceCounts, RequestChoice, SimulateSettings } from "../runs/simulateSettings.ts";
import { InvalidInputError } from "../units/errors.ts";
import {
  type ParseItem,
  parseCount,
  parseDurationNs,
  parseList,
  parseNamedValues,
  parseNames,
  parseNumber,
  parseRateBytesPerSecond,
  parseSeed,
  parseThreads,
  parseTokens,
} from "../units/parse.ts";
import type { ContextOptions } from "./contextOptions.ts";
import { parseFailures, parseOutages, parseStragglers } from "./disturbanceOptions.ts";
import { type NamedExperts, parseExperts } from "./expertOptions.ts";
import { parseJitter } from "./jitterOption.ts";
import { parseModel } from "./modelingOptions.ts";
import { requireKnown } from "./output.ts";
import type { SliceOptions } from "./slicedRun.ts";

/** Options of `simulate`, as commander gives them. */
export interface SimulateOptions extends SliceOptions, ContextOptions {
  deploy: string;
  model?: string;
  config?: string;
  set: string[];
  stage?: string;
  from?: string;
  fromRows?: string;
  dtype?: string;
  attentionKernel?: string;
  layers?: string;
  attentionOn: string;
  ffnOn: string;
  cards?: string;
  batch: string;
  microBatches: string;
  net?: string;
  netStage?: string;
  netLatency?: string;
  netJitter?: string;
  link?: string;
  jitter?: string;
  straggler?: string;
  zipf?: string;
  expertLoad?: string;
  fail?: string;
  mtbf?: string;
  arrivals?: string;
  rate?: string;
  burst?: string;
  requests?: string;
  prompt?: string;
  decode?: string;
  promptSpread?: string;
  decodeSpread?: string;
  fixed?: string;
  scaleAttention?: boolean;
  kvTokens?: string;
  steps: string;
  warmUp: string;
  seed: string;
  threads?: string;
  traceSteps?: string;
}

/** What the options say, but for files, which are read elsewhere. */
export type Parsed = Omit<
  SimulateSettings,
  | "attentionOn"
  | "ffnOn"
  | "contexts"
  | "contextSpread"
  | "requests"
  | "record"
  | "experts"
  | "signal"
  | "onProgress"
  | "onSlice"
> & {
  readonly requests: (Omit<RequestChoice, "arrivals"> & { readonly arrivals: Arrivals }) | undefined;
  readonly record: Omit<RecordChoice, "document"> | undefined;
  readonly experts: NamedExperts | undefined;
};

/** A file to read, or requests at random. */
export type Arrivals = { readonly file: string } | Exclude<RequestChoice["arrivals"], readonly unknown[]>;

/** @throws InvalidInputError on the first option that does not fit */
export function parseSimulate(options: SimulateOptions): Parsed {
  const latencyNs = options.netLatency === undefined ? 0 : parseDurationNs(options.netLatency, "--net-latency");
  const stages = parseStages(options, latencyNs);
  const record = parseRecord(options);
  // A machine that measured is one card.
  const cards = parseSides(options.cards ?? (record?.rows === "measured" ? "1" : "8"), parseCount, "--cards");
  const isModeled = stages === undefined && record === undefined;
  const deployments = parseNames(options.deploy, "--deploy").map(parseDeployment);
  const optional = <Value>(text: string | undefined, parse: (text: string) => Value): Value | undefined =>
    text === undefined ? undefined : parse(text);
  return {
    deployments,
    model: parseModel(options) ?? { name: "step3" },
    settings: options.set,
    attentionCards: cards.A,
    ffnCards: cards.F,
    batches: parseSweep(options.batch, parseCount, "--batch"),
    microBatchCounts: parseSweep(options.microBatches, parseCount, "--micro-batches"),
    stages,
    record,
    layers: optional(options.layers, (text) => parseCount(text, "--layers")),
    linkKind: requireKnown("--link", options.link ?? (isModeled ? "shared" : "duplex"), ["duplex", "shared", "pair"]),
    networkBytesPerSecond: optional(options.net, (text) => parseRateBytesPerSecond(text, "--net")),
    networkLatencyNs: latencyNs,
    latencyJitterNs: optional(options.netJitter, (text) => parseDurationNs(text, "--net-jitter")) ?? 0,
    jitter: optional(options.jitter, (text) => parseJitter(text, "--jitter")) ?? { kind: "none" },
    stragglers: optional(options.straggler, parseStragglers) ?? [],
    experts: parseExperts(options),
    outages: optional(options.fail, parseOutages) ?? [],
    failures: optional(options.mtbf, parseFailures) ?? {},
    requests: parseRequests(options),
    kvTokensPerInstance: optional(options.kvTokens, (text) => parseTokens(text, "--kv-tokens")),
    steps: parseCount(options.steps, "--steps"),
    warmUpSteps: parseCount(options.warmUp, "--warm-up"),
    seed: parseSeed(options.seed, "--seed"),
    threads: optional(options.threads, (text) => parseThreads(text, "--threads")),
  };
}

/** Each value once. */
function parseSweep(text: string, parseItem: ParseItem, field: string): readonly number[] {
  return [...new Set(parseList(text, parseItem, field))];
}

/** `2A2F` */
function parseDeployment(text: string): InstanceCounts {
  const [, attention, ffn] = /^(\d{1,6})A(\d{1,6})F$/i.exec(text) ?? [];
  const counts = { attentionInstances: Number(attention), ffnInstances: Number(ffn) };
  if (counts.attentionInstances >= 1 && counts.ffnInstances >= 1) return counts;
  const expected = "attention and FFN instances, at least one of each, such as 2A2F";
  throw new InvalidInputError({ field: "--deploy", value: text, expected });
}

function parseStages({ stage, net, netStage }: SimulateOptions, latencyNs: number): SimulateSettings["stages"] {
  if (stage === undefined) {
    if (netStage === undefined) return undefined;
    throw new InvalidInputError({ field: "--net-stage", value: netStage, expected: "--stage A=TIME,F=TIME beside it" });
  }
  const { A, F, A2F, F2A } = parseNamedValues(stage, ["A", "F", "A2F", "F2A"], parseDurationNs, "--stage");
  if (A === undefined || F === undefined) {
    const expected =
      "times of a layer's attention and FFN for one micro-batch, such as A=200us,F=200us,A2F=90us,F2A=180us";
    throw new InvalidInputError({ field: "--stage", value: stage, expected });
  }
  if (net !== undefined && (netStage !== undefined || (A2F !== undefined && F2A !== undefined))) {
    const expected = netStage === undefined ? "no A2F and F2A in --stage" : "nothing beside --net-stage";
    throw new InvalidInputError({ field: "--net", value: net, expected });
  }
  if (netStage === undefined) return { attentionNs: A, ffnNs: F, a2fNs: A2F, f2aNs: F2A };
  if (A2F !== undefined || F2A !== undefined) {
    throw new InvalidInputError({ field: "--net-stage", value: netStage, expected: "no A2F and F2A in --stage" });
  }
  const transferNs = parseDurationNs(netStage, "--net-stage") + latencyNs;
  return { attentionNs: A, ffnNs: F, a2fNs: transferNs, f2aNs: transferNs };
}

function parseRecord({ from, fromRows, dtype, attentionKernel, stage }: SimulateOptions): Parsed["record"] {
  if (from === undefined) {
    for (const [field, value] of Object.entries({
      "--from-rows": fromRows,
      "--dtype": dtype,
      "--attention-kernel": attentionKernel,
    })) {
      if (value !== undefined) throw new InvalidInputError({ field, value, expected: "--from FILE beside it" });
    }
    return undefined;
  }
  if (stage !== undefined) {
    throw new InvalidInputError({ field: "--from", value: "beside --stage", expected: "one of the two" });
  }
  return {
    path: from,
    rows: requireKnown("--from-rows", fromRows ?? "measured", ["measured", "projected"]),
    dtype: requireKnown("--dtype", dtype ?? "int8", ["int8", "f32"]),
    attentionKernel: requireKnown("--attention-kernel", attentionKernel ?? "attention.layer", [
      "attention.layer",
      "attention.core",
    ]),
  };
}

/** One value for both sides, or `A=8,F=4`. */
function parseSides(
  text: string,
  parseItem: (text: string, field: string) => number,
  field: string,
): { readonly A: number; readonly F: number } {
  if (!text.includes("=")) {
    const both = parseItem(text, field);
    return { A: both, F: both };
  }
  const { A, F } = parseNamedValues(text, ["A", "F"], parseItem, field);
  if (A !== undefined && F !== undefined) return { A, F };
  throw new InvalidInputError({ field, value: text, expected: "one value, or A=VALUE,F=VALUE" });
}

function parseRequests(options: SimulateOptions): Parsed["requests"] {
  const arrivals = parseArrivals(options);
  if (arrivals === undefined) {
    refuseWithoutArrivals(options);
    return undefined;
  }
  const fixed =
    options.fixed === undefined ? {} : parseNamedValues(options.fixed, ["A", "F"], parseDurationNs, "--fixed");
  return {
    arrivals,
    attentionFixedNs: fixed.A,
    ffnFixedNs: fixed.F,
    attentionScaling: options.scaleAttention === true ? "meanContext" : "none",
  };
}

/** Options of requests that arrive at random. */
const RANDOM_OPTIONS = ["rate", "burst", "requests", "prompt", "decode", "promptSpread", "decodeSpread"] as const;

function parseArrivals(options: SimulateOptions): Arrivals | undefined {
  const { arrivals, rate, promptSpread, decodeSpread } = options;
  if (arrivals !== undefined) {
    for (const name of RANDOM_OPTIONS) {
      if (options[name] === undefined) continue;
      const field = `--${name.replace("Spread", "-spread")}`;
      throw new InvalidInputError({ field, value: options[name], expected: "nothing beside --arrivals" });
    }
    return { file: arrivals };
  }
  if (rate === undefined) return undefined;
  return {
    requestsPerSecond: parseNumber(rate, "--rate", [1e-6, 1e9]),
    burst: parseCount(options.burst ?? "1", "--burst"),
    requests: parseCount(options.requests ?? "1000", "--requests"),
    promptTokens: options.prompt === undefined ? undefined : parseTokens(options.prompt, "--prompt"),
    outputTokens: parseTokens(options.decode ?? "256", "--decode"),
    ...(promptSpread === undefined ? {} : { promptSpread: parseJitter(promptSpread, "--prompt-spread") }),
    ...(decodeSpread === undefined ? {} : { outputSpread: parseJitter(decodeSpread, "--decode-spread") }),
  };
}

function refuseWithoutArrivals(options: SimulateOptions): void {
  for (const [field, value] of [
    ["--burst", options.burst],
    ["--requests", options.requests],
    ["--prompt", options.prompt],
    ["--decode", options.decode],
    ["--prompt-spread", options.promptSpread],
    ["--decode-spread", options.decodeSpread],
    ["--fixed", options.fixed],
    ["--scale-attention", options.scaleAttention],
  ] as const) {
    if (value === undefined) continue;
    throw new InvalidInputError({ field, value, expected: "--arrivals FILE or --rate NUMBER beside it" });
  }
}
