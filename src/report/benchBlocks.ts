import type { BenchRow, DeploymentRow, KernelRow, ProjectionRow } from "../record/benchRows.ts";
import type { BenchDocument } from "../record/schemas.ts";
import type { Block } from "./block.ts";
import { deploymentBlock } from "./deploymentBlock.ts";
import { gapBlock } from "./gapBlock.ts";
import { kernelBlocks } from "./kernelBlocks.ts";
import { legendBlock } from "./legendBlock.ts";
import { projectionBlock } from "./projectionBlock.ts";
import { roofBlock } from "./roofBlock.ts";

/**
 * A run of `bench`: the kernels, each with its projections; the gaps between modeled and measured intensity;
 * the roofs of this host; the deployment; then what the numbers are.
 *
 * @param columns width there is; wide enough, projections stand in the kernels' own table
 */
export function benchBlocks(document: BenchDocument, columns: number): Block[] {
  const { kernels, roofs, projections, deployments } = sorted(document.rows);
  const blocks = [
    ...(kernels.length > 0 ? kernelBlocks(kernels, projections, columns) : [projectionBlock(projections)]),
    gapBlock(kernels),
    roofBlock(roofs),
    ...deployments.map(deploymentBlock),
    legendBlock(document),
  ];
  return blocks.filter((block) => block.rows.length > 0 || (block.lines ?? []).length > 0);
}

interface SortedRows {
  kernels: KernelRow[];
  roofs: KernelRow[];
  projections: ProjectionRow[];
  deployments: DeploymentRow[];
}

function sorted(rows: readonly BenchRow[]): SortedRows {
  const result: SortedRows = { kernels: [], roofs: [], projections: [], deployments: [] };
  for (const row of rows) {
    switch (row.row) {
      case "kernel":
        (row.kernel.startsWith("roof.") ? result.roofs : result.kernels).push(row);
        break;
      case "projection":
        result.projections.push(row);
        break;
      case "deployment":
        result.deployments.push(row);
        break;
    }
  }
  return result;
}
