import type { ModelCard } from "../../model/card.ts";
import { embeddingParameters, parametersActivated } from "../../model/parameters.ts";
import { paretoFront } from "../../theory/paretoFront.ts";
import { CONTEXTS, type ContextName, type DrawnCell, type PaperTable } from "../cell.ts";
import { bestPairingCost } from "../costs.ts";
import { type PaperInputs, REPORT_MODEL_NAMES, type ReportModel } from "../inputs.ts";

interface Point {
  readonly row: ReportModel;
  readonly parameters: number;
  readonly usd: number;
}

/**
 * Activated parameters against the best AFD cost, and which models are on the Pareto front: those that no other beats in
 * one without losing in the other. Parameters are those of what the costs are of: neither embeddings nor output head.
 * The report draws 8K; 32K stands beside it.
 * @source Step-3 report, Figure 1
 */
export const figure1: PaperTable = (inputs, convention) => {
  const contexts = Object.keys(CONTEXTS) as ContextName[];
  const pointsAt = (context: ContextName) =>
    REPORT_MODEL_NAMES.map(
      (row): Point => ({
        row,
        parameters: layerParametersActivated(inputs.model(row)),
        usd: bestPairingCost(inputs, { model: row, contextTokens: CONTEXTS[context], convention }),
      }),
    );
  return [
    ...pointsAt("8K").map(
      (point): DrawnCell => ({
        kind: "drawn",
        row: point.row,
        column: "activated parameters",
        unit: "count",
        computed: point.parameters,
      }),
    ),
    ...contexts.flatMap((context) => {
      const points = pointsAt(context);
      return [
        ...points.map((point) => costCell(point, `cost at ${context}`)),
        ...frontOf(points).map((point) => costCell(point, `front at ${context}`)),
        ...frontOf(points.filter(({ row }) => isGrouped(inputs, row))).map((point) =>
          costCell(point, `GQA front at ${context}`),
        ),
      ];
    }),
  ];
};

function layerParametersActivated(card: ModelCard): number {
  return parametersActivated(card) - embeddingParameters(card);
}

function costCell({ row, usd }: Point, column: string): DrawnCell {
  return { kind: "drawn", row, column, unit: "USD per million tokens", computed: usd };
}

function frontOf(points: readonly Point[]): readonly Point[] {
  return paretoFront(points, ({ parameters, usd }) => ({ gain: parameters, cost: usd }));
}

/** Every cache of the model is one of grouped-query attention; layers of linear attention have none. */
function isGrouped({ model }: PaperInputs, row: ReportModel): boolean {
  return model(row).layers.every(({ attention }) => attention.kind === "gqa" || attention.kind === "linear");
}
