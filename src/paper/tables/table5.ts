import type { PaperTable } from "../cell.ts";
import { unitCostOn } from "../costs.ts";
import { REPORT_ACCELERATOR_NAMES } from "../inputs.ts";
import { rounded } from "../printed.ts";
import { TABLE_5 } from "../published/accelerators.ts";

/** What a FLOP and a byte cost. @source Step-3 report, Table 5 */
export const table5: PaperTable = (inputs) =>
  REPORT_ACCELERATOR_NAMES.flatMap((row) => {
    const { usdPerFlop, usdPerByte } = unitCostOn(inputs, row);
    const [printedFlop, printedByte] = TABLE_5[row];
    const cell = { kind: "compared", row } as const;
    return [
      { ...cell, column: "FLOP", unit: "USD/FLOP", printed: rounded(printedFlop), computed: usdPerFlop },
      { ...cell, column: "byte", unit: "USD/byte", printed: rounded(printedByte), computed: usdPerByte },
    ];
  });
