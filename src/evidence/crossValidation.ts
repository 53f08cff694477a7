import type { ConstantVector } from "../theory/constantVector.ts";
import type { FittedConstants } from "../theory/fittedConstants.ts";
import { type LeftOut, projectMeasured, withBands, withoutBands } from "./bands.ts";
import { type BareFit, engineKey, fitOf, groupBy } from "./fitAll.ts";
import { FOLDS, foldsOf } from "./folds.ts";
import type { Measurement } from "./measurement.ts";

/** Constants by engine of the fits that lack one fold each, as the generated file holds them. */
export type FoldVectors = readonly Readonly<Record<string, ConstantVector>>[];

/** Every row of one seed, projected by a fit that lacks its fold; bands come from the other folds' errors. */
export interface SeedResult {
  readonly fold: ReadonlyMap<Measurement, number>;
  readonly leftOut: readonly LeftOut[];
}

/** Projections of rows left out, fold by fold. */
export function crossValidate(
  measurements: readonly Measurement[],
  seed: number,
  fitsByFold: readonly (readonly BareFit[])[],
): SeedResult {
  const fold = foldsOf(measurements, seed);
  const parts = fitsByFold.map((fits, index) => {
    const rows = measurements.filter((measurement) => fold.get(measurement) === index);
    return { fits, rows, leftOut: projectAll(rows, withoutBands(fits)) };
  });
  const leftOut = parts.flatMap(({ fits, rows }, index) => {
    const others = parts.filter((_, other) => other !== index).flatMap((part) => part.leftOut);
    const known = measurements.filter((measurement) => fold.get(measurement) !== index);
    return projectAll(rows, withBands(fits, others, known));
  });
  return { fold, leftOut };
}

/** The fits of one seed from their vectors: rows, accelerators and ranges follow from the rows that took part. */
export function fitsFrom(
  vectors: FoldVectors,
  measurements: readonly Measurement[],
  seed: number,
): readonly (readonly BareFit[])[] {
  const fold = foldsOf(measurements, seed);
  return Array.from({ length: FOLDS }, (_, index) => {
    const rows = measurements.filter((one) => one.certain && fold.get(one) !== index);
    return [...groupBy(rows, engineKey)].flatMap(([key, ofEngine]) => {
      const constants = vectors[index]?.[key];
      return constants === undefined ? [] : [fitOf(ofEngine, constants)];
    });
  });
}

function projectAll(rows: readonly Measurement[], fitted: FittedConstants): readonly LeftOut[] {
  return rows.map((measurement) => ({
    measurement,
    projected: projectMeasured(measurement, fitted),
  }));
}
