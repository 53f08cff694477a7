/** A choice's two sides. */
export interface Worth {
  /** More is better. */
  readonly gain: number;
  /** Less is better. */
  readonly cost: number;
}

/**
 * The entries that no other beats, least gain first: none has at least as much gain at no more cost, unless it is equal in
 * both. Equal entries stand or fall together.
 * @source Step-3 report, Figure 1 (activated parameters against the cost of decoding)
 */
export function paretoFront<Entry>(entries: readonly Entry[], worthOf: (entry: Entry) => Worth): readonly Entry[] {
  const worths = entries.map((entry) => ({ entry, ...worthOf(entry) }));
  const beaten = (one: Worth) =>
    worths.some(({ gain, cost }) => gain >= one.gain && cost <= one.cost && (gain > one.gain || cost < one.cost));
  return worths
    .filter((one) => !beaten(one))
    .sort((one, other) => one.gain - other.gain)
    .map(({ entry }) => entry);
}
