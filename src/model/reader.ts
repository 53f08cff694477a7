import { InvalidInputError } from "../units/errors.ts";
import type { ModelCard, ModelFacts } from "./card.ts";
import { readDeepseekV2, readDeepseekV3, readKimiK2 } from "./families/deepseek.ts";
import { readErnie45, readErnie45Moe } from "./families/ernie.ts";
import { readGemma3, readGemma3Text } from "./families/gemma3.ts";
import { readGlm4Moe } from "./families/glm.ts";
import { readGptOss } from "./families/gpt-oss.ts";
import { readLlama } from "./families/llama.ts";
import { readLlama4, readLlama4Text } from "./families/llama4.ts";
import { readMinimax, readMinimaxM1, readMinimaxText01 } from "./families/minimax.ts";
import { readMistral, readMixtral } from "./families/mistral.ts";
import { readPanguProMoe } from "./families/pangu.ts";
import { readQwen2, readQwen3 } from "./families/qwen.ts";
import { readQwen2Moe, readQwen3Moe } from "./families/qwen-moe.ts";
import { readQwen3Next } from "./families/qwen3-next.ts";
import { readStep3Text, readStep3Vl } from "./families/step3.ts";
import type { RawObject } from "./fields.ts";
import { parametersTotal } from "./parameters.ts";

const READERS: Readonly<Record<string, (raw: RawObject, path: string) => ModelFacts>> = {
  step3_vl: readStep3Vl,
  step3_text: readStep3Text,
  deepseek_v3: readDeepseekV3,
  deepseek_v2: readDeepseekV2,
  kimi_k2: readKimiK2,
  qwen3_moe: readQwen3Moe,
  qwen3_next: readQwen3Next,
  qwen3: readQwen3,
  qwen2: readQwen2,
  qwen2_moe: readQwen2Moe,
  llama: readLlama,
  llama4: readLlama4,
  llama4_text: readLlama4Text,
  mistral: readMistral,
  mixtral: readMixtral,
  minimax_m1: readMinimaxM1,
  minimax_text_01: readMinimaxText01,
  minimax: readMinimax,
  ernie4_5: readErnie45,
  ernie4_5_moe: readErnie45Moe,
  PanguProMoE: readPanguProMoe,
  glm4_moe: readGlm4Moe,
  gpt_oss: readGptOss,
  gemma3: readGemma3,
  gemma3_text: readGemma3Text,
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
  const card = { name: nameOf(fileName), source: fileName, ...facts };
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
  const expected =
    `one of ${known.map((name) => JSON.stringify(name)).join(", ")} ` +
    "(a model of another type can be written by hand as a card: `afdbench schema model` prints its format)";
  throw new InvalidInputError({ field: `${path}model_type`, value: modelType, expected, known });
}

function nameOf(fileName: string): string {
  const last = fileName.split(/[\\/]/).at(-1) ?? fileName;
  return last.replace(/\.json$/i, "");
}
