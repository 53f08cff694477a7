import { InvalidInputError } from "../units/errors.ts";

/** @throws InvalidInputError naming the first dimension that is no whole number of at least `least`. */
export function checkDimensions(dimensions: Readonly<Record<string, number>>, least: 0 | 1 = 1): void {
  for (const [field, value] of Object.entries(dimensions)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new InvalidInputError({ field, value, expected: `a whole number of at least ${least}` });
  }
}
