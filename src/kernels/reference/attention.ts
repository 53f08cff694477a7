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
  const rounded = weights.map((weight, token) => weight * (valueScales[token] as number));
  let begin = 0;
  while (begin < rounded.length) {
    const end = Math.min(rounded.length, begin + blockTokens - ((firstToken + begin) % blockTokens));
    let most = 0;
    for (let token = begin; token < end; token++) most = Math.max(most, rounded[token] as number);
    const unit = most / 127;
    if (unit > 0)
      for (let token = begin; token < end; token++)
        rounded[token] = roundHalfEven((rounded[token] as number) / unit) * unit;
    begin = end;
  }
  return weightedSum(rounded, unitValues, sum);
}

function exponentials(
  q: Float64Array,
  keys: readonly Float64Array[],
  scale: number,
  sink: number,
): { readonly weights: readonly number[]; readonly sum: number } {
  const scores = keys.map((key) => dot(q, key) * scale);
  const largest = scores.reduce((most, score) => Math.max(most, score), sink);
  const weights = scores.map((score) => Math.exp(score - largest));
  return { weights, sum: weights.reduce((total, weight) => total + weight, Math.exp(sink - largest)) };
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
