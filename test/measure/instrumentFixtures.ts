import asc from "assemblyscript/asc";
import binaryen from "binaryen";
import { createPrivateMemory } from "../../src/kernels/load.ts";
import { readCounts } from "../../src/measure/counts.ts";
import { instrument } from "../../src/measure/instrument.ts";
import { type RangeMap, startRangeCounts, takeRangeCounts } from "../../src/measure/rangeCounts.ts";

/** What every module of these tests imports its memory as: four shared pages. */
export const MEMORY_IMPORT = '(import "env" "memory" (memory 4 4 shared))';

export function newMemory(pages = 4): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** Assembles a module of the given fields, in the text format. */
export function assemble(...fields: string[]): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(`(module ${fields.join("\n")})`);
  module.setFeatures(binaryen.Features.All);
  if (module.validate() === 0) throw new Error("the test's module is not valid");
  const binary = new Uint8Array(module.emitBinary());
  module.dispose();
  return binary;
}

export interface TracedAccess {
  readonly address: number;
  readonly bytes: number;
  readonly isStore: number;
}

type Access = (address: number, bytes: number, isStore: number) => void;

/** Ranges of the tests' memory, as [begin, end], and how their map is made. */
export interface TestRanges {
  readonly map: RangeMap;
  readonly ranges: readonly (readonly [number, number])[];
}

/** Instruments and instantiates a module; what it traces goes to `access`, or is collected where there is none. */
export function instantiate(
  wasm: Uint8Array,
  options: { trace?: boolean; access?: Access; pages?: number; counting?: TestRanges } = {},
) {
  const { trace = false, counting } = options;
  const memory = newMemory(options.pages);
  const rangeMemory = createPrivateMemory(2 ** 19);
  const ranges = (counting?.ranges ?? []).map(([begin, end], index) => ({ name: `range${index}`, begin, end }));
  if (counting !== undefined) startRangeCounts(rangeMemory, counting.map, ranges);
  const accesses: TracedAccess[] = [];
  const collect: Access = (address, bytes, isStore) => accesses.push({ address, bytes, isStore });
  const access = options.access ?? collect;
  const instrumented = new Uint8Array(
    instrument(binaryen, wasm, { trace, ...(counting === undefined ? {} : { ranges: counting.map }) }),
  );
  const counted = new WebAssembly.Module(instrumented);
  const instance = new WebAssembly.Instance(counted, {
    env: { memory, abort: fail },
    trace: { access },
    ranges: { memory: rangeMemory },
  });
  const run = (name: string, ...values: number[]): unknown => {
    const called = instance.exports[name];
    if (typeof called !== "function") throw new Error(`no export ${name}`);
    return called(...values);
  };
  return {
    exports: instance.exports,
    memory,
    accesses,
    run,
    counts: () => readCounts(instance.exports),
    /** Bytes of each range since the last call: loaded, stored; those outside them last. */
    rangeCounts: () => {
      const { ranges: counted, other } = takeRangeCounts(rangeMemory, ranges.length);
      return [...counted, other].map(({ loadBytes, storeBytes }) => [loadBytes, storeBytes]);
    },
  };
}

/** Compiles AssemblyScript as the kernels are compiled, but for the flags in which their targets differ. */
export async function compile(
  sources: Readonly<Record<string, string>>,
  entry: string,
  ...flags: string[]
): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      ...[entry, "--outFile", "out.wasm", "--runtime", "stub", "--shrinkLevel", "0"],
      ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
      ...["--memoryBase", "1024", "--enable", "simd", "--enable", "threads", ...flags],
    ],
    {
      readFile: (name) => sources[name] ?? null,
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (binary === undefined) throw new Error(`${error?.message}\n${stderr.toString()}`);
  return new Uint8Array(binary);
}

function fail(): never {
  throw new Error("the module aborted");
}
