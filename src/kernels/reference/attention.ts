import { dot, roundHalfEven } from "./linear.ts";

/**
 * softmax(q K^T x scale) V of one query head, in float64.
 *
 * @param q - headDim values. @param keys - kvTokens rows. @param values - kvTokens rows.
 */
export function attend(
  q: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  scale: number,
): Float64Array {
  const scores = keys.map((key) => dot(q, key) * scale);
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const weights = scores.map((score) => Math.exp(score - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weightedSum(weights, values, sum);
}

/**
 * As attend, with P rounded to 7 bits as attentionCoreInt8 does: within each block of tokens, weights that hold their value's
 * scale are rounded to 1/127 of the block's largest.
 *
 * @param unitValues - values as int8 whole numbers. @param valueScales - one a token.
 */
export function attendRounded(
  q: Float64Array,
  keys: readonly Float64Array[],
  unitValues: readonly Float64Array[],
  valueScales: Float64Array,
  scale: number,
  blockTokens: number,
): Float64Array {
  const scores = keys.map((key) => dot(q, key) * scale);
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const weights = scores.map((score) => Math.exp(score - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const rounded = weights.map((weight, token) => weight * (valueScales[token] as number));
  for (let first = 0; first < rounded.length; first += blockTokens) {
    const last = Math.min(first + blockTokens, rounded.length);
    let most = 0;
    for (let token = first; token < last; token++) most = Math.max(most, rounded[token] as number);
    const step = most / 127;
    if (step > 0)
      for (let token = first; token < last; token++)
        rounded[token] = roundHalfEven((rounded[token] as number) / step) * step;
  }
  return weightedSum(rounded, unitValues, sum);
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
