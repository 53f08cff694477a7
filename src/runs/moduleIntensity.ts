import { outlineOf } from "../kernels/ownModule.ts";
import {
  countCalls,
  inspectModule,
  MOST_CHUNKS,
  mapOf,
  type OwnCall,
  type OwnModule,
  type ValueType,
} from "../measure/ownModule.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { ModuleCallRow, ModuleRangeRow } from "../record/intensityRows.ts";
import type { IntensityDocument } from "../record/schemas.ts";
import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import { readSmallBytes } from "../units/files.ts";
import { formatBytes } from "../units/format.ts";
import type { CallText, NamedRange } from "../units/parseCall.ts";
import { recordEnvironment } from "./environment.ts";

/** A module that somebody else built, which calls of it to count, and which ranges of its memory to tell apart. */
export interface ModuleIntensitySettings {
  /** Path of the module. */
  readonly wasmFile: string;
  /** Made one after the other on one instance; at least one. */
  readonly calls: readonly CallText[];
  readonly ranges: readonly NamedRange[];
}

/** What a count of a module gives back; `failed` where a call stopped with an error. */
export interface ModuleIntensityOutcome {
  readonly document: IntensityDocument;
  readonly failed: boolean;
}

const WASM_FILE = { field: "--wasm", expected: "a WebAssembly module", largestBytes: 2 ** 28 } as const;

/**
 * Counts what calls of a user's own module execute: FLOPs, int8 operations, conversions, and bytes by range of its memory.
 *
 * @throws InvalidInputError on a file that is no module, an export that it lacks, arguments that do not fit, a range outside its memory.
 * @throws InfeasibleError where binaryen is not installed, or the module has what cannot be counted or given to it.
 */
export async function moduleIntensity(settings: ModuleIntensitySettings): Promise<ModuleIntensityOutcome> {
  const { wasmFile, calls, ranges } = settings;
  const wasm = readSmallBytes(wasmFile, WASM_FILE);
  const outline = outlineOf(wasm);
  if ("fault" in outline) {
    const expected = `a WebAssembly module (the engine refuses this: ${outline.fault})`;
    throw new InvalidInputError({ field: "--wasm", value: wasmFile, expected });
  }
  for (const { name } of calls) requireExport(name, outline.functions);
  if (outline.foreign.length > 0)
    throw new InfeasibleError(
      `${wasmFile} imports ${outline.foreign.join(", ")}: afdbench can give it functions and memory alone`,
    );
  if (outline.memories > 1)
    throw new InfeasibleError(`${wasmFile} has ${outline.memories} memories: bytes are counted where there is one`);
  const binaryen = await loadBinaryen();
  const own = counting(wasmFile, () => inspectModule(binaryen, wasm));
  if (own.memory?.is64 === true)
    throw new InfeasibleError(`${wasmFile} has a memory of 64-bit addresses, which is not counted`);
  checkRanges(ranges, own);
  const typed = calls.map(({ name, args }) => ({ name, args: valuesOf(name, args, own.parameters.get(name) ?? []) }));
  const counted = counting(wasmFile, () => countCalls(binaryen, wasm, own, ranges, typed));
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "intensity",
      environment: recordEnvironment(),
      rows: counted.flatMap((call, index) => rowsOf(settings, calls[index] as CallText, call)),
      notes: [
        "Counted as the module executed, on one thread; nothing was timed. Bytes are what loads and stores asked for, caches not regarded; a multiply-add is two operations, sign flips, comparisons and integer arithmetic are none, int8 and int16 dots are int8 ops.",
      ],
    },
    failed: counted.some(({ fault }) => fault !== undefined),
  };
}

function requireExport(name: string, functions: readonly string[]): void {
  if (functions.includes(name)) return;
  const shown = functions.slice(0, 12).join(", ") + (functions.length > 12 ? ` … (${functions.length} in all)` : "");
  const expected = functions.length === 0 ? "a module that exports functions" : `an exported function: ${shown}`;
  throw new InvalidInputError({ field: "--call", value: name, expected, known: functions });
}

/** The optional peer that only this needs. Version 132 has another interface. */
async function loadBinaryen() {
  const needs = "counting a module of your own needs the package binaryen";
  const install = 'run "npm install binaryen@131"';
  try {
    const { default: binaryen } = await import("binaryen");
    if (typeof binaryen.readBinaryWithFeatures === "function") return binaryen;
  } catch {
    throw new InfeasibleError(`${needs}, which is not installed beside afdbench: ${install}`);
  }
  throw new InfeasibleError(`${needs} at version 131, another one is installed beside afdbench: ${install}`);
}

/** Binaryen throws objects of its own. */
function counting<Result>(wasmFile: string, count: () => Result): Result {
  try {
    return count();
  } catch (error) {
    const { message } = error as { readonly message?: unknown };
    throw new InfeasibleError(
      `${wasmFile} cannot be counted: ${typeof message === "string" ? message : String(error)}`,
    );
  }
}

