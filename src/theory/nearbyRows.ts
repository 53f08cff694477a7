/**
 * A measured row of an engine: the logarithm of its time over what the constants say, then its dimensions in the order of
 * the engine's `ranges`.
 */
export type NearbyRow = readonly [logError: number, ...dimensions: readonly number[]];

/** Errors beyond this count as this much, so that an odd row does not bend its neighbours. */
const LARGEST_LOG_ERROR = 0.25;

/** What the constants' own word weighs, in rows of the very shape. */
const OWN_WEIGHT = 1;

/**
 * What to multiply a modeled time by for what the engine's measured rows nearby were off by: their mean error, each
 * weighed by exp(-doublings^2 / 2) of its distance, drawn to none as if one more row at the very shape had none
 * (Nadaraya and Watson's kernel regression, 1964). Far from all rows it is 1.
 *
 * @param dimensions of the shape; one that a row lacks, or the shape, is 1
 * @param names of the rows' dimensions
 */
export function nearbyFactor(
  dimensions: Readonly<Record<string, number>>,
  names: readonly string[],
  rows: readonly NearbyRow[],
): number {
  const at = names.map((name) => Math.log2(dimensions[name] ?? 1));
  let weights = OWN_WEIGHT;
  let errors = 0;
  for (const [logError, ...own] of rows) {
    const squared = at.reduce((sum, value, index) => sum + (value - Math.log2(own[index] ?? 1)) ** 2, 0);
    const weight = Math.exp(-squared / 2);
    weights += weight;
    errors += weight * Math.max(-LARGEST_LOG_ERROR, Math.min(LARGEST_LOG_ERROR, logError));
  }
  return Math.exp(errors / weights);
}
