import { createPrivateMemory } from "../kernels/load.ts";
import { instantiateOwn, type MemoryImport } from "../kernels/ownModule.ts";
import type { AddressRange } from "./cacheModel.ts";
import { type Counts, readCounts, resetCounts } from "./counts.ts";
import { instrument } from "./instrument.ts";
import type { Binaryen } from "./instrument-operations.ts";
import {
  RANGES_IMPORT,
  type RangeBytes,
  type RangeMap,
  rangeMemoryBytes,
  startRangeCounts,
  takeRangeCounts,
} from "./rangeCounts.ts";

/** Types of values that a call can be given from outside. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "other";

/** What binaryen knows of a module and the engine does not tell. */
export interface OwnModule {
  /** Types of the parameters of each exported function. */
  readonly parameters: ReadonlyMap<string, readonly ValueType[]>;
  readonly memory: OwnMemory | undefined;
}

interface OwnMemory {
  readonly imported: MemoryImport | undefined;
  /** Bytes that it can grow to. */
  readonly mostBytes: number;
  readonly is64: boolean;
}

/** What one call executed. */
export interface OwnCall {
  readonly counts: Counts;
  readonly ranges: readonly RangeBytes[];
  readonly other: RangeBytes;
  /** What stopped it; absent where it ended. */
  readonly fault?: string;
  readonly result?: unknown;
}

const pageBytes = 65536;

/** Reads signatures and memory of a module. @throws Error where binaryen cannot read it. */
export function inspectModule(binaryen: Binaryen, wasm: Uint8Array): OwnModule {
  const module = binaryen.readBinaryWithFeatures(wasm, binaryen.Features.All);
  try {
    const parameters = new Map<string, readonly ValueType[]>();
    for (let index = 0; index < module.getNumExports(); index++) {
      const { kind, name, value } = binaryen.getExportInfo(module.getExportByIndex(index));
      if (kind !== binaryen.ExternalFunction) continue;
      const { params } = binaryen.getFunctionInfo(module.getFunction(value));
      parameters.set(
        name,
        binaryen.expandType(params).map((type) => valueTypeOf(binaryen, type)),
      );
    }
    return { parameters, memory: memoryOf(module) };
  } finally {
    module.dispose();
  }
}

function valueTypeOf(binaryen: Binaryen, type: number): ValueType {
  const types: Readonly<Record<number, ValueType>> = {
    [binaryen.i32]: "i32",
    [binaryen.i64]: "i64",
    [binaryen.f32]: "f32",
    [binaryen.f64]: "f64",
  };
  return types[type] ?? "other";
}

function memoryOf(module: InstanceType<Binaryen["Module"]>): OwnMemory | undefined {
  if (!module.hasMemory()) return undefined;
  const { module: from, base, initial, max, shared, is64 } = module.getMemoryInfo();
  const isImported = base !== null && base !== "" && from !== null && from !== "";
  const imported = isImported ? { module: from, name: base, initial, maximum: max, shared } : undefined;
  return { imported, mostBytes: (max ?? 65536) * pageBytes, is64 };
}

/**
 * Counts calls of a module's exports, one after the other on one instance.
 *
 * @param ranges what to tell apart, within the memory.
 * @throws Error where the module cannot be instrumented or instantiated.
 */
export function countCalls(
  binaryen: Binaryen,
  wasm: Uint8Array,
  { memory }: OwnModule,
  ranges: readonly AddressRange[],
  calls: readonly { readonly name: string; readonly args: readonly (number | bigint)[] }[],
): OwnCall[] {
  const map = mapOf(ranges);
  const options = { trace: false, features: "all", ...(memory === undefined ? {} : { ranges: map }) } as const;
  const instrumented = new Uint8Array(instrument(binaryen, wasm, options));
  const rangeMemory = createPrivateMemory(rangeMemoryBytes(map.lastChunk + 1));
  startRangeCounts(rangeMemory, map, ranges);
  const given = memory === undefined ? [] : [{ ...RANGES_IMPORT, memory: rangeMemory }];
  const exports = instantiateOwn(instrumented, memory?.imported, given);
  // A start function has run by now.
  resetCounts(exports);
  takeRangeCounts(rangeMemory, ranges.length);
  return calls.map(({ name, args }) => {
    const outcome = run(() => (exports[name] as (...values: (number | bigint)[]) => unknown)(...args));
    const counts = readCounts(exports);
    resetCounts(exports);
    return { counts, ...takeRangeCounts(rangeMemory, ranges.length), ...outcome };
  });
}

/** The most chunks that a map is made for. */
export const MOST_CHUNKS = 2 ** 28;

/** The widest chunks at whose borders all ranges begin and end. */
export function mapOf(ranges: readonly AddressRange[]): RangeMap & { readonly lastChunk: number } {
  const borders = ranges.flatMap(({ begin, end }) => [begin, end]);
  let chunkShift = 12;
  while (borders.some((border) => border % 2 ** chunkShift !== 0)) chunkShift--;
  return { chunkShift, lastChunk: Math.max(0, ...borders) / 2 ** chunkShift };
}

function run(call: () => unknown): Pick<OwnCall, "fault" | "result"> {
  try {
    return { result: call() };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
}
