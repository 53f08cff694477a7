import { InvalidInputError } from "../units/errors.ts";
import type { Setting } from "../units/parse.ts";
import type { ModelCard } from "./card.ts";
import type { RawObject } from "./fields.ts";
import { readHandWrittenCard } from "./handWrittenCard.ts";
import { overrideFields, replaceField } from "./overrides.ts";
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
 * @throws InvalidInputError naming origin, field, value and what is allowed, or a replaced field that nobody reads
 */
export function readModelSource(model: ModelSource, settings: readonly Setting[] = []): ModelCard {
  const card = cardOf(model, settings.reduce(overrideFields, model.fields), settings);
  if (settings.length === 0) return card;
  const idle = settings.filter((setting) => isIdle(setting, card, model, settings));
  return {
    ...card,
    source: `${card.source}; with --set ${changesText(settings)}`,
    notes: idle.length === 0 ? card.notes : [...card.notes, `--set ${changesText(idle)} is what it is without.`],
  };
}

function cardOf(model: ModelSource, fields: RawObject, settings: readonly Setting[]): ModelCard {
  const { name, source } = model;
  const origin = settings.length === 0 ? model.origin : `${model.origin} with --set`;
  switch (model.format) {
    case "huggingFace":
      return { ...readModelConfig(fields, origin), name, source };
    case "handWritten":
      return readHandWrittenCard(fields, origin, { name, source });
  }
}

/**
 * Whether the card is the same without the setting.
 * @throws InvalidInputError where it would be the same with any value
 */
function isIdle(setting: Setting, card: ModelCard, model: ModelSource, settings: readonly Setting[]): boolean {
  const others = settings.filter((other) => other !== setting).reduce(overrideFields, model.fields);
  const isSame = (fields: RawObject) => withoutNotes(card) === withoutNotes(tryCard(model, fields));
  if (!isSame(others)) return false;
  // No field that is read may hold NaN.
  if (!isSame(replaceField(others, setting, Number.NaN))) return true;
  const { text_config: text } = model.fields;
  const known = [...Object.keys(model.fields), ...Object.keys(typeof text === "object" && text !== null ? text : {})];
  const expected = "a field that shapes, FLOPs or bytes follow from";
  const field = `--set ${setting.name}.${setting.path}`;
  throw new InvalidInputError({ field, value: setting.path, expected, known });
}

/** Undefined where the fields make no model. */
function tryCard(model: ModelSource, fields: RawObject): ModelCard | undefined {
  try {
    return cardOf(model, fields, []);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}

function withoutNotes(card: ModelCard | undefined): string {
  return JSON.stringify({ ...card, notes: [] });
}

function changesText(settings: readonly Setting[]): string {
  return settings.map(({ path, value }) => `${path}=${value}`).join(", ");
}

/** A file's name without folder and ending. */
function nameOf(fileName: string): string {
  const last = fileName.split(/[\\/]/).at(-1) ?? fileName;
  return last.replace(/\.(json|ya?ml)$/i, "");
}
