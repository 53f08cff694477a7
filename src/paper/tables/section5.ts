import { attentionFlopsPerByte, effectiveRank } from "../../workload/per-token.ts";
import { CONTEXTS, type PaperTable } from "../cell.ts";
import type { ReportModel } from "../inputs.ts";
import { SECTION_5 } from "../published/design.ts";

const DESIGNS = ["DSv3", "Qwen3 MoE", "Step-3"] as const satisfies readonly ReportModel[];

/** What attention designs ask of a card. @source Step-3 report, section 5.1 */
export const section5: PaperTable = ({ model }, convention) =>
  DESIGNS.flatMap((row) => {
    const card = model(row);
    const [first] = card.layers;
    if (first === undefined) throw new Error(`${row} has no layers`);
    const { flopsPerByte, effectiveRank: rank } = SECTION_5[row];
    const cell = { kind: "compared", row } as const;
    return [
      {
        ...cell,
        column: "attention FLOPs per KV byte",
        unit: "FLOP/byte",
        printed: flopsPerByte,
        computed: attentionFlopsPerByte(card, { contextTokens: CONTEXTS["8K"], convention }),
      },
      { ...cell, column: "effective rank", unit: "count", printed: rank, computed: effectiveRank(first.attention) },
    ];
  });
