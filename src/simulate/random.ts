import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { exactExp, exactLn } from "./exactMath.ts";

/** Seeded random numbers: the same on every machine. */
export interface Random {
  /** From 0 (inclusive) to 1. */
  uniform(): number;
  /** With a mean of 0 and a deviation of 1. */
  normal(): number;
  /** Positive, with a mean of 1. */
  exponential(): number;
  /** The numbers below `count` in a random order. */
  permutation(count: number): Uint32Array;
}

/** @param stream tells apart uses of one seed: numbers of one do not depend on how many another takes */
export function seededRandom(seed: number, stream: number): Random {
  const source = xoroshiro128plus(mixed(seed, stream));
  let spare: number | undefined;
  const uniform = () => (source.next() >>> 0) / 2 ** 32;
  return {
    uniform,
    normal() {
      if (spare !== undefined) {
        const normal = spare;
        spare = undefined;
        return normal;
      }
      // Marsaglia's polar method: a point in the unit circle gives two; the square root is exact by IEEE 754.
      for (;;) {
        const x = 2 * uniform() - 1;
        const y = 2 * uniform() - 1;
        const square = x * x + y * y;
        if (square >= 1 || square === 0) continue;
        const factor = Math.sqrt((-2 * exactLn(square)) / square);
        spare = y * factor;
        return x * factor;
      }
    },
    exponential: () => -exactLn(1 - uniform()),
    permutation(count) {
      const order = Uint32Array.from({ length: count }, (_, index) => index);
      for (let last = count - 1; last > 0; last -= 1) {
        const other = uniformInt(source, 0, last);
        const kept = order[last] as number;
        order[last] = order[other] as number;
        order[other] = kept;
      }
      return order;
    },
  };
}

/** How a time varies around its mean: a factor with a mean of 1 on every piece of work. */
export type Jitter =
  | { readonly kind: "none" }
  /** `sigma` is the deviation of the factor's logarithm. */
  | { readonly kind: "lognormal"; readonly sigma: number }
  /** From 1 - `share` to 1 + `share`. */
  | { readonly kind: "uniform"; readonly share: number };

export const NO_JITTER: Jitter = { kind: "none" };

/** Draws factors; undefined where nothing varies. */
export function jitterFactors(jitter: Jitter, random: Random): (() => number) | undefined {
  switch (jitter.kind) {
    case "none":
      return undefined;
    case "lognormal": {
      const { sigma } = jitter;
      return () => exactExp(sigma * random.normal() - (sigma * sigma) / 2);
    }
    case "uniform": {
      const { share } = jitter;
      return () => 1 + share * (2 * random.uniform() - 1);
    }
  }
}

/** Spreads neighbouring seeds and streams over all 32-bit numbers (the finalizer of MurmurHash3). */
function mixed(seed: number, stream: number): number {
  let bits = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
