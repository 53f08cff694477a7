import { ridgeFlopsPerByte } from "../../theory/roofline.ts";
import { tokenWork } from "../../workload/per-token.ts";
import { CONTEXTS, type ContextName, type DrawnCell, type PaperTable } from "../cell.ts";
import { roofsOn } from "../costs.ts";
import { REPORT_ACCELERATOR_NAMES, type ReportModel } from "../inputs.ts";

const DRAWN = ["DSv3", "Qwen3 MoE", "Step-3"] as const satisfies readonly ReportModel[];

/** Attention FLOPs against KV bytes of attention designs, and the slope at which accelerators do both. @source Figure 5 */
export const figure5: PaperTable = (inputs, convention) => [
  ...DRAWN.flatMap((row) =>
    (Object.keys(CONTEXTS) as ContextName[]).flatMap((context): DrawnCell[] => {
      const work = tokenWork(inputs.model(row), { contextTokens: CONTEXTS[context], convention });
      return [
        { kind: "drawn", row, column: `KV bytes at ${context}`, unit: "byte", computed: work.kvBytes },
        { kind: "drawn", row, column: `attention FLOPs at ${context}`, unit: "FLOP", computed: work.attentionFlops },
      ];
    }),
  ),
  ...REPORT_ACCELERATOR_NAMES.map(
    (row): DrawnCell => ({
      kind: "drawn",
      row,
      column: "ridge point",
      unit: "FLOP/byte",
      computed: ridgeFlopsPerByte(roofsOn(inputs, row)),
    }),
  ),
];
