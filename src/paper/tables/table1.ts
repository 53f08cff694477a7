import type { ModelCard } from "../../model/card.ts";
import { parametersActivated, parametersTotal } from "../../model/parameters.ts";
import type { ComparedCell, PaperTable } from "../cell.ts";
import { requireMoe } from "../moe.ts";
import type { Printed } from "../printed.ts";
import { TABLE_1 } from "../published/design.ts";

/** The model card of Step-3. @source Step-3 report, Table 1 */
export const table1: PaperTable = ({ model }) => {
  const card = model("Step-3");
  const [first] = card.layers;
  if (first?.attention.kind !== "mfa") throw new Error("Step-3 is not MFA");
  const { queryRank, queryHeads, headDim } = first.attention;
  const moe = requireMoe(card);
  return [
    cell("layers", TABLE_1.layers, card.layers.length),
    cell("hidden dimension", TABLE_1.hidden, card.hidden),
    cell("low-rank query dimension", TABLE_1.queryRank, queryRank),
    cell("query heads", TABLE_1.queryHeads, queryHeads),
    cell("head dimension", TABLE_1.headDim, headDim),
    cell("shared experts", TABLE_1.sharedExperts, moe.sharedDim / moe.expertDim),
    cell("parameters", TABLE_1.parametersTotal, parametersTotal(card)),
    {
      ...cell("parameters activated", TABLE_1.parametersActivated, parametersMultiplied(card)),
      remark: "Without the embedding table, of which a token looks up one row.",
    },
  ];
};

/** Activated parameters without the embedding table, unless that is the output head too. */
function parametersMultiplied(card: ModelCard): number {
  return parametersActivated(card) - (card.tiedEmbeddings ? 0 : card.vocab * card.hidden);
}

function cell(column: string, printed: Printed, computed: number): ComparedCell {
  return { kind: "compared", row: "Step-3", column, unit: "count", printed, computed };
}
