import { lognormalVariation, uniformVariation } from "../theory/contextSpread.ts";
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

/** The deviation of contexts over their mean. */
export function variationOf(spread: ContextSpread): number {
  switch (spread.kind) {
    case "lognormal":
      return lognormalVariation(spread.sigma);
    case "uniform":
      return uniformVariation(spread.share);
    case "recorded":
      return spread.variation;
  }
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
