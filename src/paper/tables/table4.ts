import type { FigureName } from "../../hardware/accelerator.ts";
import { ridgeFlopsPerByte } from "../../theory/roofline.ts";
import type { InputCell, PaperTable } from "../cell.ts";
import { roofsOn } from "../costs.ts";
import { REPORT_ACCELERATOR_NAMES } from "../inputs.ts";
import { rounded } from "../printed.ts";
import { TABLE_4 } from "../published/accelerators.ts";

const INPUTS: readonly (readonly [column: string, figure: FigureName, unit: InputCell["unit"]])[] = [
  ["price", "usdPerHour", "USD/hour"],
  ["BF16 peak", "peakBf16FlopsPerSecond", "FLOP/s"],
  ["FP8 peak", "peakFp8FlopsPerSecond", "FLOP/s"],
  ["bandwidth", "memoryBytesPerSecond", "byte/s"],
];

/** Accelerators: prices, peaks and bandwidths are inputs, from the catalog; the ridge point follows. @source Table 4 */
export const table4: PaperTable = (inputs) =>
  REPORT_ACCELERATOR_NAMES.flatMap((row) => {
    const accelerator = inputs.accelerator(row);
    const given = INPUTS.flatMap(([column, figure, unit]): InputCell[] => {
      const published = accelerator[figure];
      const source = `input of the catalog: ${accelerator.figureSources[figure] ?? accelerator.source}`;
      return published === undefined ? [] : [{ kind: "input", row, column, unit, published, source }];
    });
    return [
      ...given,
      {
        kind: "compared",
        row,
        column: "ridge point",
        unit: "FLOP/byte",
        printed: rounded(TABLE_4[row]),
        computed: ridgeFlopsPerByte(roofsOn(inputs, row)),
      },
    ];
  });
