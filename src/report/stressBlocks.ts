import type { StressDocument } from "../record/schemas.ts";
import type { StressRow } from "../record/stressRows.ts";
import { formatDuration } from "../units/format.ts";
import { type Block, blockOf, type ColumnOf } from "./block.ts";

const COLUMNS: readonly ColumnOf<StressRow>[] = [
  { header: "seed", align: "right", cell: (row) => String(row.seed) },
  { header: "run", align: "left", cell: (row) => `${row.deployment}, ${row.microBatches} mb` },
  { header: "stages", align: "left", cell: (row) => (row.emulated ? "emulated" : "kernels") },
  { header: "status", align: "left", cell: statusCell },
  { header: "time", align: "right", cell: (row) => formatDuration(row.runNs) },
  { header: "faults", align: "left", cell: (row) => row.faults },
];

/** Seeds with their faults, then what did not hold and how to have it again. */
export function stressBlocks({ rows, notes }: StressDocument): Block[] {
  const violated = rows.filter(({ status }) => status === "violated");
  return [
    blockOf("Random runs with faults (measured)", COLUMNS, rows, violated.length === 0 ? notes : []),
    ...(violated.length === 0
      ? []
      : [
          { title: "What did not hold", columns: [], rows: [], lines: [...violated.flatMap(violationLines), ...notes] },
        ]),
  ];
}

function violationLines({ seed, statusReason, replay, shrunk }: StressRow): readonly string[] {
  return [
    `Seed ${seed}: ${statusReason}.`,
    `  again:   ${replay}`,
    ...(shrunk === undefined ? [] : [`  smaller: ${shrunk}`]),
  ];
}

function statusCell({ status }: StressRow) {
  return status === "violated" ? ({ text: status, tone: "bad" } as const) : status;
}
