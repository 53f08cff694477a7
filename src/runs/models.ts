import type { AttentionSpec, ModelCard } from "../model/card.ts";
import { loadCatalogModel, modelNames } from "../model/catalog.ts";
import { readModelConfigFile } from "../model/files.ts";
import { parametersActivated, parametersTotal } from "../model/parameters.ts";
import type { ModelRow } from "../record/catalogRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { ModelsDocument } from "../record/schemas.ts";
import { kvBytesPerCachedToken, kvBytesReadPerToken } from "../workload/kv-cache.ts";
import { attentionFlopsPerByte } from "../workload/per-token.ts";
import { recordEnvironment } from "./environment.ts";

/** Which model: one of the catalog's, or a Hugging Face config.json. */
export type ModelChoice = { name: string } | { configFile: string };

/** Every model of the catalog, with what decoding one token at this context costs. */
export function models(settings: { contextTokens: number }): ModelsDocument {
  return documentOf(modelNames().map(loadCatalogModel), settings.contextTokens);
}

/**
 * One model, with what decoding one token at this context costs.
 *
 * @throws InvalidInputError on an unknown name or a config.json that cannot be read.
 */
export function showModel(settings: { model: ModelChoice; contextTokens: number }): ModelsDocument {
  return documentOf([loadModel(settings.model)], settings.contextTokens);
}

/**
 * The card of a chosen model.
 *
 * @throws InvalidInputError on an unknown name or a config.json that cannot be read.
 */
export function loadModel(choice: ModelChoice): ModelCard {
  return "name" in choice ? loadCatalogModel(choice.name) : readModelConfigFile(choice.configFile);
}

/**
 * The cards of the chosen models; of the whole catalog where none is chosen.
 *
 * @throws InvalidInputError on an unknown name or a config.json that cannot be read.
 */
export function chosenModels(choices: readonly ModelChoice[]): readonly ModelCard[] {
  return choices.length === 0 ? modelNames().map(loadCatalogModel) : choices.map(loadModel);
}

function documentOf(cards: readonly ModelCard[], contextTokens: number): ModelsDocument {
  return {
    schema: DOCUMENT_SCHEMA,
    command: "models",
    environment: recordEnvironment(),
    rows: cards.map((card) => rowOf(card, contextTokens)),
    notes: [
      "Parameters are those of the matrices, embeddings and output head among them; norms, biases and prediction layers are not counted.",
      "KV bytes are those of an 8-bit cache without scales; FLOPs per KV byte are those of the attention core, projections left out.",
    ],
  };
}

function rowOf(card: ModelCard, contextTokens: number): ModelRow {
  const first = card.layers.find(({ attention }) => attention.kind !== "linear") ?? card.layers[0];
  if (first === undefined) throw new Error(`${card.name} has no layers`);
  const moe = card.layers.map(({ ffn }) => ffn).find((ffn) => ffn.kind === "moe");
  const moeLayers = card.layers.filter(({ ffn }) => ffn.kind === "moe").length;
  return {
    kind: "modeled",
    model: card.name,
    modelType: card.modelType,
    attention: [...new Set(card.layers.map(({ attention }) => attention.kind))].join(", "),
    layers: card.layers.length,
    denseLayers: card.layers.length - moeLayers,
    moeLayers,
    hidden: card.hidden,
    vocab: card.vocab,
    ...attentionDimensions(first.attention),
    ...(moe === undefined
      ? {}
      : { experts: moe.experts, expertDim: moe.expertDim, topK: moe.router.topK, sharedDim: moe.sharedDim }),
    maxContextTokens: card.maxContextTokens,
    parametersTotal: parametersTotal(card),
    parametersActivated: parametersActivated(card),
    kvBytesPerCachedToken: kvBytesPerCachedToken(card),
    contextTokens,
    kvBytesReadPerToken: kvBytesReadPerToken(card, contextTokens),
    attentionFlopsPerByte: attentionFlopsPerByte(card, { contextTokens, convention: "report" }),
    source: card.source,
  };
}

type AttentionDimensions = Pick<ModelRow, "queryHeads" | "kvHeads" | "headDim" | "queryRank" | "kvRank">;

function attentionDimensions(attention: AttentionSpec): AttentionDimensions {
  switch (attention.kind) {
    case "linear":
      return {};
    case "mfa":
      return {
        queryHeads: attention.queryHeads,
        kvHeads: attention.kvHeads,
        headDim: attention.headDim,
        queryRank: attention.queryRank,
      };
    case "mla":
      return {
        queryHeads: attention.queryHeads,
        kvRank: attention.kvRank,
        ...(attention.queryRank === null ? {} : { queryRank: attention.queryRank }),
      };
    default:
      return { queryHeads: attention.queryHeads, kvHeads: attention.kvHeads, headDim: attention.headDim };
  }
}
