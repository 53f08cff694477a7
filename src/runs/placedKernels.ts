import { LEVELS } from "../measure/roofPlan.ts";
import type { KernelRow } from "../record/benchRows.ts";
import type { Environment } from "../record/document.ts";
import type { PlacedRow, RoofRow } from "../record/rooflineRows.ts";
import { type BenchDocument, checkDocument } from "../record/schemas.ts";
import { attainableFlopsPerSecond, boundOf } from "../theory/roofline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, parseJsonText, readSmallText } from "../units/files.ts";

const RECORD: FileKind = {
  field: "--kernels",
  expected: "a record of this host that `afdbench bench --save` wrote",
  largestBytes: 2 ** 28,
};

/**
 * A record of `bench` that was made on this host.
 *
 * @throws InvalidInputError where it can't be read, is no such record, or is another host's.
 */
export function readBenchRecord(path: string, here: Environment): BenchDocument {
  const value = parseJsonText(readSmallText(path, RECORD), path, RECORD);
  const record = benchDocumentOf(value, path);
  for (const key of ["cpuModel", "cpuCores", "l1dBytes", "l2Bytes", "l3Bytes"] as const) {
    if (record.environment[key] === here[key]) continue;
    throw new InvalidInputError({
      field: `${RECORD.field} ${path}: environment.${key}`,
      value: record.environment[key],
      expected: `${JSON.stringify(here[key] ?? "none")}, as on this host (kernels of another host do not stand under its roofs)`,
    });
  }
  return record;
}

/** Kernels of a record that have a rate and an intensity, each under the roofs that limit it. */
export function placedRows(record: BenchDocument, roofs: readonly RoofRow[]): PlacedRow[] {
  return record.rows
    .filter((row) => row.row === "kernel")
    .flatMap((row) => placedRow(row, roofs, record.environment.date));
}

function placedRow(row: KernelRow, roofs: readonly RoofRow[], measuredAt: string): PlacedRow[] {
  const { kernel, attention, shape, dtype, model, target, revectorized, threads, status } = row;
  const { flopsPerSecond, measuredFlopsPerByte, modeledFlopsPerByte } = row;
  const level = LEVELS.find((name) => name === row.level);
  if (flopsPerSecond === undefined || measuredFlopsPerByte === undefined) return [];
  return [
    {
      row: "kernel",
      kind: "measured",
      kernel,
      ...(attention === undefined ? {} : { attention }),
      ...{ shape, dtype },
      ...(model === undefined ? {} : { model }),
      target,
      ...(revectorized === undefined ? {} : { revectorized }),
      ...{ threads, status, flopsPerSecond, measuredFlopsPerByte },
      ...(modeledFlopsPerByte === undefined ? {} : { modeledFlopsPerByte }),
      ...(level === undefined ? {} : { level }),
      ...limitOf(row, flopsPerSecond, measuredFlopsPerByte, roofs),
      measuredAt,
    },
  ];
}

/** The roof of a kernel among those that stand; nothing where its own is not among them. */
function limitOf(
  { dtype, target, revectorized, threads, level }: KernelRow,
  flopsPerSecond: number,
  flopsPerByte: number,
  roofs: readonly RoofRow[],
): Pick<PlacedRow, "roofFlopsPerSecond" | "roofFraction" | "bound"> {
  const standing = roofs.filter(
    (roof) => roof.status === "ok" && roof.threads === threads && roof.revectorized === revectorized,
  );
  const peak = standing.find((roof) => roof.dtype === dtype && roof.target === target)?.flopsPerSecond;
  const bandwidth = standing.find((roof) => roof.level !== undefined && roof.level === level)?.bytesPerSecond;
  if (peak === undefined || bandwidth === undefined) return {};
  const machine = { flopsPerSecond: peak, bytesPerSecond: bandwidth };
  const roofFlopsPerSecond = attainableFlopsPerSecond(machine, flopsPerByte);
  return {
    roofFlopsPerSecond,
    roofFraction: flopsPerSecond / roofFlopsPerSecond,
    bound: boundOf(machine, { flops: flopsPerByte, bytes: 1 }),
  };
}

function benchDocumentOf(value: unknown, path: string): BenchDocument {
  const field = `${RECORD.field} ${path}`;
  const command = typeof value === "object" && value !== null && "command" in value ? value.command : undefined;
  if (command !== "bench") {
    throw new InvalidInputError({
      field: `${field}: command`,
      value: command,
      expected: `"bench" (${RECORD.expected})`,
    });
  }
  try {
    return checkDocument(value) as BenchDocument;
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError({ field, value: fault, expected: RECORD.expected });
  }
}
