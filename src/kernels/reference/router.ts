/**
 * Weights that a softmax router gives to the experts a kernel chose, or NaN where the choice is not a valid top-k.
 *
 * Two experts whose probabilities differ by less than float32 can tell (1e-5 of the larger) may change places.
 */
export function routeReference(
  logits: Float64Array,
  topK: number,
  normalize: boolean,
  chosen: readonly number[],
): Float64Array {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  const probabilities = exponentials.map((value) => value / sum);
  const order = [...probabilities.keys()].sort(
    (a, b) => (probabilities[b] as number) - (probabilities[a] as number) || a - b,
  );
  const threshold = (probabilities[order[topK - 1] as number] as number) * (1 - 1e-5);
  const valid =
    new Set(chosen).size === topK && chosen.every((expert) => (probabilities[expert] ?? Number.NaN) >= threshold);
  if (!valid) return new Float64Array(topK).fill(Number.NaN);
  const weights = Float64Array.from(chosen, (expert) => probabilities[expert] as number);
  const chosenSum = weights.reduce((total, weight) => total + weight, 0);
  return normalize ? weights.map((weight) => weight / chosenSum) : weights;
}
