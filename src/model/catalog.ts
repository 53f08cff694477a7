import { InvalidInputError } from "../units/errors.ts";
import type { ModelCard } from "./card.ts";
import deepseekV3 from "./configs/deepseek-v3.json" with { type: "json" };
import qwen3Moe from "./configs/qwen3-235b-a22b.json" with { type: "json" };
import step3 from "./configs/step3.json" with { type: "json" };
import step3Text from "./configs/step3-text.json" with { type: "json" };
import type { RawObject } from "./fields.ts";
import { type ModelSource, readModelSource } from "./source.ts";

interface CatalogEntry {
  readonly config: RawObject;
  readonly source: string;
}

const STEP3_SOURCE =
  "stepfun-ai/step3, reconstructed from vLLM vllm/transformers_utils/configs/step3_vl.py and " +
  "sglang python/sglang/srt/configs/step3_vl.py (same defaults); sizes as in the Step-3 report, Table 1";
const AICONFIGURATOR = "ai-dynamo/aiconfigurator, aic-core/src/aiconfigurator_core/model_configs/";

const ENTRIES: Readonly<Record<string, CatalogEntry>> = {
  step3: { config: step3, source: STEP3_SOURCE },
  "step3-text": { config: step3Text, source: STEP3_SOURCE },
  "deepseek-v3": { config: deepseekV3, source: `${AICONFIGURATOR}deepseek-ai--DeepSeek-V3_config.json` },
  "qwen3-235b-a22b": { config: qwen3Moe, source: `${AICONFIGURATOR}Qwen--Qwen3-235B-A22B_config.json` },
};

/** Names of the models that ship with the package. */
export function modelNames(): readonly string[] {
  return Object.keys(ENTRIES);
}

/**
 * The card of a shipped model; case does not matter.
 * @throws InvalidInputError with the nearest names
 */
export function loadCatalogModel(name: string): ModelCard {
  return readModelSource(catalogSource(name));
}

/**
 * The configuration of a shipped model; case does not matter.
 * @throws InvalidInputError with the nearest names
 */
export function catalogSource(name: string): ModelSource {
  const key = name.trim().toLowerCase();
  const entry = Object.hasOwn(ENTRIES, key) ? ENTRIES[key] : undefined;
  if (entry === undefined) {
    const known = modelNames();
    throw new InvalidInputError({ field: "model", value: name, expected: `one of ${known.join(", ")}`, known });
  }
  return { format: "huggingFace", name: key, source: entry.source, origin: key, fields: entry.config };
}
