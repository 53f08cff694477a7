import { type FileKind, parseJsonText, parseYamlText, readSmallText } from "../units/files.ts";
import type { ModelCard } from "./card.ts";
import { type ModelSource, modelSourceOf, readModelSource } from "./source.ts";

const KIND: FileKind = {
  field: "config file",
  expected: "a config.json or model card",
  // They are a few kilobytes; anything near this size is another file, such as the weights.
  largestBytes: 16e6,
};

/**
 * Reads a model from a file: a Hugging Face `config.json`, or a hand-written card (docs/cards.md) in YAML or JSON.
 * @throws InvalidInputError when it can't be read, is no JSON or YAML, or is neither of the two
 */
export async function readModelFile(path: string): Promise<ModelCard> {
  return readModelSource(await readModelFileSource(path));
}

/**
 * A file's fields, not read as a model yet: YAML where it ends in `.yaml` or `.yml`, else JSON.
 * @throws InvalidInputError when it can't be read, is no JSON or YAML, or is no model
 */
export async function readModelFileSource(path: string): Promise<ModelSource> {
  const text = readSmallText(path, KIND);
  const isYaml = /\.ya?ml$/i.test(path);
  return modelSourceOf(isYaml ? await parseYamlText(text, path, KIND) : parseJsonText(text, path, KIND), path);
}
