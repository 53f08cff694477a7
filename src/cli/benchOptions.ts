import type { Command } from "commander";
import {
  type BenchSettings,
  DEFAULT_KERNELS,
  type Dtype,
  KERNELS,
  type KernelName,
  KV_DTYPES,
  type KvDtype,
  type ShapeSettings,
  type TargetName,
  type WeightDtype,
} from "../runs/settings.ts";
import { InvalidInputError } from "../units/errors.ts";
import {
  parseCount,
  parseCountOrNone,
  parseDurationNs,
  parseList,
  parseNames,
  parseSeed,
  parseThreads,
  parseTokens,
} from "../units/parse.ts";
import { requireKnown } from "./output.ts";

const DTYPES: readonly Dtype[] = ["f32", "int8"];
const WEIGHT_DTYPES: readonly WeightDtype[] = ["f32", "int8", "int4"];
const TARGETS: readonly TargetName[] = ["simd", "relaxed", "debug"];

/** Options that name kernels' shapes, as commander gives them: text, not looked at yet. */
export interface ShapeOptions {
  model?: string;
  config?: string;
  batch: string;
  context: string;
  dtype: string;
  weightDtype?: string;
  kvDtype?: string;
  tokensPerExpert: string;
  m?: string;
  n?: string;
  k?: string;
  target?: string;
  seed: string;
}

/** Options of `bench`. */
export interface BenchOptions extends ShapeOptions {
  threads: string;
  revectorize?: boolean;
  hardware?: string;
  quick?: boolean;
  repetitions?: string;
  warmup?: string;
  minTime?: string;
}

/** Adds the options that name kernels' shapes. */
export function addShapeOptions(command: Command): Command {
  return command
    .option("--model <name>", "model of the catalog whose shapes to run (default: step3)")
    .option("--config <file>", "config.json or model card whose shapes to run")
    .option("--batch <list>", "sequences decoded together", "16")
    .option("--context <list>", "cached tokens of each sequence", "8k")
    .option("--dtype <list>", "what kernels compute in: f32, int8", "f32,int8")
    .option("--kv-dtype <list>", "KV cache format: f32, bf16, fp8, int8, int4 (default: --dtype)")
    .option("--weight-dtype <list>", "how weights are stored: f32, int8, int4 (default: as --dtype)")
    .option("--tokens-per-expert <list>", "tokens that each expert computes in a step", "16")
    .option("--m <list>", "rows of the left matrix, for moe.expertMatmul and linear.gemm")
    .option("--n <list>", "columns of the right matrix, for the same")
    .option("--k <list>", "inner dimension, for the same");
}

/**
 * Settings of a run from the words of a command line; `hardware` holds names and paths as given.
 *
 * @throws InvalidInputError naming the option.
 */
export function resolveBench(
  kernels: readonly string[],
  options: BenchOptions,
): Omit<BenchSettings, "hardware" | "signal" | "onProgress"> & { readonly hardware: readonly string[] } {
  const resolved = resolveKernels(kernels, BENCH_KERNELS, DEFAULT_KERNELS);
  return {
    kernels: resolved,
    ...resolveShapes(resolved, options),
    threads: parseList(options.threads, parseThreads, "--threads"),
    ...(options.revectorize === true ? { revectorize: true } : {}),
    hardware: resolveHardware(options.hardware),
    quick: options.quick === true,
    ...resolveSampling(options),
  };
}

/**
 * Models, dimensions and formats of a run's kernels.
 *
 * @throws InvalidInputError naming the option.
 */
export function resolveShapes(
  kernels: readonly KernelName[],
  options: ShapeOptions,
): Omit<ShapeSettings, "kernels" | "threads"> & { readonly target?: TargetName } {
  const dtypes = parseNames(options.dtype, "--dtype").map((name) => requireKnown("--dtype", name, DTYPES));
  return {
    ...resolveModel(options),
    batches: parseList(options.batch, parseCount, "--batch"),
    contexts: parseList(options.context, parseTokens, "--context"),
    dtypes,
    ...(options.kvDtype === undefined ? {} : { kvDtypes: resolveKvDtypes(options.kvDtype, dtypes) }),
    ...resolveWeightDtypes(options),
    tokensPerExpert: parseList(options.tokensPerExpert, parseTokens, "--tokens-per-expert"),
    ...resolveDimensions(kernels, options),
    ...(options.target === undefined ? {} : { target: requireKnown("--target", options.target, TARGETS) }),
    seed: parseSeed(options.seed, "--seed"),
  };
}

