import type { ExpertChoice } from "../runs/expertChoice.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseNumber } from "../units/parse.ts";

/** Options that say how popular experts are, as commander gives them. */
export interface ExpertOptions {
  zipf?: string;
  expertLoad?: string;
}

/** A popularity whose file is not read yet. */
export type NamedExperts =
  | Extract<ExpertChoice, { kind: "zipf" }>
  | { readonly kind: "recorded"; readonly path: string };

export const ZIPF_HELP = "popularity of experts by Zipf's law (default: all alike)";
export const EXPERT_LOAD_HELP = "as recorded: CSV (expert, tokens, layer) or JSON arrays of tokens by expert";

/** @throws InvalidInputError on both at once, or an exponent that is none */
export function parseExperts({ zipf, expertLoad }: ExpertOptions): NamedExperts | undefined {
  if (zipf !== undefined && expertLoad !== undefined) {
    throw new InvalidInputError({ field: "--expert-load", value: "beside --zipf", expected: "one of the two" });
  }
  if (zipf !== undefined) return { kind: "zipf", exponent: parseNumber(zipf, "--zipf", [0, 10]) };
  return expertLoad === undefined ? undefined : { kind: "recorded", path: expertLoad };
}

/** Reads the file, where there is one. @throws InvalidInputError as `readExpertLoad` */
export async function readExperts(named: NamedExperts | undefined): Promise<ExpertChoice | undefined> {
  if (named?.kind !== "recorded") return named;
  const { readExpertLoad } = await import("../runs/expertLoadFile.ts");
  return { ...named, popularity: await readExpertLoad(named.path) };
}
