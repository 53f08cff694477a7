import { type ConstantVector, constantsOf, vectorOf } from "../theory/constantVector.ts";
import { type FamilyName, kernelHardware, ownFamily } from "../theory/families.ts";
import { type EngineFit, operandsOf, type Ranges } from "../theory/fittedConstants.ts";
import type { NearbyRow } from "../theory/nearbyRows.ts";
import { KERNEL_KINDS, type KernelKind, shapeDimensions } from "../workload/kernelShape.ts";
import { type FitRow, fitEngine, fitFamily, type LeastSquares, modeledNs } from "./fit.ts";
import type { Measurement } from "./measurement.ts";

/** An engine's constants before its band is known. */
export type BareFit = Omit<EngineFit, "band">;

/** Constants of every engine that the rows hold, kind by kind and family by family; uncertain rows take no part. */
export function fitAll(measurements: readonly Measurement[], solve: LeastSquares): readonly BareFit[] {
  const rows = measurements.filter(({ certain }) => certain);
  return KERNEL_KINDS.flatMap((kind) => {
    const ofKind = rows.filter(({ shape }) => shape.kind === kind);
    return [...groupBy(ofKind, familyIn).values()].flatMap((ofFamily) => fitsOf(kind, ofFamily, solve));
  });
}

/** The family of a row's accelerator; shipped rows have one. */
export function familyIn({ peaks }: Measurement): FamilyName {
  const family = ownFamily(peaks.name);
  if (family === undefined) throw new Error(`${peaks.name} is of no family: add it to theory/families.ts`);
  return family;
}

/** An engine's constants, what its rows were off by, and what the fit says of itself. */
export function fitOf(rows: readonly Measurement[], constants: ConstantVector): BareFit {
  const [first] = rows;
  if (first === undefined) throw new Error("a fit without rows");
  const ranges = rangesOf(rows);
  return {
    kind: first.shape.kind,
    family: familyIn(first),
    engine: first.engine,
    ...operandsOf(first.shape),
    rows: rows.length,
    accelerators: [...new Set(rows.map(({ peaks }) => peaks.name))],
    ranges,
    constants,
    nearby: rows.map((row) => nearbyRow(row, constants, Object.keys(ranges))),
  };
}

/** What an engine is told apart by. */
export function engineKey({ engine, shape, peaks }: Measurement): string {
  const { operand, bytesPerKvElement = 0 } = operandsOf(shape);
  return [shape.kind, ownFamily(peaks.name), engine, operand, bytesPerKvElement].join("|");
}

/** Items by a key, in the order of first appearance. */
export function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function fitsOf(kind: KernelKind, rows: readonly Measurement[], solve: LeastSquares): readonly BareFit[] {
  const familyFit = fitFamily(kind, rows.map(fitRow), solve);
  return [...groupBy(rows, engineKey).values()].map((ofEngine) => {
    const { constants } = fitEngine(kind, ofEngine.map(fitRow), familyFit, solve);
    return fitOf(ofEngine, vectorOf(constants));
  });
}

function fitRow(measurement: Measurement): FitRow {
  const { shape, peaks, engine, measuredNs, host } = measurement;
  return { shape, hardware: kernelHardware(peaks, familyIn(measurement), engine), measuredNs, host };
}

function nearbyRow(measurement: Measurement, constants: ConstantVector, names: readonly string[]): NearbyRow {
  const logError = Math.log(measurement.measuredNs / modeledNs(fitRow(measurement), constantsOf(constants)));
  const dimensions = shapeDimensions(measurement.shape);
  return [Number(logError.toFixed(4)), ...names.map((name) => dimensions[name] ?? 1)];
}

function rangesOf(rows: readonly Measurement[]): Ranges {
  const dimensions = rows.map(({ shape }) => shapeDimensions(shape));
  const names = [...new Set(dimensions.flatMap((one) => Object.keys(one)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = dimensions.map((one) => one[name]).filter((value) => value !== undefined);
      return [name, [Math.min(...values), Math.max(...values)] as const];
    }),
  );
}