function checkRanges(ranges: readonly NamedRange[], { memory }: OwnModule): void {
  const names = ranges.map(({ name }) => name);
  for (const [index, { name, begin, end }] of ranges.entries()) {
    const refuse = (value: string, expected: string): never => {
      throw new InvalidInputError({ field: `--range ${name}`, value, expected });
    };
    const text = `${begin}..${end}`;
    if (memory === undefined) refuse(text, "a module with a memory");
    else if (end > memory.mostBytes) refuse(text, `addresses up to ${memory.mostBytes}, where its memory ends`);
    if (names.indexOf(name) !== index || name === "other") refuse(name, "each name once, and not `other`");
    const other = ranges.slice(0, index).find((earlier) => earlier.begin < end && begin < earlier.end);
    if (other !== undefined) refuse(text, `bytes that ${other.name} (${other.begin}..${other.end}) has not got`);
  }
  if (names.length > 255)
    throw new InvalidInputError({ field: "--range", value: names, expected: "at most 255 ranges" });
  const { chunkShift, lastChunk } = mapOf(ranges);
  if (lastChunk < MOST_CHUNKS) return;
  const expected = `ranges that begin and end at multiples of more than ${2 ** chunkShift} bytes, or below ${formatBytes(MOST_CHUNKS * 2 ** chunkShift)}`;
  throw new InvalidInputError({ field: "--range", value: names, expected });
}

function valuesOf(name: string, args: readonly string[], types: readonly ValueType[]): (number | bigint)[] {
  if (args.length !== types.length) {
    const count = `${types.length} argument${types.length === 1 ? "" : "s"}`;
    const expected = `${count}${types.length === 0 ? "" : ` (${types.join(", ")})`}`;
    throw new InvalidInputError({ field: "--call", value: `${name}(${args.join(",")})`, expected });
  }
  return args.map((arg, index) =>
    argumentValue(`--call ${name}, argument ${index + 1}`, arg, types[index] as ValueType),
  );
}

const INTEGER = /^-?(?:\d+|0x[0-9a-f]+)$/iu;

function argumentValue(field: string, text: string, type: ValueType): number | bigint {
  switch (type) {
    case "i32":
    case "i64": {
      const bits = type === "i32" ? 32n : 64n;
      const value = INTEGER.test(text) ? integerOf(text) : undefined;
      if (value === undefined || value < -(2n ** (bits - 1n)) || value >= 2n ** bits)
        throw new InvalidInputError({ field, value: text, expected: `a whole number of ${bits} bits (${type})` });
      return type === "i64" ? value : Number(value);
    }
    case "f32":
    case "f64": {
      const value = Number(text);
      if (Number.isFinite(value)) return value;
      throw new InvalidInputError({ field, value: text, expected: `a number (${type})` });
    }
    case "other":
      throw new InfeasibleError(`${field}: its type is none that a command line can give (i32, i64, f32, f64)`);
  }
}

function integerOf(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

function rowsOf(
  { wasmFile, ranges }: ModuleIntensitySettings,
  { name, args }: CallText,
  { counts, ranges: bytes, other, fault, result }: OwnCall,
): [ModuleCallRow, ...ModuleRangeRow[]] {
  const about = { kind: "measured", module: wasmFile, call: `${name}(${args.join(",")})` } as const;
  const flops = counts.matrixFlops + counts.elementwiseFlops;
  const operations = flops + counts.matrixInt8Ops;
  const perByte = (touched: number): { flopsPerByte?: number } =>
    touched === 0 ? {} : { flopsPerByte: operations / touched };
  const call: ModuleCallRow = {
    ...{ row: "call", ...about },
    status: fault === undefined ? "ok" : "trapped",
    ...(fault === undefined ? {} : { statusReason: fault }),
    ...(result === undefined ? {} : { result: String(result) }),
    ...{ flops, int8Ops: counts.matrixInt8Ops, conversions: counts.conversions },
    ...{ loadedBytes: counts.loadBytes, storedBytes: counts.storeBytes },
    ...perByte(counts.loadBytes + counts.storeBytes),
  };
  const range = (loadedBytes: number, storedBytes: number) => ({
    ...{ row: "callRange" as const, ...about, loadedBytes, storedBytes },
    ...perByte(loadedBytes + storedBytes),
  });
  const named = ranges.map(({ name: rangeName, begin, end }, index) => ({
    ...range(bytes[index]?.loadBytes ?? 0, bytes[index]?.storeBytes ?? 0),
    ...{ range: rangeName, begin, end },
  }));
  return [call, ...named, { ...range(other.loadBytes, other.storeBytes), range: "other" }];
}
