/** The contexts of the sequences that are decoded together. */
export interface Contexts {
  /** Cached tokens of a sequence, the mean. */
  readonly contextTokens: number;
  /** Their deviation over the mean; absent: 0, all alike. */
  readonly contextVariation?: number | undefined;
}

/**
 * The mean context of the sequences on the busiest card over that of all, for independent contexts and so many sequences on
 * each card: the quantile of a card's mean, which is taken as lognormal with the mean and the deviation that it has (for
 * lognormal contexts Fenton and Wilkinson's approximation of their sum). 1 where contexts are alike; times the sequences it grows
 * with them; by itself it falls, but for quantiles that a heavy tail lies beyond.
 * @param variation deviation of a context over its mean
 * @param quantile from 0.5 to 1, exclusive
 */
export function busiestContextFactor(variation: number, quantile: number, sequences: number): number {
  if (variation === 0) return 1;
  const logVariance = Math.log1p(variation ** 2 / sequences);
  return Math.max(1, Math.exp(normalQuantile(quantile) * Math.sqrt(logVariance) - logVariance / 2));
}

/** Deviation over the mean of lognormal factors. */
export function lognormalVariation(sigma: number): number {
  return Math.sqrt(Math.expm1(sigma ** 2));
}

/** Deviation over the mean of factors from 1 - share to 1 + share. */
export function uniformVariation(share: number): number {
  return share / Math.sqrt(3);
}

/** The value that a normal number of mean 0 and deviation 1 does not exceed with this probability, at least 0.5; to seven digits. */
function normalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (q <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE, r)) / (1 + r * polynomial(CENTRE_BELOW, r));
  }
  const r = Math.sqrt(-Math.log(1 - probability)) - 1.6;
  return polynomial(TAIL, r) / (1 + r * polynomial(TAIL_BELOW, r));
}

/** Coefficients, the constant first. @source M. J. Wichura, algorithm AS 241 (PPND7), Applied Statistics 37 (1988) */
const CENTRE = [3.3871327179, 50.434271938, 159.29113202, 59.10937472];
const CENTRE_BELOW = [17.895169469, 78.757757664, 67.1875636];
const TAIL = [1.4234372777, 2.75681539, 1.3067284816, 0.17023821103];
const TAIL_BELOW = [0.7370016425, 0.12021132975];

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}
