/**
 * Fits the projection's constants to the published kernel times of src/evidence/data and writes them.
 *
 *   node tools/fit.ts            writes src/theory/latencyConstants.json and src/evidence/foldConstants.json
 *   node tools/fit.ts --errors   prints errors on rows left out as well, as docs/projection.md has them
 */
import { writeFileSync } from "node:fs";
import { type LeftOut, projectMeasured, withBands, withoutOwn } from "../src/evidence/bands.ts";
import { crossValidate, type FoldVectors, fitsFrom } from "../src/evidence/crossValidation.ts";
import { type BareFit, engineKey, fitAll, groupBy } from "../src/evidence/fitAll.ts";
import { FOLDS, foldsOf, SEEDS } from "../src/evidence/folds.ts";
import type { Measurement } from "../src/evidence/measurement.ts";
import { shippedMeasurements } from "../src/evidence/shipped.ts";
import { inputsSha256 } from "./fitInputs.ts";
import { solveLeastSquares } from "./leastSquares.ts";
import { ROOT } from "./program.ts";

const measurements = shippedMeasurements().flatMap(({ measured }) => measured);
const seeds = SEEDS.map((seed) => foldVectors(measurements, seed));
const engines = fitAll(measurements, solveLeastSquares);
const leftOut = seeds.flatMap((vectors, index) => {
  const seed = SEEDS[index] ?? 0;
  return crossValidate(measurements, seed, fitsFrom(vectors, measurements, seed)).leftOut;
});
const fitted = withBands(engines, leftOut, measurements);
write("src/theory/latencyConstants.json", linesOf(fitted));
write(
  "src/evidence/foldConstants.json",
  `{\n"inputsSha256": ${JSON.stringify(inputsSha256())},\n"seeds": [\n${seeds.map((one) => JSON.stringify(one)).join(",\n")}\n]}\n`,
);
if (process.argv.includes("--errors")) printErrors();

function foldVectors(rows: readonly Measurement[], seed: number): FoldVectors {
  const fold = foldsOf(rows, seed);
  return Array.from({ length: FOLDS }, (_, index) => {
    const known = rows.filter((row) => fold.get(row) !== index);
    const keys = [
      ...groupBy(
        known.filter(({ certain }) => certain),
        engineKey,
      ).keys(),
    ];
    const fits = new Map(fitAll(known, solveLeastSquares).map((fit) => [keyOf(fit), fit.constants]));
    return Object.fromEntries(
      keys.flatMap((key) => {
        const constants = fits.get(key);
        return constants === undefined ? [] : [[key, constants]];
      }),
    );
  });
}

function keyOf({ kind, family, engine, operand, bytesPerKvElement = 0 }: BareFit): string {
  return [kind, family, engine, operand, bytesPerKvElement].join("|");
}

/** One engine a line, so that a change can be read. */
function linesOf({ engines, ...rest }: typeof fitted): string {
  const lines = engines.map((fit) => JSON.stringify(fit));
  return `{\n"engines": [\n${lines.join(",\n")}\n],\n${JSON.stringify(rest).slice(1)}\n`;
}

function write(path: string, text: string): void {
  writeFileSync(ROOT + path, text);
  console.log(`${path}: ${text.length} bytes`);
}

function printErrors(): void {
  console.log("\nfive seeds, five folds");
  table(leftOut);
  for (const without of ["engine", "family"] as const) {
    console.log(`\nwithout the own ${without}`);
    table(withoutOwn(measurements, fitted, without));
  }
  console.log("\nfitted without the accelerator");
  table([...new Set(measurements.map(({ peaks }) => peaks.name))].flatMap(withoutAccelerator));
}

/** Rows of an accelerator as a fit to all other accelerators projects them. */
function withoutAccelerator(accelerator: string): readonly LeftOut[] {
  const others = measurements.filter(({ peaks }) => peaks.name !== accelerator);
  const known = leftOut.filter(({ measurement }) => measurement.peaks.name !== accelerator);
  const rest = withBands(fitAll(others, solveLeastSquares), known, others);
  const own = measurements.filter(({ peaks }) => peaks.name === accelerator);
  return own.map((measurement) => ({ measurement, projected: projectMeasured(measurement, rest) }));
}

function table(rows: readonly LeftOut[]): void {
  const key = ({ measurement }: LeftOut) => `${measurement.peaks.name.padEnd(6)} ${measurement.shape.kind}`;
  const all = ({ measurement }: LeftOut) => `${measurement.peaks.name.padEnd(6)} all`;
  const groups = [...groupBy(rows, key), ...groupBy(rows, all), ["all", [...rows]] as const];
  for (const [name, group] of groups.sort(([left], [right]) => (left < right ? -1 : 1))) {
    const errors = group.map(({ measurement, projected }) =>
      Math.abs(projected.latencyNs / measurement.measuredNs - 1),
    );
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const inside = group.filter(
      ({ measurement: { measuredNs }, projected }) => projected.lowNs <= measuredNs && measuredNs <= projected.highNs,
    );
    const median = [...errors].sort((left, right) => left - right)[Math.floor(errors.length / 2)] ?? 0;
    console.log(
      [name.padEnd(26), group.length, percent(mean), percent(median), percent(inside.length / group.length)].join("\t"),
    );
  }
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)}%`;
}
