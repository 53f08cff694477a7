import {
  type BenchSettings,
  DEFAULT_KERNELS,
  type Dtype,
  KERNELS,
  type KernelName,
  KV_DTYPES,
  type KvDtype,
  type TargetName,
  type WeightDtype,
} from "../runs/settings.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseCount, parseDurationNs, parseList, parseNames, parseSeed, parseTokens } from "../units/parse.ts";
import { requireKnown } from "./output.ts";

const DTYPES: readonly Dtype[] = ["f32", "int8"];
const WEIGHT_DTYPES: readonly WeightDtype[] = ["f32", "int8", "int4"];
const TARGETS: readonly TargetName[] = ["simd", "relaxed", "debug"];

/** Options of `bench` as commander gives them: text, not looked at yet. */
export interface BenchOptions {
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
  threads: string;
  target?: string;
  revectorize?: boolean;
  hardware?: string;
  seed: string;
  quick?: boolean;
  repetitions?: string;
  warmup?: string;
  minTime?: string;
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
  const dtypes = parseNames(options.dtype, "--dtype").map((name) => requireKnown("--dtype", name, DTYPES));
  return {
    kernels: resolveKernels(kernels),
    ...resolveModel(options),
    batches: parseList(options.batch, parseCount, "--batch"),
    contexts: parseList(options.context, parseTokens, "--context"),
    dtypes,
    ...(options.kvDtype === undefined ? {} : { kvDtypes: resolveKvDtypes(options.kvDtype, dtypes) }),
    ...resolveWeightDtypes(options),
    tokensPerExpert: parseList(options.tokensPerExpert, parseTokens, "--tokens-per-expert"),
    ...resolveDimensions(options),
    threads: parseList(options.threads, parseCount, "--threads"),
    ...(options.target === undefined ? {} : { target: requireKnown("--target", options.target, TARGETS) }),
    ...(options.revectorize === true ? { revectorize: true } : {}),
    hardware: resolveHardware(options.hardware),
    seed: parseSeed(options.seed, "--seed"),
    quick: options.quick === true,
    ...resolveSampling(options),
  };
}

/** Names and patterns to kernels, each once, in the order in which they run. */
function resolveKernels(names: readonly string[]): readonly KernelName[] {
  if (names.length === 0) return DEFAULT_KERNELS;
  const chosen = new Set(names.flatMap(kernelsNamed));
  return KERNELS.map(({ name }) => name).filter((name) => chosen.has(name));
}

function kernelsNamed(name: string): readonly KernelName[] {
  const known = KERNELS.map((kernel) => kernel.name);
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

function resolveModel({ model, config }: BenchOptions): Pick<BenchSettings, "model" | "configFile"> {
  if (config === undefined) return { model: model ?? "step3" };
  if (model === undefined) return { configFile: config };
  throw new InvalidInputError({
    field: "--config",
    value: `${config} with --model ${model}`,
    expected: "one of the two",
  });
}

function resolveWeightDtypes({ weightDtype }: BenchOptions): Pick<BenchSettings, "weightDtypes"> {
  if (weightDtype === undefined) return {};
  const names = parseNames(weightDtype, "--weight-dtype");
  return { weightDtypes: names.map((name) => requireKnown("--weight-dtype", name, WEIGHT_DTYPES)) };
}

function resolveHardware(names: string | undefined): readonly string[] {
  return names === undefined ? [] : parseNames(names, "--hardware");
}

function resolveDimensions({ m, n, k }: BenchOptions): Pick<BenchSettings, "m" | "n" | "k"> {
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
    ...(warmup === undefined ? {} : { warmups: parseWarmups(warmup) }),
    ...(minTime === undefined ? {} : { minTimeNs: parseDurationNs(minTime, "--min-time") }),
  };
}

function parseWarmups(text: string): number {
  return text.trim() === "0" ? 0 : parseCount(text, "--warmup");
}
