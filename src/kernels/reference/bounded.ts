import { type Bounded, float32Tolerance } from "../case.ts";
import type { KvDtype } from "../kvFormat.ts";
import { type Activation, activate, dot, pairsOf, type ReferenceRope, rmsNorm, roundHalfEven, turn } from "./linear.ts";

/** How a kernel adds up: in float32, term by term, or in int32, exactly. */
export type Chain = "float32" | "int32";

/** Half a unit in the last place of a float32 just above 1. */
const halfUlp = 2 ** -24;
/** Allowed beside any relative error: exp, division and the products of scales take a few roundings. */
const fewRoundings = 2 ** -20;
/** Below the least float32 that has all its digits, errors are absolute. */
const leastError = 2 ** -126;

/** Values that reference and kernel read from the same memory. */
export function exactly(values: Float64Array): Bounded {
  return { values, errors: new Float64Array(values.length) };
}

/**
 * x W for the given columns, each a vector of k.
 *
 * Partial sums of terms t_i are near sqrt(sum t_i^2) where signs vary, and near |y| where they do not: each of k additions rounds to
 * half a unit of that. Errors of x pass through with the column's weights.
 */
export function boundedMatmul(
  x: Bounded,
  columns: number,
  column: (index: number) => Float64Array,
  chain: Chain,
): Bounded {
  const y = { values: new Float64Array(columns), errors: new Float64Array(columns) };
  const ofSum = chain === "float32" ? float32Tolerance(x.values.length) : fewRoundings;
  for (let index = 0; index < columns; index++) {
    const { sum, squares, errorSum, errorSquares } = terms(x, column(index));
    y.values[index] = sum;
    const size = Math.abs(sum) + (chain === "float32" ? Math.sqrt(squares) : 0);
    y.errors[index] = ofSum * size + passedOn(errorSum, errorSquares) + leastError;
  }
  return y;
}

/** x / sqrt(mean(x^2) + epsilon) w. Errors of x pass through, and move what all of x is divided by. */
export function boundedNorm(x: Bounded, weight: Float64Array, epsilon: number): Bounded {
  const values = rmsNorm(x.values, weight, epsilon);
  const width = x.values.length;
  const meanSquare = dot(x.values, x.values) / width + epsilon;
  const moved = x.values.reduce((sum, value, i) => sum + Math.abs(value) * (x.errors[i] as number), 0);
  const ofDivisor = moved / width / meanSquare;
  const errors = values.map((value, i) => {
    const passed = (Math.abs(weight[i] as number) * (x.errors[i] as number)) / Math.sqrt(meanSquare);
    return passed + (float32Tolerance(width) + ofDivisor) * Math.abs(value);
  });
  return { values, errors };
}

/** RoPE of one head at a position: the tables' cosines and sines, both products and their sum are rounded. */
export function boundedRope(x: Bounded, position: number, rope: ReferenceRope): Bounded {
  const values = turn(x.values, position, rope);
  const sizes = x.values.map((value) => Math.abs(value));
  const { magnitude } = rope.frequencies;
  const errors = x.errors.slice();
  for (const [one, other] of pairsOf(rope)) {
    const size = ((sizes[one] as number) + (sizes[other] as number)) * magnitude;
    const passed = ((x.errors[one] as number) + (x.errors[other] as number)) * magnitude;
    for (const i of [one, other]) errors[i] = passed + 4 * halfUlp * size + leastError;
  }
  return { values, errors };
}

/**
 * Float32 values as a cache holds them: off by half a step of its format, which in bf16 and fp8 is relative, in int8 and int4 a share of
 * the largest value.
 */
export function boundedStored(values: Float64Array, kvDtype: KvDtype): Bounded {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const errorOf = (value: number): number => {
    switch (kvDtype) {
      case "f32":
        return 0;
      case "bf16":
        return 2 ** -8 * Math.abs(value) + leastError;
      case "fp8":
        return Math.max(2 ** -4 * Math.abs(value), 2 ** -10, Math.abs(value) - 448);
      case "int8":
        return (0.5 + fewRoundings * 127) * (largest / 127) + leastError;
      case "int4":
        return (0.5 + fewRoundings * 7) * (largest / 7) + leastError;
    }
  };
  return { values, errors: values.map(errorOf) };
}

