import type { ContextSpread } from "../runs/contextSpread.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseList, parseNumber, parseTokens } from "../units/parse.ts";

/** Options that say how many tokens sequences have cached, as commander gives them. */
export interface ContextOptions {
  context?: string;
  contextSpread?: string;
}

/** Mean contexts, each once, and how contexts differ from their mean. */
export interface ChosenContexts {
  readonly contexts: readonly number[];
  /** Absent: all sequences are alike. */
  readonly contextSpread?: ContextSpread;
}

export const CONTEXT_SPREAD_HELP = "how they differ: lognormal=SIGMA, uniform=SHARE, or a CSV file of contexts";

/** Beyond it one context in a thousand is longer than all others together. */
const MOST_SIGMA = 2;

/**
 * Reads the file, where there is one, which has a mean of its own.
 * @param usual contexts where none are given
 * @throws InvalidInputError on contexts or a spread that are none, on contexts beside a file, or as `readContextSpread`
 */
export async function readContexts({ context, contextSpread }: ContextOptions, usual: string): Promise<ChosenContexts> {
  const spread = contextSpread === undefined ? undefined : parseSpread(contextSpread);
  if (spread?.kind !== "file") {
    const contexts = [...new Set(parseList(context ?? usual, parseTokens, "--context"))];
    return spread === undefined ? { contexts } : { contexts, contextSpread: spread };
  }
  if (context !== undefined) {
    const expected = "nothing beside a file in --context-spread, which has a mean of its own";
    throw new InvalidInputError({ field: "--context", value: context, expected });
  }
  const { readContextSpread } = await import("../runs/contextSpreadFile.ts");
  const { contextTokens, contextVariation } = await readContextSpread(spread.path);
  return {
    contexts: [contextTokens],
    contextSpread: { kind: "recorded", path: spread.path, variation: contextVariation },
  };
}

type NamedSpread = Exclude<ContextSpread, { kind: "recorded" }> | { readonly kind: "file"; readonly path: string };

function parseSpread(text: string): NamedSpread {
  const [, kind, size = ""] = /^(lognormal|uniform)=(.*)$/s.exec(text.trim()) ?? [];
  switch (kind) {
    case "lognormal":
      return { kind, sigma: parseNumber(size, "--context-spread lognormal", [0, MOST_SIGMA]) };
    case "uniform":
      return { kind, share: parseNumber(size, "--context-spread uniform", [0, 1]) };
    default: {
      if (/\.csv$/i.test(text.trim())) return { kind: "file", path: text };
      const expected = "lognormal=SIGMA, uniform=SHARE, or a file whose name ends in .csv";
      const known = ["lognormal", "uniform"];
      throw new InvalidInputError({ field: "--context-spread", value: text, expected, known });
    }
  }
}
