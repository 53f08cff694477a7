import { z } from "zod";

// Fields of hand-written cards. Every message is what the value should have been, as a noun phrase; of unknown keys:
// `only a, b, c`. cardFault.ts makes errors of them.

/** A whole number from `least` to `most`. */
export function whole(most: number, description: string, least: 0 | 1 = 1) {
  const expected = `a whole number from ${least} to ${most}`;
  return z.int(expected).min(least, expected).max(most, expected).meta({ description });
}

/** A number above 0 and at most `most`. */
export function positive(most: number, description: string) {
  const expected = `a number above 0, at most ${most}`;
  return z.number(expected).positive(expected).max(most, expected).meta({ description });
}

/** A number from `least` to `most`. */
export function between([least, most]: readonly [number, number], description: string) {
  const expected = `a number from ${least} to ${most}`;
  return z.number(expected).min(least, expected).max(most, expected).meta({ description });
}

/** true or false; left out: false. */
export function flag(description: string) {
  return z.boolean("true or false").default(false).meta({ description });
}

/** One of these names. */
export function oneOf<const Names extends readonly string[]>(names: Names, description: string) {
  return z.enum(names, `one of ${names.join(", ")}`).meta({ description });
}

/** An object with these keys and no others. */
export function object<Shape extends z.ZodRawShape>(shape: Shape, description: string) {
  const keys = Object.keys(shape).join(", ");
  const error = ({ code }: { readonly code?: string }) =>
    code === "unrecognized_keys" ? `only ${keys}` : `an object with ${keys}`;
  return z.strictObject(shape, { error }).meta({ description });
}

/** What a union of kinds asks for: of its `kind` where that is at fault, else of the whole. */
export function kindsOf(...kinds: readonly string[]) {
  const list = `one of ${kinds.join(", ")}`;
  return {
    error: ({ code }: { readonly code?: string }) =>
      code === "invalid_union" ? list : `an object whose kind is ${list}`,
  };
}
