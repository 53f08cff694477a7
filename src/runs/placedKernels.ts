import { LEVELS } from "../measure/roofPlan.ts";
import type { KernelRow } from "../record/benchRows.ts";
import type { Environment } from "../record/document.ts";
import type { PlacedRow, RoofRow } from "../record/rooflineRows.ts";
import type { BenchDocument } from "../record/schemas.ts";
import { attainableFlopsPerSecond, boundOf } from "../theory/roofline.ts";
import { InvalidInputError } from "../units/errors.ts";

/**
 * Checks that a record was made on this host.
 *
 * @throws InvalidInputError where processor or caches are others: kernels of another host do not stand under this one's roofs.
 */
export function checkSameHost(record: Environment, here: Environment): void {
  for (const key of ["cpuModel", "cpuCores", "l1dBytes", "l2Bytes", "l3Bytes"] as const) {
    if (record[key] === here[key]) continue;
    throw new InvalidInputError({
      field: `--kernels: environment.${key}`,
      value: record[key],
      expected: `a record of this host, ${JSON.stringify(here[key] ?? "none")}`,
    });
  }
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
