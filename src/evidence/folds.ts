import { KERNEL_KINDS } from "../workload/kernelShape.ts";
import { type Measurement, shapeFamily } from "./measurement.ts";

export const FOLDS = 5;
export const SEEDS: readonly number[] = [1, 2, 3, 4, 5];

/** The fold of each row: shapes that differ in their rows alone lie in one, on whichever accelerator they were measured. */
export function foldsOf(measurements: readonly Measurement[], seed: number): ReadonlyMap<Measurement, number> {
  const folds = new Map<Measurement, number>();
  for (const kind of KERNEL_KINDS) {
    const ofKind = measurements.filter(({ shape }) => shape.kind === kind);
    const families = shuffled([...new Set(ofKind.map(shapeFamily))].sort(), seed);
    for (const measurement of ofKind) folds.set(measurement, families.indexOf(shapeFamily(measurement)) % FOLDS);
  }
  return folds;
}

/** A seeded Fisher-Yates shuffle. */
function shuffled(items: readonly string[], seed: number): readonly string[] {
  const next = generator(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const chosen = Math.floor(next() * (last + 1));
    [order[last], order[chosen]] = [order[chosen] ?? "", order[last] ?? ""];
  }
  return order;
}

/** Numbers from 0 to 1 of a 32-bit generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
