import { amount } from "./quantity.ts";

/** Keys of rows whose sequences have contexts that differ. */
export const contextKeys = {
  contextVariation: amount(
    "modeled",
    "fraction",
    "Deviation of contexts over their mean; absent where all are alike.",
  ).optional(),
  busiestContextTokens: amount(
    "modeled",
    "tokens",
    "Mean context of the sequences on the attention card that has the longest ones; absent where all are alike.",
  ).optional(),
};
