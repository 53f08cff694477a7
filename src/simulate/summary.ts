/** Times at which 50, 90 and 99 of a hundred are no longer, and the longest; weighted where weights are given. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly longest: number;
}

/**
 * Percentiles of values by nearest rank: each is one of the values.
 * @param values more than none
 * @param weights how often each counts; absent: once
 */
export function percentiles(values: readonly number[], weights?: readonly number[]): Percentiles {
  const order = values.map((_, index) => index).sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0));
  const weightOf = (index: number) => weights?.[index] ?? 1;
  const total = order.reduce((sum, index) => sum + weightOf(index), 0);
  const at = (share: number) => {
    let below = 0;
    for (const index of order) {
      below += weightOf(index);
      if (below >= share * total) return values[index] as number;
    }
    return values[order.at(-1) as number] as number;
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), longest: at(1) };
}
