import { CONTEXTS, type ContextName, type DrawnCell, type PaperTable } from "../cell.ts";
import { bestPairingCost, costOn } from "../costs.ts";
import { REPORT_ACCELERATOR_NAMES, type ReportModel } from "../inputs.ts";

const DRAWN = ["DSv3", "Qwen3 MoE", "Qwen3 32B", "Step-3"] as const satisfies readonly ReportModel[];

/** Costs of both sides on one accelerator, and of the best pairing. @source Step-3 report, Figure 2 */
export const figure2: PaperTable = (inputs, convention) =>
  (Object.keys(CONTEXTS) as ContextName[]).flatMap((context) =>
    DRAWN.flatMap((row) => {
      const question = { model: row, contextTokens: CONTEXTS[context], convention };
      const cell = (setup: string, computed: number): DrawnCell => ({
        kind: "drawn",
        row,
        column: `${context}, ${setup}`,
        unit: "USD per million tokens",
        computed,
      });
      return [
        ...REPORT_ACCELERATOR_NAMES.map((name) => cell(name, costOn(inputs, question, name).both)),
        cell("AFD", bestPairingCost(inputs, question)),
      ];
    }),
  );