/** act(gate) x up: the farthest of the corners that gate and up may stand at. */
export function boundedActivate(activation: Activation, gate: Bounded, up: Bounded): Bounded {
  const values = activate(activation, gate.values, up.values);
  const errors = values.map((value) => fewRoundings * Math.abs(value));
  const moved = ({ values: from, errors: by }: Bounded, sign: number): Float64Array =>
    from.map((value, i) => value + sign * (by[i] as number));
  for (const gateSign of [-1, 1]) {
    for (const upSign of [-1, 1]) {
      const corner = activate(activation, moved(gate, gateSign), moved(up, upSign));
      for (let i = 0; i < errors.length; i++) {
        const distance =
          Math.abs((corner[i] as number) - (values[i] as number)) + fewRoundings * Math.abs(values[i] as number);
        errors[i] = Math.max(errors[i] as number, distance);
      }
    }
  }
  return { values, errors };
}

/**
 * x rounded to 7 bits with one scale (max |x| / 63), as int8 products see their activations.
 *
 * A value that may stand on the other side of the middle of two steps may be a whole step off; all others are off by their scale alone.
 */
export function boundedRound7(x: Bounded): Bounded {
  const largest = x.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const largestError = x.values.reduce(
    (most, value, i) => Math.max(most, Math.abs(value) + (x.errors[i] as number) - largest),
    0,
  );
  const scale = Math.fround(largest / 63);
  const unitsPerValue = Math.fround(63 / largest);
  if (!(unitsPerValue < Number.POSITIVE_INFINITY)) return exactly(new Float64Array(x.values.length));
  const ofScale = largestError === 0 ? 0 : largestError / largest + 4 * halfUlp;
  const units = x.values.map((value) => Math.fround(Math.fround(value) * unitsPerValue));
  const errors = units.map((unit, i) => {
    const error = x.errors[i] as number;
    const unitError = error === 0 && ofScale === 0 ? 0 : error / scale + Math.abs(unit) * (ofScale + 2 * halfUlp);
    const toMiddle = Math.abs(unit - Math.floor(unit) - 0.5);
    const steps = toMiddle < unitError ? Math.max(1, Math.ceil(unitError)) : 0;
    return steps * scale + Math.abs(roundHalfEven(unit)) * scale * (ofScale + 2 * halfUlp);
  });
  return { values: units.map((unit) => roundHalfEven(unit) * scale), errors };
}

/** Adds values that reference and kernel read from the same memory. */
export function boundedAdd(x: Bounded, added: (index: number) => number): Bounded {
  const values = x.values.map((value, i) => value + added(i));
  const errors = x.errors.map((error, i) => error + halfUlp * (Math.abs(x.values[i] as number) + Math.abs(added(i))));
  return { values, errors };
}

/** x times a factor that has an error of its own. */
export function boundedScale(x: Bounded, factor: { readonly value: number; readonly error: number }): Bounded {
  const values = x.values.map((value) => value * factor.value);
  const errors = x.errors.map(
    (error, i) =>
      error * (Math.abs(factor.value) + factor.error) +
      Math.abs(x.values[i] as number) * factor.error +
      halfUlp * Math.abs(values[i] as number),
  );
  return { values, errors };
}

/** The sum of all parts, added one by one in float32 to values of that size, which are not in the sum. */
export function boundedTotal(addedTo: readonly number[], parts: readonly Bounded[]): Bounded {
  const total = exactly(new Float64Array(addedTo.length));
  for (const [i, start] of addedTo.entries()) {
    const sizes = parts.reduce((sum, { values }) => sum + Math.abs(values[i] as number), Math.abs(start));
    total.values[i] = parts.reduce((sum, { values }) => sum + (values[i] as number), 0);
    total.errors[i] = parts.reduce(
      (sum, { errors }) => sum + (errors[i] as number),
      (parts.length + 1) * halfUlp * sizes + leastError,
    );
  }
  return total;
}

function terms(x: Bounded, column: Float64Array) {
  let [sum, squares, errorSum, errorSquares] = [0, 0, 0, 0];
  for (let i = 0; i < column.length; i++) {
    const weight = column[i] as number;
    const term = (x.values[i] as number) * weight;
    const error = Math.abs((x.errors[i] as number) * weight);
    sum += term;
    squares += term * term;
    errorSum += error;
    errorSquares += error * error;
  }
  return { sum, squares, errorSum, errorSquares };
}

/** What errors of many terms make of their sum: all of them where they are few, four times their root of squares where they are many. */
function passedOn(errorSum: number, errorSquares: number): number {
  return Math.min(errorSum, 4 * Math.sqrt(errorSquares));
}
