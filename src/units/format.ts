import { BINARY_PREFIXES, DECIMAL_PREFIXES, DURATION_UNITS, type Scale } from "./prefixes.ts";

/** A number to `significantDigits` without an exponent where it is of a readable size; digits before the point all stay. */
export function formatNumber(value: number, significantDigits = 3): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude < 1e-6 || magnitude >= 1e15) return value.toExponential(significantDigits - 1);
  const rounded = Number(value.toPrecision(significantDigits));
  const decimals = significantDigits - 1 - Math.floor(Math.log10(Math.abs(rounded)));
  return value.toFixed(Math.min(Math.max(decimals, 0), 20));
}

/** A duration given in nanoseconds, in the largest of ns, µs, ms, s that leaves at least 1: "272 µs". */
export function formatDuration(durationNs: number, significantDigits = 3): string {
  return formatScaled(durationNs, DURATION_UNITS, "", significantDigits);
}

/** A count of floating-point operations: "56.0 GFLOP". */
export function formatFlops(flops: number, significantDigits = 3): string {
  return formatScaled(flops, DECIMAL_PREFIXES, "FLOP", significantDigits);
}

/** A rate of floating-point operations: "57.3 GFLOP/s". */
export function formatRate(flopsPerSecond: number, significantDigits = 3): string {
  return formatScaled(flopsPerSecond, DECIMAL_PREFIXES, "FLOP/s", significantDigits);
}

/** A bandwidth with decimal prefixes, as data sheets print it: "3.35 TB/s". */
export function formatBandwidth(bytesPerSecond: number, significantDigits = 3): string {
  return formatScaled(bytesPerSecond, DECIMAL_PREFIXES, "B/s", significantDigits);
}

/** A size in bytes with binary prefixes: "105 MiB". */
export function formatBytes(bytes: number, significantDigits = 3): string {
  return formatScaled(bytes, BINARY_PREFIXES, "B", significantDigits);
}

/** A count with a decimal prefix: "8.59 G". */
export function formatCount(count: number, significantDigits = 3): string {
  if (Math.abs(count) < 1000) return String(Number(count.toPrecision(significantDigits)));
  return formatScaled(count, DECIMAL_PREFIXES, "", significantDigits);
}

/** A fraction as a percentage: 0.873 is "87.3%". */
export function formatPercent(fraction: number, significantDigits = 3): string {
  return Number.isFinite(fraction) ? `${formatNumber(fraction * 100, significantDigits)}%` : String(fraction);
}

/** A round number, as the tick of an axis, in as few characters as it takes: "0.05", "200", "1e6". */
export function formatTick(value: number): string {
  const rounded = Number(value.toPrecision(12));
  const magnitude = Math.abs(rounded);
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e6)) return String(rounded);
  return rounded.toExponential().replace("e+", "e");
}

function formatScaled(value: number, scales: readonly Scale[], unit: string, significantDigits: number): string {
  // The prefix is chosen by what will be printed, so that 999.9996 k becomes 1.00 M and not 1000 k.
  const printed = (factor: number) => Math.abs(Number((value / factor).toPrecision(significantDigits)));
  const largest = scales.findLast(([, factor]) => printed(factor) >= 1);
  const [symbol, factor] = largest ?? (scales[0] as Scale);
  return `${formatNumber(value / factor, significantDigits)} ${symbol}${unit}`;
}
