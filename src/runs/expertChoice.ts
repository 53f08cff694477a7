import type { ModelCard } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { type ExpertPopularity, zipfWeights } from "../simulate/expertLoad.ts";
import { InvalidInputError } from "../units/errors.ts";

/** How popular experts are: by Zipf's law, or as a file has recorded it. */
export type ExpertChoice =
  | { readonly kind: "zipf"; readonly exponent: number }
  | { readonly kind: "recorded"; readonly path: string; readonly popularity: ExpertPopularity };

/**
 * The popularity of a model's experts.
 * @throws InvalidInputError where the model has none, or others than the record
 */
export function popularityFor(choice: ExpertChoice, card: ModelCard): ExpertPopularity {
  const moe = moeOf(card);
  if (moe === undefined) {
    const [field, value] = choice.kind === "zipf" ? ["--zipf", choice.exponent] : ["--expert-load", choice.path];
    throw new InvalidInputError({ field, value, expected: "a model with experts" });
  }
  if (choice.kind === "zipf") return { kind: "anyLayer", weights: zipfWeights(moe.experts, choice.exponent) };
  const { path, popularity } = choice;
  const recorded = popularity.kind === "anyLayer" ? popularity.weights : (popularity.weights[0] ?? []);
  if (recorded.length !== moe.experts) {
    const expected = `the ${moe.experts} experts of ${card.name}`;
    throw new InvalidInputError({ field: `--expert-load ${path}`, value: `${recorded.length} experts`, expected });
  }
  const layers = layersWithExperts(card);
  if (popularity.kind === "byLayer" && popularity.weights.length !== layers) {
    const expected = `one layer, or the ${layers} with experts of ${card.name}`;
    const value = `${popularity.weights.length} layers`;
    throw new InvalidInputError({ field: `--expert-load ${path}`, value, expected });
  }
  return popularity;
}

/** Layers of a model that have experts. */
export function layersWithExperts({ layers }: ModelCard): number {
  return layers.filter(({ ffn }) => ffn.kind === "moe").length;
}

/** What is said about a popularity below a table. */
export function popularityNote(choice: ExpertChoice): string {
  return choice.kind === "zipf"
    ? `Experts are chosen by Zipf's law with exponent ${choice.exponent}, others in each layer.`
    : choice.popularity.kind === "anyLayer"
      ? `Experts are chosen as recorded in ${choice.path}; which are hot is drawn for each layer.`
      : `Experts are chosen as recorded in ${choice.path}, layer by layer; those of a card have successive numbers.`;
}
