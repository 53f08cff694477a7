/** What one call of an instrumented module executed. */
export interface Counts {
  /** Floating-point operations of the matrix products (functions exported as `tileF32…`); a multiply-add is two. */
  matrixFlops: number;
  /** Integer operations of the int8 matrix products; a multiply-add is two. */
  matrixInt8Ops: number;
  /** All other float arithmetic: softmax, norms, exp, scaling. */
  elementwiseFlops: number;
  /** Lanes converted between number formats. */
  conversions: number;
  loadBytes: number;
  storeBytes: number;
}

export type CountName = keyof Counts;

/** Every class that an instrumented module counts. */
export const COUNT_NAMES = [
  "matrixFlops",
  "matrixInt8Ops",
  "elementwiseFlops",
  "conversions",
  "loadBytes",
  "storeBytes",
] as const satisfies readonly CountName[];

/** The exported mutable i64 global that holds a count. */
export function countGlobalName(name: CountName): string {
  return `count_${name}`;
}

export function zeroCounts(): Counts {
  return {
    matrixFlops: 0,
    matrixInt8Ops: 0,
    elementwiseFlops: 0,
    conversions: 0,
    loadBytes: 0,
    storeBytes: 0,
  };
}

/**
 * Reads the counters of an instrumented instance.
 *
 * @throws {TypeError} where the exports are not those of an instrumented module.
 */
export function readCounts(moduleExports: Readonly<Record<string, unknown>>): Counts {
  const counts = zeroCounts();
  for (const name of COUNT_NAMES) counts[name] = Number(counter(moduleExports, name).value);
  return counts;
}

/**
 * Sets the counters of an instrumented instance back to zero.
 *
 * @throws {TypeError} where the exports are not those of an instrumented module.
 */
export function resetCounts(moduleExports: Readonly<Record<string, unknown>>): void {
  for (const name of COUNT_NAMES) counter(moduleExports, name).value = 0n;
}

function counter(moduleExports: Readonly<Record<string, unknown>>, name: CountName): { value: bigint } {
  const found = moduleExports[countGlobalName(name)];
  if (isCounter(found)) return found;
  throw new TypeError(`no counter ${countGlobalName(name)} among the exports: expected an instrumented module`);
}

function isCounter(value: unknown): value is { value: bigint } {
  return typeof value === "object" && value !== null && "value" in value && typeof value.value === "bigint";
}
