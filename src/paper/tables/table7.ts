import { expertsForSparsity, leastSparsity, moeSparsity } from "../../theory/sparsity.ts";
import { stageNs } from "../../theory/stageBudget.ts";
import type { ComparedCell, PaperTable } from "../cell.ts";
import { roofsOn } from "../costs.ts";
import { type PaperInputs, REPORT_ACCELERATOR_NAMES, type ReportAccelerator } from "../inputs.ts";
import { requireMoe } from "../moe.ts";
import { rounded } from "../printed.ts";
import { SECTION_5_4, TABLE_7 } from "../published/accelerators.ts";
import { TARGETS } from "../published/design.ts";

/** What a NIC of H800 was measured to carry with DeepEP, of the 50 GB/s it has. @source Step-3 report, section 5.4 */
const MEASURED_NIC_BYTES_PER_SECOND = 40e9;

const NICS_PER_SERVER = 8;

const COLUMN = "least sparsity";

/** The least MoE sparsity that networks allow, and what follows for models. @source Step-3 report, section 5.4 and Table 7 */
export const table7: PaperTable = (inputs) => [
  ...REPORT_ACCELERATOR_NAMES.map((name) => cell(name, COLUMN, TABLE_7[name], leastOn(inputs, name))),
  cell(
    "H800, 40 GB/s a NIC",
    COLUMN,
    SECTION_5_4.leastSparsityAtMeasuredNics,
    leastOn(inputs, "H800", NICS_PER_SERVER * MEASURED_NIC_BYTES_PER_SECOND),
  ),
  {
    ...cell(
      "DSv3",
      "experts needed on H800",
      SECTION_5_4.expertsOfDsv3,
      expertsForSparsity(requireMoe(inputs.model("DSv3")), leastOn(inputs, "H800")),
    ),
    unit: "count",
  },
  cell("Step-3", "own sparsity", SECTION_5_4.sparsityOfStep3, moeSparsity(requireMoe(inputs.model("Step-3")))),
];

/** For Step-3's hidden size and layers, which DSv3 has too. */
function leastOn(inputs: PaperInputs, name: ReportAccelerator, measuredBytesPerSecond?: number): number {
  const { hidden, layers } = inputs.model("Step-3");
  const networkBytesPerSecond = measuredBytesPerSecond ?? inputs.accelerator(name).networkBytesPerSecond;
  if (networkBytesPerSecond === undefined) throw new Error(`the catalog has no network of ${name}`);
  return leastSparsity({
    roofs: roofsOn(inputs, name),
    hidden,
    layers: layers.length,
    networkBytesPerSecond,
    stageSeconds: stageNs(TARGETS.tpot.value, TARGETS.stages) / 1e9,
  });
}

function cell(row: string, column: string, printed: string, computed: number): ComparedCell {
  return { kind: "compared", row, column, unit: "fraction", printed: rounded(printed), computed };
}
