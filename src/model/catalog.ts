import { InvalidInputError } from "../units/errors.ts";
import type { ModelCard } from "./card.ts";
import deepseekV3 from "./configs/deepseek-v3.json" with { type: "json" };
import ernie45 from "./configs/ernie-4.5-300b-a47b.json" with { type: "json" };
import gemma3 from "./configs/gemma-3-27b.json" with { type: "json" };
import glm45 from "./configs/glm-4.5.json" with { type: "json" };
import glm45Air from "./configs/glm-4.5-air.json" with { type: "json" };
import kimiK2 from "./configs/kimi-k2.json" with { type: "json" };
import llama31 from "./configs/llama-3.1-70b.json" with { type: "json" };
import llama4 from "./configs/llama-4-maverick.json" with { type: "json" };
import minimaxM1 from "./configs/minimax-m1.json" with { type: "json" };
import mistral from "./configs/mistral-7b.json" with { type: "json" };
import panguProMoe from "./configs/pangu-pro-moe.json" with { type: "json" };
import qwen3 from "./configs/qwen3-32b.json" with { type: "json" };
import qwen3Moe from "./configs/qwen3-235b-a22b.json" with { type: "json" };
import qwen3Next from "./configs/qwen3-next-80b-a3b.json" with { type: "json" };
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
const OME = "sgl-project/ome, pkg/hfutil/modelconfig/testdata/";

/** The report's nine models first. */
const ENTRIES: Readonly<Record<string, CatalogEntry>> = {
  step3: { config: step3, source: STEP3_SOURCE },
  "step3-text": { config: step3Text, source: STEP3_SOURCE },
  "deepseek-v3": { config: deepseekV3, source: `${AICONFIGURATOR}deepseek-ai--DeepSeek-V3_config.json` },
  "kimi-k2": { config: kimiK2, source: `${AICONFIGURATOR}moonshotai--Kimi-K2-Instruct_config.json` },
  "qwen3-235b-a22b": { config: qwen3Moe, source: `${AICONFIGURATOR}Qwen--Qwen3-235B-A22B_config.json` },
  "qwen3-32b": { config: qwen3, source: `${AICONFIGURATOR}Qwen--Qwen3-32B_config.json` },
  "llama-4-maverick": {
    config: llama4,
    source: `${OME}llama4.json; text values as in kvcache-ai/ktransformers doc/en/maverick_config.json`,
  },
  "minimax-m1": { config: minimaxM1, source: "MiniMax-AI/MiniMax-M1, config.json" },
  "ernie-4.5-300b-a47b": {
    config: ernie45,
    source:
      "baidu/ERNIE-4.5-300B-A47B-PT, reconstructed from Ascend/MindIE-LLM config_ernie_moe.py (tied embeddings from " +
      "there alone) and PaddlePaddle/ERNIE examples/pre-training/model_configs/ERNIE-4p5-300B-A47B/model_config.json",
  },
  "pangu-pro-moe": {
    config: panguProMoe,
    source:
      "Pangu Pro MoE 72B-A16B, reconstructed from the defaults of the release's PanguProMoEConfig, checked against " +
      "vllm-ascend vllm_ascend/models/pangu_moe.py",
  },
  "llama-3.1-70b": { config: llama31, source: `${AICONFIGURATOR}meta-llama--Meta-Llama-3.1-70B_config.json` },
  "mistral-7b": { config: mistral, source: `${OME}mistral.json (mistralai/Mistral-7B-v0.1)` },
  "gemma-3-27b": { config: gemma3, source: `${OME}gemma3.json (google/gemma-3-27b)` },
  "glm-4.5": {
    config: glm45,
    source:
      "zai-org/GLM-4.5, reconstructed from slime scripts/models/glm4.5-355B-A32B.sh and Megatron-Bridge's GLM 4.5 " +
      "355B test fixture, with GLM-4.5-Air's field names",
  },
  "glm-4.5-air": {
    config: glm45Air,
    source: "zai-org/GLM-4.5-Air, as dumped in a training log; equals transformers' Glm4MoeConfig where they overlap",
  },
  "qwen3-next-80b-a3b": {
    config: qwen3Next,
    source: "alibaba/InferSim, hf_configs/qwen3-next-80B-A3B_config.json",
  },
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
