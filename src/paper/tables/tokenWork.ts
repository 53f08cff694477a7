import { tokenWork } from "../../workload/per-token.ts";
import { CONTEXTS, type ContextName, type PaperTable } from "../cell.ts";
import { REPORT_MODEL_NAMES } from "../inputs.ts";
import { rounded } from "../printed.ts";
import { TABLE_2, TABLE_3 } from "../published/tokenWork.ts";

/** Computation and memory access of a decoded token. @source Step-3 report, Tables 2 and 3 */
export function tokenWorkTable(context: ContextName): PaperTable {
  const published = context === "8K" ? TABLE_2 : TABLE_3;
  return ({ model }, convention) =>
    REPORT_MODEL_NAMES.flatMap((row) => {
      const work = tokenWork(model(row), { contextTokens: CONTEXTS[context], convention });
      const [kvBytes, attentionFlops, linearFlops, ffnFlops] = published[row];
      const cell = { kind: "compared", row, unit: "FLOP" } as const;
      return [
        { ...cell, column: "KV/state bytes", unit: "byte", printed: rounded(kvBytes), computed: work.kvBytes },
        { ...cell, column: "attention FLOPs", printed: rounded(attentionFlops), computed: work.attentionFlops },
        { ...cell, column: "linear FLOPs", printed: rounded(linearFlops), computed: work.linearFlops },
        { ...cell, column: "FFN FLOPs", printed: rounded(ffnFlops), computed: work.ffnFlops },
      ];
    });
}
