import type { ProjectionRow } from "../record/benchRows.ts";
import type { BenchDocument } from "../record/schemas.ts";
import type { Block } from "./block.ts";
import { environmentLine } from "./environmentText.ts";

/** Which numbers of a run of `bench` are measured, modeled and published, then its notes and where it ran. */
export function legendBlock(document: BenchDocument): Block {
  const projections = document.rows.filter((row) => row.row === "projection");
  const kernels = document.rows.some((row) => row.row === "kernel");
  return {
    columns: [],
    rows: [],
    lines: [
      ...(kernels ? MEASURED : []),
      ...(projections.length > 0 ? [projectedLine(projections)] : []),
      ...document.notes,
      environmentLine(document.environment),
    ],
  };
}

const MEASURED = [
  "Measured here: times, rates, roofs, and measured FLOP/B (executed FLOPs over KV and weight bytes that miss this host's modeled L2 cache). " +
    "Each kernel was checked against a float64 reference before it was timed.",
  "Modeled: FLOP/B that the formulas give, projections and the deployment. Published: peaks, bandwidths and prices of accelerators.",
];

function projectedLine(projections: readonly ProjectionRow[]): string {
  const precisions = new Map<string, Set<string>>();
  for (const { accelerator, dtype, precision } of projections) {
    const known = precisions.get(accelerator) ?? new Set();
    precisions.set(accelerator, known.add(`${dtype} in ${precision}`));
  }
  const each = [...precisions].map(([accelerator, texts]) => `${accelerator} (${[...texts].join(", ")})`);
  return `→ is the time at min(peak, intensity × bandwidth) on ${each.join(", ")}.`;
}
