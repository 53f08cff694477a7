import { dot, roundHalfEven } from "./linear.ts";

/**
 * softmax(q K^T x scale) V of one query head, in float64.
 *
 * @param q - keyDim values. @param keys - a row a token. @param values - a row a token.
 * @param sink - a score that takes part in the softmax and has no value; -Infinity for none.
 */
export function attend(
  q: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  scale: number,
  sink = -Infinity,
): Float64Array {
  const { weights, sum } = exponentials(q, keys, scale, sink);
  return weightedSum(weights, values, sum);
}

/** Tokens that the kernel takes at a time: a block of the cache. */
const blockTokens = 256;

/**
 * As attend, with P rounded to 7 bits as attentionPartInt8 does: within each block of tokens, weights that hold their value's
 * scale are rounded to 1/127 of the block's largest.
 *
 * @param unitValues - values as whole numbers. @param valueScales - one a token. @param firstToken - where the first of them stands in the cache.
 */
export function attendRounded(
  q: Float64Array,
  keys: readonly Float64Array[],
  unitValues: readonly Float64Array[],
  valueScales: Float64Array,
  scale: number,
  sink: number,
  firstToken: number,
): Float64Array {
  const { weights, sum } = exponentials(q, keys, scale, sink);
  const scaled = weights.map((weight, token) => weight * (valueScales[token] as number));
  const units = unitsOf(scaled, firstToken);
  const rounded = scaled.map((weight, token) => {
    const unit = units[token] as number;
    return unit > 0 ? roundHalfEven(weight / unit) * unit : weight;
  });
  return weightedSum(rounded, unitValues, sum);
}

/**
 * How far a right float32 kernel's output may be from `out`, what attend gives: sixteen steps of the random walk that its roundings make.
 * A weight carries those of its score (a chain of keyDim products, then twice the score itself), the output those of a chain
 * over all tokens. So cancellation, of few tokens above all, makes no right kernel look wrong.
 */
export function attendErrors(
  q: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  scale: number,
  sink: number,
  out: Float64Array,
): Float64Array {
  const { scores, weights, sum } = exponentials(q, keys, scale, sink);
  const squares = new Float64Array(out.length);
  for (const [token, value] of values.entries()) {
    const products = (keys[token] as Float64Array).reduce((total, key, i) => total + (key * (q[i] as number)) ** 2, 0);
    const roundings =
      4 +
      2 * Math.abs(scores[token] as number) +
      Math.abs(scale) * Math.sqrt(q.length * products) +
      Math.sqrt(keys.length);
    const factor = (roundings * (weights[token] as number)) / sum;
    for (let i = 0; i < squares.length; i++) squares[i] = (squares[i] as number) + (factor * (value[i] as number)) ** 2;
  }
  const ofOutput = Math.sqrt(q.length + keys.length);
  return squares.map((square, i) => 16 * 2 ** -24 * (ofOutput * Math.abs(out[i] as number) + Math.sqrt(square)));
}

/**
 * What rounding P adds to attendErrors: float32 and float64 may fall on two sides of a boundary, and the weight differs by a unit. One may
 * in any case, and beyond it five deviations of one in a thousand.
 */
export function roundedErrors(
  q: Float64Array,
  keys: readonly Float64Array[],
  unitValues: readonly Float64Array[],
  valueScales: Float64Array,
  scale: number,
  sink: number,
  firstToken: number,
): Float64Array {
  const { weights, sum } = exponentials(q, keys, scale, sink);
  const units = unitsOf(
    weights.map((weight, token) => weight * (valueScales[token] as number)),
    firstToken,
  );
  const width = unitValues[0]?.length ?? 0;
  return Float64Array.from({ length: width }, (_, i) => {
    const steps = unitValues.map((value, token) => ((units[token] as number) * Math.abs(value[i] as number)) / sum);
    const squares = steps.reduce((total, step) => total + step ** 2, 0);
    return steps.reduce((most, step) => Math.max(most, step), 0) + 5 * Math.sqrt(1e-3 * squares);
  });
}

/** The unit that each weight is rounded to: 1/127 of its block's largest. */
function unitsOf(weights: readonly number[], firstToken: number): readonly number[] {
  const blockOf = (token: number): number => Math.floor((firstToken + token) / blockTokens);
  const largest = new Map<number, number>();
  for (const [token, weight] of weights.entries())
    largest.set(blockOf(token), Math.max(largest.get(blockOf(token)) ?? 0, weight));
  return weights.map((_, token) => (largest.get(blockOf(token)) ?? 0) / 127);
}

function exponentials(
  q: Float64Array,
  keys: readonly Float64Array[],
  scale: number,
  sink: number,
): { readonly scores: readonly number[]; readonly weights: readonly number[]; readonly sum: number } {
  const scores = keys.map((key) => dot(q, key) * scale);
  const largest = scores.reduce((most, score) => Math.max(most, score), sink);
  const weights = scores.map((score) => Math.exp(score - largest));
  return { scores, weights, sum: weights.reduce((total, weight) => total + weight, Math.exp(sink - largest)) };
}

function weightedSum(weights: readonly number[], values: readonly Float64Array[], divisor: number): Float64Array {
  const out = new Float64Array(values[0]?.length ?? 0);
  for (let token = 0; token < weights.length; token++) {
    const weight = (weights[token] as number) / divisor;
    const value = values[token] as Float64Array;
    for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + weight * (value[i] as number);
  }
  return out;
}
