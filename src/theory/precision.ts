import type { Accelerator } from "../hardware/accelerator.ts";

/** What an accelerator multiplies in. */
export type ComputePrecision = "fp4" | "fp8" | "int8" | "bf16";

/** A precision, or `auto`: FP8 where the card has it, else BF16. @source Step-3 report, Table 4 */
export const PRECISION_CHOICES = ["auto", "bf16", "fp8", "int8", "fp4"] as const;

export type PrecisionChoice = (typeof PRECISION_CHOICES)[number];

/** A precision and the peak of a card in it. */
export interface Peak {
  readonly precision: ComputePrecision;
  readonly flopsPerSecond: number;
}

/** The peak of a card in the precision chosen; undefined where the card has none in it. */
export function peakFor(accelerator: Accelerator, choice: PrecisionChoice): Peak | undefined {
  const precision = choice === "auto" ? automatic(accelerator) : choice;
  const flopsPerSecond = peaksOf(accelerator)[precision];
  return flopsPerSecond === undefined ? undefined : { precision, flopsPerSecond };
}

function automatic(accelerator: Accelerator): ComputePrecision {
  return accelerator.peakFp8FlopsPerSecond === undefined ? "bf16" : "fp8";
}

function peaksOf(accelerator: Accelerator): Readonly<Record<ComputePrecision, number | undefined>> {
  return {
    fp4: accelerator.peakFp4FlopsPerSecond,
    fp8: accelerator.peakFp8FlopsPerSecond,
    int8: accelerator.peakInt8FlopsPerSecond,
    bf16: accelerator.peakBf16FlopsPerSecond,
  };
}
