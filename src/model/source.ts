import { InvalidInputError } from "../units/errors.ts";
import type { Setting } from "../units/parse.ts";
import type { ModelCard } from "./card.ts";
import type { RawObject } from "./fields.ts";
import { readHandWrittenCard } from "./handWrittenCard.ts";
import { overrideFields } from "./overrides.ts";
import { readModelConfig } from "./reader.ts";

/** A model's fields before they are read, of one of the two formats. */
export interface ModelSource {
  readonly format: "huggingFace" | "handWritten";
  /** As flags and settings name the model. */
  readonly name: string;
  /** Where the fields come from. */
  readonly source: string;
  /** How errors name the fields' origin: a file or a name of the catalog. */
  readonly origin: string;
  readonly fields: RawObject;
}

/**
 * The source that a parsed file holds: with `model_type` or `text_config` a Hugging Face configuration, else with `layers`
 * a hand-written card.
 * @throws InvalidInputError where it is neither
 */
export function modelSourceOf(value: unknown, fileName: string): ModelSource {
  const fields = typeof value === "object" && value !== null && !Array.isArray(value) ? (value as RawObject) : {};
  const named = { name: nameOf(fileName), source: fileName, origin: fileName, fields };
  if ("model_type" in fields || "text_config" in fields) return { ...named, format: "huggingFace" };
  if (!("layers" in fields)) {
    const expected =
      'an object with "model_type" (a Hugging Face config.json) or with "layers" (a model card: afdbench schema model)';
    throw new InvalidInputError({ field: fileName, value, expected });
  }
  const { name } = fields;
  return { ...named, format: "handWritten", ...(typeof name === "string" ? { name } : {}) };
}

/**
 * The card of a source, with some of its fields replaced before they are read.
 * @throws InvalidInputError naming origin, field, value and what is allowed
 */
export function readModelSource(model: ModelSource, settings: readonly Setting[] = []): ModelCard {
  if (settings.length === 0) return cardOf(model, settings);
  const card = cardOf(model, settings);
  const idle = settings.filter((setting) => isIdle(setting, card, model, settings));
  const note = `--set ${changesText(idle)} changes nothing that shapes, FLOPs or bytes follow from`;
  return {
    ...card,
    source: `${card.source}; with --set ${changesText(settings)}`,
    notes: idle.length === 0 ? card.notes : [...card.notes, note],
  };
}

function cardOf(model: ModelSource, settings: readonly Setting[]): ModelCard {
  const { name, source } = model;
  const fields = settings.reduce(overrideFields, model.fields);
  const origin = settings.length === 0 ? model.origin : `${model.origin} with --set`;
  switch (model.format) {
    case "huggingFace":
      return { ...readModelConfig(fields, origin), name, source };
    case "handWritten":
      return readHandWrittenCard(fields, origin, { name, source });
  }
}

/** Whether the card is the same without the setting: a field that nobody reads, or that held this value. */
function isIdle(setting: Setting, card: ModelCard, model: ModelSource, settings: readonly Setting[]): boolean {
  const others = settings.filter((other) => other !== setting);
  try {
    return JSON.stringify(card) === JSON.stringify(cardOf(model, others));
  } catch (error) {
    // Fields that make no model without this setting.
    if (error instanceof InvalidInputError) return false;
    throw error;
  }
}

function changesText(settings: readonly Setting[]): string {
  return settings.map(({ path, value }) => `${path}=${value}`).join(", ");
}

/** A file's name without folder and ending. */
function nameOf(fileName: string): string {
  const last = fileName.split(/[\\/]/).at(-1) ?? fileName;
  return last.replace(/\.(json|ya?ml)$/i, "");
}
