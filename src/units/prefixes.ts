/** A prefix or unit and what one of it is worth in base units. */
export type Scale = readonly [symbol: string, factor: number];

/** Decimal prefixes, smallest first. */
export const DECIMAL_PREFIXES: readonly Scale[] = [
  ["", 1],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
  ["T", 1e12],
  ["P", 1e15],
];

/** Binary prefixes (IEC 80000-13), smallest first. */
export const BINARY_PREFIXES: readonly Scale[] = [
  ["", 1],
  ["Ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
];

/** Units of time in nanoseconds, smallest first. */
export const DURATION_UNITS: readonly Scale[] = [
  ["ns", 1],
  ["µs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
];
