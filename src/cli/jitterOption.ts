import { InvalidInputError } from "../units/errors.ts";
import { parseNumber } from "../units/parse.ts";

/** Factors of mean 1 on times or lengths. */
type JitterOption =
  | { readonly kind: "lognormal"; readonly sigma: number }
  | { readonly kind: "uniform"; readonly share: number };

/**
 * `lognormal=SIGMA` or `uniform=SHARE`.
 * @throws InvalidInputError
 */
export function parseJitter(text: string, field: string): JitterOption {
  const [, kind = "", size = ""] = /^(\w+)=(.*)$/.exec(text.trim()) ?? [];
  switch (kind) {
    case "lognormal":
      return { kind, sigma: parseNumber(size, `${field} lognormal`, [0, 3]) };
    case "uniform":
      return { kind, share: parseNumber(size, `${field} uniform`, [0, 1]) };
    default: {
      const expected = "lognormal=SIGMA or uniform=SHARE, such as lognormal=0.05";
      throw new InvalidInputError({ field, value: text, expected, known: ["lognormal", "uniform"] });
    }
  }
}
