/**
 * Moves places along an axis apart until any two are at least `gap` from each other, in their order and as little as that takes;
 * none leaves the range where all have room in it.
 * @param wanted in ascending order
 */
export function spreadApart(
  wanted: readonly number[],
  gap: number,
  [least, greatest]: readonly [number, number],
): readonly number[] {
  const room = Math.max(0, greatest - least - gap * (wanted.length - 1));
  // With the gaps taken out, order is all that is asked: runs that contradict it share their mean.
  const runs: { sum: number; count: number }[] = [];
  for (const [index, place] of wanted.entries()) {
    runs.push({ sum: place - gap * index, count: 1 });
    for (let last = runs.at(-1), before = runs.at(-2); last !== undefined && before !== undefined; ) {
      if (before.sum / before.count <= last.sum / last.count) break;
      before.sum += last.sum;
      before.count += last.count;
      runs.pop();
      [last, before] = [runs.at(-1), runs.at(-2)];
    }
  }
  return runs
    .flatMap(({ sum, count }) => Array.from({ length: count }, () => sum / count))
    .map((place, index) => Math.min(Math.max(place, least), least + room) + gap * index);
}
