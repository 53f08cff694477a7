import { z } from "zod";

/** A JSON object whose values have not been checked yet. */
export type RawObject = Readonly<Record<string, unknown>>;

/** The largest sizes that a configuration may name: far above any model, low enough that products stay finite. */
export const LIMITS = {
  hidden: 2 ** 17,
  layers: 1024,
  heads: 4096,
  headDim: 8192,
  width: 2 ** 20,
  experts: 8192,
  vocab: 2 ** 24,
  contextTokens: 2 ** 31,
} as const;

/** A whole number from 1 to `most`. */
export function wholeUpTo(most: number) {
  return z.int().min(1).max(most).describe(`a whole number from 1 to ${most}`);
}

/** A whole number from 0 to `most`. */
export function wholeOrZeroUpTo(most: number) {
  return z.int().min(0).max(most).describe(`a whole number from 0 to ${most}`);
}

/** A finite number above 0 and at most `most`. */
export function positiveUpTo(most: number) {
  return z.number().positive().max(most).describe(`a number above 0, at most ${most}`);
}

/** Exactly one of these values, for what the kernels and formulas hold for. */
export function oneOf<const T extends string | number | boolean | null>(...values: readonly T[]) {
  const text = values.map((value) => JSON.stringify(value)).join(" or ");
  return z.literal(values as readonly [T, ...T[]]).describe(text);
}

/** One of these words for each layer; `null` where the file leaves it to the class. */
export function layerWords<const T extends string>(...words: readonly T[]) {
  const one = oneOf(...words);
  return z.array(one).nullish().describe(`a list with ${one.description} for each layer`);
}

export const trueOrFalse = z.boolean().describe("true or false");

export const layerIndices = z.array(z.int().min(0)).describe("a list of layer indices");

/** Read for nothing but the fields in it that a family names as an alias. */
export const objectOrNull = z.record(z.string(), z.unknown()).nullish().describe("an object or null");
