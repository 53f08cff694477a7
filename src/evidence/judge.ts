import { SHIPPED_CONSTANTS } from "../theory/shippedConstants.ts";
import { type LeftOut, projectMeasured } from "./bands.ts";
import { crossValidate, type FoldVectors, fitsFrom, type SeedResult } from "./crossValidation.ts";
import generated from "./foldConstants.json" with { type: "json" };
import { SEEDS } from "./folds.ts";
import { type Measurement, measurementKey } from "./measurement.ts";
import { shippedMeasurements } from "./shipped.ts";

/** A measurement and what is projected for it. */
export interface Judged extends LeftOut {
  /** Whether the row took part in the fit of the constants that ship. */
  readonly fitted: boolean;
  /** The fold that the constants used here lack; absent for rows that do not ship. */
  readonly fold?: number;
}

const FOLD_VECTORS = generated.seeds as unknown as readonly FoldVectors[];

/** Checksum of what the generated constants were made from. */
export const FITTED_INPUTS_SHA256 = generated.inputsSha256;

/**
 * Projections of measurements, one list for each seed: a row that ships is projected by constants that were fitted
 * without its fold, any other row by the constants that ship.
 *
 * @param onSeed is called before each list that takes time, with how many are done
 */
export function judge(
  measurements: readonly Measurement[],
  onSeed?: (done: number, total: number) => void,
): readonly (readonly Judged[])[] {
  const shipped = shippedMeasurements().flatMap(({ measured }) => measured);
  const keys = new Map(shipped.map((measurement) => [measurementKey(measurement), measurement]));
  const usesShipped = measurements.some((measurement) => keys.has(measurementKey(measurement)));
  if (!usesShipped) return [measurements.map(judgeUnknown)];
  return FOLD_VECTORS.map((vectors, index) => {
    onSeed?.(index, FOLD_VECTORS.length);
    const seed = SEEDS[index] ?? 0;
    const result = crossValidate(shipped, seed, fitsFrom(vectors, shipped, seed));
    const byKey = new Map(result.leftOut.map((one) => [measurementKey(one.measurement), one]));
    return measurements.map((measurement) => judgeKnown(measurement, byKey, result) ?? judgeUnknown(measurement));
  });
}

function judgeKnown(
  measurement: Measurement,
  leftOut: ReadonlyMap<string, LeftOut>,
  { fold }: SeedResult,
): Judged | undefined {
  const known = leftOut.get(measurementKey(measurement));
  if (known === undefined) return undefined;
  const { certain } = known.measurement;
  return { measurement, projected: known.projected, fitted: certain, fold: fold.get(known.measurement) ?? 0 };
}

function judgeUnknown(measurement: Measurement): Judged {
  return { measurement, projected: projectMeasured(measurement, SHIPPED_CONSTANTS), fitted: false };
}
