import { CONTEXTS, type ComparedCell, type ContextName, type PaperTable } from "../cell.ts";
import { bestPairingCost, costOn } from "../costs.ts";
import { REPORT_ACCELERATOR_NAMES, REPORT_MODEL_NAMES, type ReportModel } from "../inputs.ts";
import { rounded } from "../printed.ts";
import { BEST_PAIRINGS, BOTH_ON_H800, TABLE_6 } from "../published/decodeCosts.ts";

/** Each side's cost on each accelerator, and the sums that the text gives. @source Step-3 report, Table 6 and section 4.2 */
export const table6: PaperTable = (inputs, convention) => {
  const costs = REPORT_MODEL_NAMES.flatMap((row) => {
    const [attention8k, attention32k, ffn] = TABLE_6[row];
    return REPORT_ACCELERATOR_NAMES.flatMap((accelerator, index) => {
      const costAt = (context: ContextName) =>
        costOn(inputs, { model: row, contextTokens: CONTEXTS[context], convention }, accelerator);
      return [
        cell(row, `attention 8K, ${accelerator}`, attention8k[index], costAt("8K").attention),
        cell(row, `attention 32K, ${accelerator}`, attention32k[index], costAt("32K").attention),
        cell(row, `FFN, ${accelerator}`, ffn[index], costAt("8K").ffn),
      ];
    });
  });
  const sums = [
    ...sumCells(BEST_PAIRINGS, "AFD", (question) => bestPairingCost(inputs, { ...question, convention })),
    ...sumCells(BOTH_ON_H800, "H800", (question) => costOn(inputs, { ...question, convention }, "H800").both),
  ];
  return [...costs, ...sums];
};

function sumCells<Model extends ReportModel>(
  published: Readonly<Record<Model, Readonly<Record<ContextName, string>>>>,
  on: string,
  costOf: (question: { readonly model: ReportModel; readonly contextTokens: number }) => number,
): ComparedCell[] {
  return (Object.keys(published) as Model[]).flatMap((model) =>
    (Object.keys(CONTEXTS) as ContextName[]).map((context) =>
      cell(
        model,
        `both sides, ${on} ${context}`,
        published[model][context],
        costOf({ model, contextTokens: CONTEXTS[context] }),
      ),
    ),
  );
}

function cell(row: ReportModel, column: string, printed: string | undefined, computed: number): ComparedCell {
  if (printed === undefined) throw new Error(`Table 6 prints no ${column} of ${row}`);
  return { kind: "compared", row, column, unit: "USD per million tokens", printed: rounded(printed), computed };
}
