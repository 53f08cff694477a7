import { memoryLimitBytes } from "../kernels/load.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import type { PlannedRow } from "./plannedRow.ts";

/**
 * Refuses, before anything is allocated, what does not fit into a WASM memory or this machine.
 *
 * @throws InfeasibleError naming the first such row, what it needs and what there is.
 */
export function checkMemory(planned: readonly PlannedRow[], availableBytes: number): void {
  for (const { fields, build } of planned) {
    if (build === undefined) continue;
    const { totalBytes } = build();
    const limit = Math.min(memoryLimitBytes, availableBytes);
    if (totalBytes <= limit) continue;
    const why = limit === memoryLimitBytes ? "one WASM memory holds at most" : "this machine has free";
    throw new InfeasibleError(
      `${fields.kernel} ${fields.dtype} at ${fields.shape} needs ${formatBytes(totalBytes)}; ${why} ${formatBytes(limit)}: lower --batch, --context or --tokens-per-expert`,
    );
  }
}
