import { stageNs } from "../../theory/stageBudget.ts";
import type { ComparedCell, PaperTable } from "../cell.ts";
import type { Printed } from "../printed.ts";
import { SECTION_3, TARGETS } from "../published/design.ts";

/**
 * Stage budgets of the TPOT. The budget of a layer is worked out from the 16.6 ms as printed, as the report does.
 * @source Step-3 report, section 3.1 and section 6
 */
export const section3: PaperTable = ({ model }) => {
  const layers = model("Step-3").layers.length;
  const { value: tpotNs } = TARGETS.tpot;
  return [
    {
      kind: "input",
      row: "any pipeline",
      column: "TPOT",
      unit: "ns",
      published: tpotNs,
      source: "target of the report, section 3.1",
    },
    cell(`${TARGETS.stages} stages`, "stage", SECTION_3.stage, stageNs(tpotNs, TARGETS.stages)),
    {
      ...cell(`${TARGETS.stages} stages`, "stage per layer", SECTION_3.stagePerLayer, SECTION_3.stage.value / layers),
      remark: "From the 16.6 ms as printed; 50 ms / 3 would give 273 µs.",
    },
    cell(`${TARGETS.stagesOfFour} stages`, "stage", SECTION_3.stageOfFour, stageNs(tpotNs, TARGETS.stagesOfFour)),
  ];
};

function cell(row: string, column: string, printed: Printed, computed: number): ComparedCell {
  return { kind: "compared", row, column, unit: "ns", printed, computed };
}
