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
  const limit = Math.min(memoryLimitBytes, availableBytes);
  for (const row of planned) {
    const bytes = neededBytes(row, limit);
    if (bytes <= limit) continue;
    const { kernel, dtype, shape } = row.fields;
    const why = limit === memoryLimitBytes ? "one WASM memory holds at most" : "this machine has free";
    const lower = kernel === "linear.gemm" ? "--m, --n or --k" : "--batch, --context or --tokens-per-expert";
    throw new InfeasibleError(
      `${kernel} ${dtype} at ${shape} needs ${formatBytes(bytes)}; ${why} ${formatBytes(limit)}: lower ${lower}`,
    );
  }
}

/**
 * Bytes of a row's memory. Attention holds all of its KV cache and weights: where these alone are too much, nothing is
 * laid out, which for a billion sequences would itself need more memory than there is.
 */
function neededBytes({ fields, modeled, build }: PlannedRow, limit: number): number {
  if (build === undefined) return 0;
  if (fields.kernel.startsWith("attention.") && modeled.valueBytes > limit) return modeled.valueBytes;
  return build().totalBytes;
}
