import { COUNT_NAMES, countGlobalName } from "./counts.ts";
import { createExpressionReader } from "./instrument-expressions.ts";
import { type Classify, rewriteFunction, TRACE_FUNCTION } from "./instrument-function.ts";
import type { Binaryen } from "./instrument-operations.ts";
import { addRangeCounting } from "./instrument-ranges.ts";
import type { RangeMap } from "./rangeCounts.ts";

export interface InstrumentOptions {
  /** Also calls the import `trace.access(address, bytes, isStore)` before every memory access. */
  readonly trace: boolean;
  /** Also adds the bytes of every access to its range, in an imported memory (`rangeCounts.ts`); absent: ranges are not told apart. */
  readonly ranges?: RangeMap;
  /** What the module may use: what our own do (absent), or whatever it does, as far as its instructions are known. */
  readonly features?: "all";
}

/** A function exported under a name that starts so is a matrix product in float, or in integers. */
const MATRIX_PREFIXES = { float: ["tileF32"], integer: ["tileInt8", "tileInt4"] } as const;

type Matrix = keyof typeof MATRIX_PREFIXES;

/**
 * Rewrites a module so that it counts what it executes in exported mutable i64 globals, one a class (`counts.ts`).
 *
 * memory.copy is traced as one load and one store of its whole range, before it runs; atomic read-modify-writes as a
 * load and a store. Waits, notifications and the data segments that instantiation writes are not accesses.
 * No optimisation runs afterwards: it could move or drop what is counted.
 *
 * @param binaryen the package, which only the build loads.
 * @param wasm an optimised module that uses no more than the features below.
 * @throws {Error} on an instruction outside the known set, and where one function is exported both as a matrix product
 *   and as something else.
 */
export function instrument(binaryen: Binaryen, wasm: Uint8Array, options: InstrumentOptions): Uint8Array {
  const features = binaryen.Features;
  const own =
    features.SIMD128 |
    features.RelaxedSIMD |
    features.Atomics |
    features.BulkMemory |
    features.BulkMemoryOpt |
    features.SignExt |
    features.NontrappingFPToInt |
    features.MutableGlobals |
    (options.ranges === undefined ? 0 : features.MultiMemory);
  const module = binaryen.readBinaryWithFeatures(wasm, options.features === "all" ? features.All : own);
  try {
    const reader = createExpressionReader(binaryen);
    const matrices = matrixByFunction(binaryen, module);
    for (const name of COUNT_NAMES) {
      module.addGlobal(countGlobalName(name), binaryen.i64, true, module.i64.const(0n));
      module.addGlobalExport(countGlobalName(name), countGlobalName(name));
    }
    for (const name of definedFunctions(binaryen, module)) {
      const context = { binaryen, module, reader, trace: options.trace, ranges: options.ranges };
      rewriteFunction(context, module.getFunction(name), classifier(matrices.get(name)));
    }
    if (options.ranges !== undefined) addRangeCounting(binaryen, module, options.ranges);
    if (options.trace) {
      const parameters = binaryen.createType([binaryen.i32, binaryen.i32, binaryen.i32]);
      module.addFunctionImport(TRACE_FUNCTION, "trace", "access", parameters, binaryen.none);
    }
    if (module.validate() === 0) throw new Error("the instrumented module is not valid");
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

function definedFunctions(binaryen: Binaryen, module: InstanceType<Binaryen["Module"]>): string[] {
  return Array.from({ length: module.getNumFunctions() }, (_, index) =>
    binaryen.getFunctionInfo(module.getFunctionByIndex(index)),
  )
    .filter((info) => !info.base)
    .map((info) => info.name);
}

function matrixByFunction(
  binaryen: Binaryen,
  module: InstanceType<Binaryen["Module"]>,
): Map<string, Matrix | undefined> {
  const matrices = new Map<string, Matrix | undefined>();
  for (let index = 0; index < module.getNumExports(); index++) {
    const { kind, name, value } = binaryen.getExportInfo(module.getExportByIndex(index));
    if (kind !== binaryen.ExternalFunction) continue;
    const matrix = matrixOf(name);
    if (matrices.has(value) && matrices.get(value) !== matrix)
      throw new Error(`${name} is exported both as a matrix product (tileF32…, …) and as something else`);
    matrices.set(value, matrix);
  }
  return matrices;
}

function matrixOf(name: string): Matrix | undefined {
  const isNamedSo = (prefixes: readonly string[]): boolean => prefixes.some((prefix) => name.startsWith(prefix));
  if (isNamedSo(MATRIX_PREFIXES.float)) return "float";
  return isNamedSo(MATRIX_PREFIXES.integer) ? "integer" : undefined;
}

function classifier(matrix: Matrix | undefined): Classify {
  return (kind) => {
    switch (kind) {
      case "float":
        return matrix === "float" ? "matrixFlops" : "elementwiseFlops";
      case "dot":
        return "matrixInt8Ops";
      case "integer":
        return matrix === "integer" ? "matrixInt8Ops" : undefined;
      case "conversion":
        return "conversions";
    }
  };
}
