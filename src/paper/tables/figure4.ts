import { tokenWork } from "../../workload/per-token.ts";
import { CONTEXTS, type PaperTable } from "../cell.ts";
import { costOn, flopsCostOn } from "../costs.ts";
import type { ReportModel } from "../inputs.ts";
import { type Printed, rounded, summed } from "../printed.ts";
import { FIGURE_4 } from "../published/decodeCosts.ts";

/** Forward and backward passes of training in forward FLOPs. @source Step-3 report, Figure 4 (its bars) */
const TRAINING_PASSES = 3;

const DRAWN = ["Pangu Pro", "Step-3"] as const satisfies readonly ReportModel[];

/** Decoding and training on 910B. @source Step-3 report, Figure 4 */
export const figure4: PaperTable = (inputs, convention) =>
  DRAWN.flatMap((row) => {
    const costAt = (contextTokens: number) => costOn(inputs, { model: row, contextTokens, convention }, "910B").both;
    const work = tokenWork(inputs.model(row), { contextTokens: CONTEXTS["8K"], convention });
    const forwardFlops = work.attentionFlops + work.linearFlops + work.ffnFlops;
    const computed: Readonly<Record<keyof (typeof FIGURE_4)[typeof row], number>> = {
      "decoding 8K": costAt(CONTEXTS["8K"]),
      "decoding 32K": costAt(CONTEXTS["32K"]),
      "training 8K": flopsCostOn(inputs, TRAINING_PASSES * forwardFlops, "910B"),
    };
    return (Object.keys(computed) as (keyof typeof computed)[]).map((column) => ({
      kind: "compared",
      row,
      column,
      unit: "USD per million tokens",
      computed: computed[column],
      ...printOf(FIGURE_4[row][column], column),
    }));
  });

function printOf(text: string, column: string): { readonly printed: Printed; readonly remark?: string } {
  if (column.startsWith("training")) return { printed: rounded(text) };
  return { printed: summed(text), remark: "The report adds two cells of Table 6 as rounded there." };
}
