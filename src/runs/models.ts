import type { ModelCard } from "../model/card.ts";
import { catalogSource, modelNames } from "../model/catalog.ts";
import { readModelFileSource } from "../model/files.ts";
import { type ModelSource, readModelSource } from "../model/source.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { ModelsDocument } from "../record/schemas.ts";
import type { Setting } from "../units/parse.ts";
import type { TokenSetting } from "../workload/per-token.ts";
import { recordEnvironment } from "./environment.ts";
import { layersRows, modelRow } from "./modelRows.ts";
import { isNamed, settingsFor } from "./settingsFor.ts";

/** Which model: one of the catalog's, or a file with a Hugging Face configuration or a hand-written card. */
export type ModelChoice = { name: string } | { configFile: string };

/** What a token of a model is looked at with: context, KV bits and counting; and fields of models to replace. */
export interface ModelsSettings extends TokenSetting {
  /** Each `NAME.FIELD=VALUE`. */
  readonly settings: readonly string[];
}

/**
 * Every model of the catalog, with what decoding one token at this context costs.
 *
 * @throws InvalidInputError on a setting that does not fit.
 */
export function models(settings: ModelsSettings): ModelsDocument {
  const cards = readModels(modelNames().map(catalogSource), settings.settings);
  return documentOf(cards, settings, []);
}

/**
 * One model, with what decoding one token at this context costs, and its layers by kind.
 *
 * @throws InvalidInputError on an unknown name, a file that cannot be read, or a setting that does not fit.
 */
export async function showModel(settings: ModelsSettings & { readonly model: ModelChoice }): Promise<ModelsDocument> {
  const cards = readModels([await findModel(settings.model)], settings.settings);
  return documentOf(cards, settings, cards.flatMap(layersRows));
}

/**
 * The card of a chosen model.
 *
 * @throws InvalidInputError on an unknown name or a file that cannot be read.
 */
export async function loadModel(choice: ModelChoice): Promise<ModelCard> {
  return readModelSource(await findModel(choice));
}

/**
 * The fields of the chosen models, not read yet; of the whole catalog where none is chosen.
 *
 * @throws InvalidInputError on an unknown name or a file that cannot be read.
 */
export async function chosenModels(choices: readonly ModelChoice[]): Promise<readonly ModelSource[]> {
  return choices.length === 0 ? modelNames().map(catalogSource) : Promise.all(choices.map(findModel));
}

/**
 * The cards of models, with the fields replaced that settings of their name give.
 *
 * @throws InvalidInputError on fields that make no model.
 */
export function modelsWith(sources: readonly ModelSource[], settings: readonly Setting[]): readonly ModelCard[] {
  return sources.map((source) =>
    readModelSource(
      source,
      settings.filter((setting) => isNamed(source.name, setting)),
    ),
  );
}

/** What the readers of these models have to say, each sentence with the model's name. */
export function cardNotes(cards: readonly ModelCard[]): readonly string[] {
  return cards.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`));
}

async function findModel(choice: ModelChoice): Promise<ModelSource> {
  return "name" in choice ? catalogSource(choice.name) : readModelFileSource(choice.configFile);
}

function readModels(sources: readonly ModelSource[], settings: readonly string[]): readonly ModelCard[] {
  const names = sources.map(({ name }) => name);
  return modelsWith(sources, settingsFor(settings, names, []).ofModels);
}

function documentOf(
  cards: readonly ModelCard[],
  { contextTokens, kvBits, convention }: ModelsSettings,
  layers: ModelsDocument["rows"],
): ModelsDocument {
  const setting = { contextTokens, kvBits, convention };
  const short = cards.filter(({ maxContextTokens }) => maxContextTokens < contextTokens);
  return {
    schema: DOCUMENT_SCHEMA,
    command: "models",
    environment: recordEnvironment(),
    rows: [...cards.map((card) => modelRow(card, setting)), ...layers],
    notes: [
      "Parameters are those of the matrices, embeddings and output head among them; norms, biases and prediction layers are not counted.",
      "KV bytes of a cached token are those of an 8-bit cache without scales, all layers; FLOPs per KV byte are those of the attention core, projections left out.",
      kvBits === undefined
        ? "KV bytes read are of 8 bits, 16 where a layer keeps its KV in BF16."
        : `KV bytes read, and FLOPs per KV byte, are those of ${kvBits} bits in every layer.`,
      ...(convention === "exact" ? ["FLOPs are exact: absorbed MLA's value product is as wide as its latent."] : []),
      ...(short.length === 0
        ? []
        : [
            `${contextTokens} tokens are beyond the longest context of ${short.map((card) => `${card.name} (${card.maxContextTokens})`).join(", ")}.`,
          ]),
      ...cardNotes(cards),
    ],
  };
}
