import type { ModelCard } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { InvalidInputError } from "../units/errors.ts";

/** One decode step's setting. */
export interface DecodeSetting {
  /** Tokens (one per sequence) that an attention card handles in a step. */
  readonly batch: number;
  /** Cached tokens that each of them attends to. */
  readonly kvTokens: number;
  /** Tokens that each expert of an FFN instance gets in a step. */
  readonly tokensPerExpert: number;
  readonly bytesPerWeight: number;
  readonly bytesPerKvElement: number;
}

/**
 * Tokens that an FFN instance serves in a step, gathered from several attention instances:
 * tokensPerExpert x experts / topK, routing being even. A model without experts serves the attention's batch.
 */
export function ffnTokens(card: ModelCard, setting: DecodeSetting): number {
  const moe = moeOf(card);
  return moe === undefined ? setting.batch : (setting.tokensPerExpert * moe.experts) / moe.router.topK;
}

/**
 * Refuses a setting that no step has.
 * @throws InvalidInputError unless counts are whole numbers of at least 1 and element sizes above 0
 */
export function checkSetting(setting: DecodeSetting): void {
  for (const field of ["batch", "kvTokens", "tokensPerExpert"] as const) {
    const value = setting[field];
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new InvalidInputError({ field, value, expected: "a whole number of at least 1" });
  }
  for (const field of ["bytesPerWeight", "bytesPerKvElement"] as const) {
    const value = setting[field];
    if (Number.isFinite(value) && value > 0) continue;
    throw new InvalidInputError({ field, value, expected: "a number of bytes above 0" });
  }
}
