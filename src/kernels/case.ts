import type { Buffer } from "./arena.ts";
import type { KernelExports } from "./exports.ts";
import type { Step } from "./program.ts";
import type { CaseWork } from "./work.ts";

/** A kernel at one shape, laid out in memory: what it needs, how to fill it, what each thread does, how to check it. */
export interface KernelCase {
  /** What it multiplies and reads; absent where no count is held against it. */
  readonly work?: CaseWork;
  readonly buffers: readonly Buffer[];
  readonly totalBytes: number;
  /** Makes seeded inputs, packs weights once, fills the KV cache. Runs on one thread, on zeroed memory. */
  readonly prepare: (exports: KernelExports, memory: WebAssembly.Memory) => void;
  /** The program of one thread of `ranks`. Running it again gives the same bits. */
  readonly steps: (rank: number, ranks: number) => Step[];
  /** How often each timed segment counts in the whole (1, unless the whole is composed of a part that was run). */
  readonly segmentWeights: readonly number[];
  /** Compares the outputs of a finished run with the float64 reference. */
  readonly check: (memory: WebAssembly.Memory) => Check;
}

/** Largest error over its tolerance: right while at most 1. NaN never is. */
export interface Check {
  readonly ok: boolean;
  readonly maxErrorFraction: number;
  /** Outputs compared. */
  readonly compared: number;
}

/** Compares outputs with their reference; `tolerance` is a share of the reference's root mean square. */
export function compare(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): Check {
  let squares = 0;
  for (let i = 0; i < expected.length; i++) squares += (expected[i] as number) ** 2;
  const allowed = tolerance * Math.sqrt(squares / Math.max(1, expected.length)) + Number.MIN_VALUE;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    if (!(error <= largest)) largest = error;
  }
  const maxErrorFraction = largest / allowed;
  return {
    ok: expected.length === actual.length && maxErrorFraction <= 1,
    maxErrorFraction,
    compared: expected.length,
  };
}

/**
 * A float64 reference's values, and how far a right kernel may be from each: what follows from the roundings on the way there, so that
 * neither few outputs nor cancellation make a right kernel look wrong, and no row's size hides a wrong output.
 *
 * Rounding errors of a sum are taken as a random walk, of which sixteen steps are allowed (docs/numerics.md).
 */
export interface Bounded {
  readonly values: Float64Array;
  readonly errors: Float64Array;
}

/** Compares outputs with a reference that says how far each may be off. */
export function compareBounded(actual: ArrayLike<number>, { values, errors }: Bounded): Check {
  let maxErrorFraction = 0;
  for (let i = 0; i < values.length; i++) {
    const fraction =
      Math.abs((actual[i] as number) - (values[i] as number)) / ((errors[i] as number) + Number.MIN_VALUE);
    if (!(fraction <= maxErrorFraction)) maxErrorFraction = fraction;
  }
  return { ok: values.length === actual.length && maxErrorFraction <= 1, maxErrorFraction, compared: values.length };
}

/** The worse of several checks. */
export function worst(checks: readonly Check[]): Check {
  return {
    ok: checks.every((check) => check.ok),
    maxErrorFraction: Math.max(0, ...checks.map((check) => check.maxErrorFraction)),
    compared: checks.reduce((sum, check) => sum + check.compared, 0),
  };
}

/**
 * Tolerance of a float32 chain whose products sum over `terms` elements in all: rounding errors of a sum grow as a random walk,
 * 2^-24 x sqrt(terms) of the outputs' size, and the largest of many outputs stays within 16 of these.
 */
export function float32Tolerance(terms: number): number {
  return 16 * 2 ** -24 * Math.sqrt(terms) + 2 ** -20;
}

/**
 * Tolerance of a chain with requantized activations against a reference that rounds at the same points: where float32 and float64
 * fall on two sides of a rounding boundary, one activation differs by one step (1/63 of its row's largest). A row of K values of
 * which a share of 1e-3 flip moves an output by max/63 x sqrt(1e-3) of its size, about 2e-3; five of these are allowed.
 */
export const requantizedTolerance = 1e-2;
