import { busiestContextFactor, type Contexts, lognormalVariation, uniformVariation } from "../theory/contextSpread.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import { formatPercent } from "../units/format.ts";

/** How the contexts of sequences differ from their mean. */
export type ContextSpread =
  /** Times a factor whose logarithm is normal with this deviation. */
  | { readonly kind: "lognormal"; readonly sigma: number }
  /** Times a factor from 1 - `share` to 1 + `share`. */
  | { readonly kind: "uniform"; readonly share: number }
  /** As in a file: the deviation over the mean. */
  | { readonly kind: "recorded"; readonly path: string; readonly variation: number };

/** The deviation of contexts over their mean; 0 where they are all alike. */
export function variationOf(spread: ContextSpread | undefined): number {
  switch (spread?.kind) {
    case undefined:
      return 0;
    case "lognormal":
      return lognormalVariation(spread.sigma);
    case "uniform":
      return uniformVariation(spread.share);
    case "recorded":
      return spread.variation;
  }
}

/** The contexts of a batch's sequences. */
export function contextsOf(batch: {
  readonly contextTokens: number;
  readonly contextSpread: ContextSpread | undefined;
}): Contexts {
  return { contextTokens: batch.contextTokens, contextVariation: variationOf(batch.contextSpread) };
}

/** What a row says of contexts that differ; nothing where they are alike. */
export interface ContextKeys {
  readonly contextVariation?: number;
  readonly busiestContextTokens?: number;
}

/** @param sequences of a micro-batch on each attention card */
export function busiestContext(
  { contextTokens, contextVariation = 0 }: Contexts,
  { contextQuantile }: Pick<Efficiency, "contextQuantile">,
  sequences: number,
): ContextKeys {
  if (contextVariation === 0) return {};
  const factor = busiestContextFactor(contextVariation, contextQuantile, sequences);
  return { contextVariation, busiestContextTokens: contextTokens * factor };
}

/** What is said about a spread below a table. */
export function spreadNote(spread: ContextSpread, { contextQuantile }: Pick<Efficiency, "contextQuantile">): string {
  return `Contexts differ (${spreadText(spread)}): their deviation is ${formatPercent(variationOf(spread))} of the mean. Attention takes as long as the card with the longest ones, and that card must hold them: ${formatPercent(contextQuantile)} of cards have shorter ones (efficiency.contextQuantile).`;
}

function spreadText(spread: ContextSpread): string {
  switch (spread.kind) {
    case "lognormal":
      return `lognormal, sigma ${spread.sigma}`;
    case "uniform":
      return `uniform, ${formatPercent(spread.share)} to both sides`;
    case "recorded":
      return spread.path;
  }
}
