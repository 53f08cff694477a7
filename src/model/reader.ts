import { InvalidInputError } from "../units/errors.ts";
import type { ModelCard, ModelFacts } from "./card.ts";
import { readDeepseekV3 } from "./families/deepseek-v3.ts";
import { readQwen3Moe } from "./families/qwen3-moe.ts";
import { readStep3Text, readStep3Vl } from "./families/step3.ts";
import type { RawObject } from "./fields.ts";
import { parametersTotal } from "./parameters.ts";

const READERS: Readonly<Record<string, (raw: RawObject, path: string) => ModelFacts>> = {
  step3_vl: readStep3Vl,
  step3_text: readStep3Text,
  deepseek_v3: readDeepseekV3,
  qwen3_moe: readQwen3Moe,
};

/**
 * Reads the parsed content of a Hugging Face `config.json` of a model type that is known here.
 * `fileName` names the file in errors, and the card after its last part without `.json`.
 * @throws InvalidInputError naming file, field, value and what is allowed
 */
export function readModelConfig(value: unknown, fileName: string): ModelCard {
  const path = `${fileName}: `;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidInputError({ field: fileName, value, expected: "a JSON object with a model's configuration" });
  }
  const raw = value as RawObject;
  const facts = readerFor(raw["model_type"], path)(raw, path);
  const card = { name: nameOf(fileName), source: fileName, notes: [], ...facts };
  const total = parametersTotal(card);
  if (!Number.isSafeInteger(total)) {
    throw new InvalidInputError({
      field: `${path}sizes`,
      value: total,
      expected: "at most 2^53 - 1 parameters in all",
    });
  }
  return card;
}

function readerFor(modelType: unknown, path: string): (raw: RawObject, path: string) => ModelFacts {
  const known = Object.keys(READERS);
  if (typeof modelType === "string" && Object.hasOwn(READERS, modelType)) {
    const reader = READERS[modelType];
    if (reader !== undefined) return reader;
  }
  const expected = `one of ${known.map((name) => JSON.stringify(name)).join(", ")}`;
  throw new InvalidInputError({ field: `${path}model_type`, value: modelType, expected, known });
}

function nameOf(fileName: string): string {
  const last = fileName.split(/[\\/]/).at(-1) ?? fileName;
  return last.replace(/\.json$/i, "");
}
