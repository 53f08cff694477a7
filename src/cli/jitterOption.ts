import { InvalidInputError } from "../units/errors.ts";
import { parseNumber } from "../units/parse.ts";

/** Jitter of stage times. */
type JitterOption =
  | { readonly kind: "lognormal"; readonly sigma: number }
  | { readonly kind: "uniform"; readonly share: number };

/**
 * `lognormal=SIGMA` or `uniform=SHARE`.
 * @throws InvalidInputError
 */
export function parseJitter(text: string): JitterOption {
  const [, kind = "", size = ""] = /^(\w+)=(.*)$/.exec(text.trim()) ?? [];
  switch (kind) {
    case "lognormal":
      return { kind, sigma: parseNumber(size, "--jitter lognormal", [0, 3]) };
    case "uniform":
      return { kind, share: parseNumber(size, "--jitter uniform", [0, 1]) };
    default: {
      const expected = "lognormal=SIGMA or uniform=SHARE, such as lognormal=0.05";
      throw new InvalidInputError({ field: "--jitter", value: text, expected, known: ["lognormal", "uniform"] });
    }
  }
}
