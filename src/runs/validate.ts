import type { Judged } from "../evidence/judge.ts";
import type { Measurements, RowFault, UnsupportedRow } from "../evidence/reader.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { ValidateDocument } from "../record/schemas.ts";
import type { MeasurementRow, SummaryRow } from "../record/validateRows.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type KernelKind, shapeText } from "../workload/kernelShape.ts";
import { recordEnvironment } from "./environment.ts";
import type { ProgressEvent } from "./settings.ts";

/** What `validate` compares with. */
export interface ValidateSettings {
  /** A file or folder of measurements; absent: those that ship. */
  readonly dataPath?: string;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** Kernels as `bench` names them. */
const KERNEL_NAMES: Readonly<Record<KernelKind, string>> = {
  "attention-decode": "attention.core",
  "mla-decode": "attention.core",
  gemm: "linear.gemm",
  "grouped-gemm": "moe.expertMatmul",
  "moe-fused": "moe.layer",
};

const ALL = "all";
const MOST_FAULTS = 20;

/**
 * Projections against published kernel times, row by row and summed up by accelerator and kernel kind.
 * @throws InvalidInputError on a path that can't be read or files of which no row can be used
 */
export async function validate({ dataPath, onProgress }: ValidateSettings): Promise<ValidateDocument> {
  const files = dataPath === undefined ? await shipped() : await given(dataPath);
  const measured = files.flatMap((file) => file.measured);
  const unsupported = files.flatMap((file) => file.unsupported);
  const faults = files.flatMap((file) => file.faults);
  if (dataPath !== undefined && measured.length + unsupported.length === 0) throw noRow(dataPath, faults);
  // Loaded here alone: it brings all measurements that ship.
  const { judge } = await import("../evidence/judge.ts");
  const bySeed = judge(measured, (done, total) =>
    onProgress?.({ done, total, text: `division ${done + 1} of the rows into folds` }),
  );
  const [first = []] = bySeed;
  return {
    schema: DOCUMENT_SCHEMA,
    command: "validate",
    environment: recordEnvironment(),
    rows: [...summaries(bySeed), ...first.map(measurementRow), ...unsupported.map(unsupportedRow)],
    notes: notesOf(first, unsupported, faults),
  };
}

async function shipped(): Promise<readonly Measurements[]> {
  const { shippedMeasurements } = await import("../evidence/shipped.ts");
  return shippedMeasurements();
}

async function given(path: string): Promise<readonly Measurements[]> {
  const { readMeasurementFiles } = await import("../evidence/files.ts");
  return readMeasurementFiles(path);
}

function noRow(path: string, [first, ...others]: readonly RowFault[]): InvalidInputError {
  const more = others.length === 0 ? "" : `; and ${others.length} more`;
  const why = first === undefined ? "" : ` (${faultText(first)}${more})`;
  return new InvalidInputError({ field: "--data", value: path, expected: `a row that can be used${why}` });
}

function faultText({ file, row, error }: RowFault): string {
  return `${file}, row ${row}, ${error.message}`;
}

function measurementRow({ measurement, projected, fitted, fold }: Judged): MeasurementRow {
  const { source, peaks, shape, engine, measuredNs } = measurement;
  return {
    row: "measurement",
    kind: "published",
    status: "ok",
    source,
    accelerator: peaks.name,
    kernel: KERNEL_NAMES[shape.kind],
    kernelKind: shape.kind,
    engine,
    shape: shapeText(shape),
    measuredNs,
    projectedNs: projected.latencyNs,
    lowNs: projected.lowNs,
    highNs: projected.highNs,
    errorFraction: (projected.latencyNs - measuredNs) / measuredNs,
    insideBand: isInside({ measurement, projected }),
    fitted,
    ...(fold === undefined ? {} : { fold }),
    basis: projected.basis,
    family: projected.family,
  };
}

function unsupportedRow({ source, accelerator, kernelKind }: UnsupportedRow): MeasurementRow {
  return {
    row: "measurement",
    kind: "published",
    status: "unsupported",
    source,
    accelerator,
    kernel: kernelKind,
    kernelKind,
  };
}

function summaries(bySeed: readonly (readonly Judged[])[]): SummaryRow[] {
  const [first = []] = bySeed;
  const rows = bySeed.flat();
  const accelerators = [...new Set(first.map(({ measurement }) => measurement.peaks.name))].sort();
  const kinds = [...new Set(first.map(({ measurement }) => measurement.shape.kind))].sort();
  const select = (accelerator: string, kind: string) =>
    rows.filter(
      ({ measurement: { peaks, shape } }) =>
        (accelerator === ALL || peaks.name === accelerator) && (kind === ALL || shape.kind === kind),
    );
  return [...accelerators, ALL].flatMap((accelerator) =>
    [...kinds, ALL].flatMap((kernelKind) => {
      const chosen = select(accelerator, kernelKind);
      return chosen.length === 0 ? [] : [summaryRow(accelerator, kernelKind, chosen, bySeed.length)];
    }),
  );
}

function summaryRow(accelerator: string, kernelKind: string, judged: readonly Judged[], seeds: number): SummaryRow {
  const errors = judged
    .map(({ measurement: { measuredNs }, projected }) => Math.abs(projected.latencyNs - measuredNs) / measuredNs)
    .sort((left, right) => left - right);
  const middle = (errors.length - 1) / 2;
  return {
    row: "summary",
    kind: "modeled",
    accelerator,
    kernelKind,
    rows: judged.length / seeds,
    seeds,
    meanAbsoluteErrorFraction: errors.reduce((sum, error) => sum + error, 0) / errors.length,
    medianAbsoluteErrorFraction: ((errors[Math.floor(middle)] ?? 0) + (errors[Math.ceil(middle)] ?? 0)) / 2,
    worstAbsoluteErrorFraction: errors.at(-1) ?? 0,
    insideBandFraction: judged.filter(isInside).length / judged.length,
  };
}

function isInside({ measurement: { measuredNs }, projected }: Pick<Judged, "measurement" | "projected">): boolean {
  return projected.lowNs <= measuredNs && measuredNs <= projected.highNs;
}

function notesOf(
  judged: readonly Judged[],
  unsupported: readonly UnsupportedRow[],
  faults: readonly RowFault[],
): string[] {
  const withFold = judged.filter(({ fold }) => fold !== undefined).length;
  const named = faults.slice(0, MOST_FAULTS).map((fault) => `Left out: ${faultText(fault)}.`);
  return [
    ...(withFold === 0
      ? []
      : [
          `${withFold} rows ship: each is projected with constants that were fitted without its fold, which holds all shapes that differ in their rows alone; row numbers are of the first of five divisions into folds, summaries of all five.`,
        ]),
    ...(withFold === judged.length ? [] : [`Rows that took no part in any fit: ${judged.length - withFold}.`]),
    ...(unsupported.length === 0
      ? []
      : [`Unsupported, having no kernel time (links, whole systems): ${unsupported.length}.`]),
    ...named,
    ...(faults.length > MOST_FAULTS ? [`${faults.length - MOST_FAULTS} more rows were left out.`] : []),
    "Peaks are those that each file states (peaksUsed); docs/projection.md has the model, its terms and their gains.",
  ];
}
