import type { ModelCard } from "../../src/model/card.ts";
import { catalogInputs, type PaperInputs, type ReportModel } from "../../src/paper/inputs.ts";

/** The catalog's inputs with one model altered. */
export function inputsWith(altered: ReportModel, alter: (card: ModelCard) => ModelCard): PaperInputs {
  const inputs = catalogInputs();
  return { ...inputs, model: (name) => (name === altered ? alter(inputs.model(name)) : inputs.model(name)) };
}

/** The card with its last layer twice. */
export function oneMoreLayer(card: ModelCard): ModelCard {
  return { ...card, layers: [...card.layers, ...card.layers.slice(-1)] };
}