/**
 * Names and patterns to kernels of `known`, each once, in the order in which they run.
 *
 * @throws InvalidInputError with the nearest name.
 */
export function resolveKernels(
  names: readonly string[],
  known: readonly KernelName[],
  fallback: readonly KernelName[],
): readonly KernelName[] {
  if (names.length === 0) return fallback;
  const chosen = new Set(names.flatMap((name) => kernelsNamed(name, known)));
  return known.filter((name) => chosen.has(name));
}

const BENCH_KERNELS = KERNELS.map(({ name }) => name);

function kernelsNamed(name: string, known: readonly KernelName[]): readonly KernelName[] {
  if (name.endsWith("*")) {
    const matching = known.filter((kernel) => kernel.startsWith(name.slice(0, -1)));
    if (matching.length > 0) return matching;
  }
  return [requireKnown("kernel", name, known)];
}

function resolveKvDtypes(names: string, dtypes: readonly Dtype[]): readonly KvDtype[] {
  const known = KV_DTYPES.map(({ name }) => name);
  return parseNames(names, "--kv-dtype").map((given) => {
    const name = requireKnown("--kv-dtype", given, known);
    const dtype = KV_DTYPES.find((format) => format.name === name)?.dtype ?? "f32";
    if (dtypes.includes(dtype)) return name;
    const fitting = KV_DTYPES.filter((format) => dtypes.includes(format.dtype)).map((format) => format.name);
    throw new InvalidInputError({
      field: "--kv-dtype",
      value: name,
      expected: `${fitting.join(", ")} with --dtype ${dtypes.join(",")} (${name} is multiplied in ${dtype})`,
    });
  });
}

function resolveModel({ model, config }: ShapeOptions): Pick<BenchSettings, "model" | "configFile"> {
  if (config === undefined) return { model: model ?? "step3" };
  if (model === undefined) return { configFile: config };
  throw new InvalidInputError({
    field: "--config",
    value: `${config} with --model ${model}`,
    expected: "one of the two",
  });
}

function resolveWeightDtypes({ weightDtype }: ShapeOptions): Pick<BenchSettings, "weightDtypes"> {
  if (weightDtype === undefined) return {};
  const names = parseNames(weightDtype, "--weight-dtype");
  return { weightDtypes: names.map((name) => requireKnown("--weight-dtype", name, WEIGHT_DTYPES)) };
}

function resolveHardware(names: string | undefined): readonly string[] {
  return names === undefined ? [] : parseNames(names, "--hardware");
}

function resolveDimensions(
  kernels: readonly KernelName[],
  { m, n, k }: ShapeOptions,
): Pick<BenchSettings, "m" | "n" | "k"> {
  const given = Object.entries({ m, n, k }).find(([, text]) => text !== undefined);
  if (given !== undefined && !kernels.includes("moe.expertMatmul") && !kernels.includes("linear.gemm")) {
    const expected = "moe.expertMatmul or linear.gemm among the kernels";
    throw new InvalidInputError({ field: `--${given[0]}`, value: kernels.join(", "), expected });
  }
  return {
    ...(m === undefined ? {} : { m: parseList(m, parseCount, "--m") }),
    ...(n === undefined ? {} : { n: parseList(n, parseCount, "--n") }),
    ...(k === undefined ? {} : { k: parseList(k, parseCount, "--k") }),
  };
}

function resolveSampling({
  repetitions,
  warmup,
  minTime,
}: BenchOptions): Pick<BenchSettings, "repetitions" | "warmups" | "minTimeNs"> {
  return {
    ...(repetitions === undefined ? {} : { repetitions: parseCount(repetitions, "--repetitions") }),
    ...(warmup === undefined ? {} : { warmups: parseCountOrNone(warmup, "--warmup") }),
    ...(minTime === undefined ? {} : { minTimeNs: parseDurationNs(minTime, "--min-time") }),
  };
}
