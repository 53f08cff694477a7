import type { DecodeModel } from "../afd/decodeWork.ts";
import type { AttentionSpec, FfnSpec, LayerSpec, ModelCard } from "../model/card.ts";
import { scaledCard } from "../workload/scaledCard.ts";
import { decodeModelOf } from "./decodeModel.ts";
import { cardNotes, chosenModels, modelsWith } from "./models.ts";
import type { KernelStages } from "./pipelineSettings.ts";
import { settingsFor } from "./settingsFor.ts";

/** A model in small, as instances decode it. */
export interface PipelineModel {
  readonly name: string;
  readonly decode: DecodeModel;
  /** Its shapes, and what its reader has to say. */
  readonly notes: readonly string[];
}

/**
 * Reads and scales the model of a run.
 * @throws InvalidInputError on an unknown model or field, InfeasibleError where it has something that no stage computes
 */
export async function pipelineModel(stages: KernelStages, seed: number): Promise<PipelineModel> {
  const sources = await chosenModels([stages.model]);
  const names = sources.map(({ name }) => name);
  const [card] = modelsWith(sources, settingsFor(stages.settings, names, []).ofModels);
  if (card === undefined) throw new Error("no model was chosen");
  const scaled = scaledCard(card, stages.divisor);
  const { weightDtype, kvDtype, zipfExponent } = stages;
  return {
    name: scaled.name,
    decode: decodeModelOf(scaled, {
      ...{ weightDtype, kvDtype, seed },
      ...(zipfExponent === undefined ? {} : { zipfExponent }),
    }),
    notes: [shapesText(scaled), ...cardNotes([card])],
  };
}

/** The shapes of a card, layers that are alike together. */
function shapesText({ name, hidden, layers }: ModelCard): string {
  const alike = [...Map.groupBy(layers, (layer) => JSON.stringify(layer)).values()];
  const texts = alike.map((own) => `${own.length} x ${layerText(own[0] as LayerSpec)}`);
  return `${name}: hidden ${hidden}, layers ${texts.join("; ")}.`;
}

function layerText({ attention, ffn }: LayerSpec): string {
  return `${attentionText(attention)}, ${ffnText(ffn)}`;
}

function attentionText(attention: AttentionSpec): string {
  switch (attention.kind) {
    case "mfa": {
      const { queryHeads, kvHeads, headDim, queryRank } = attention;
      return `mfa of ${queryHeads} on ${kvHeads} heads of ${headDim}, query rank ${queryRank}`;
    }
    case "gqa":
    case "mqa":
    case "mha":
      return `${attention.kind} of ${attention.queryHeads} on ${attention.kvHeads} heads of ${attention.headDim}`;
    case "mla": {
      const { queryHeads, queryRank, kvRank, nopeHeadDim, ropeHeadDim } = attention;
      const rank = queryRank === null ? "" : `, query rank ${queryRank}`;
      return `mla of ${queryHeads} heads of ${nopeHeadDim} + ${ropeHeadDim}${rank}, latent of ${kvRank}`;
    }
    case "linear":
      return attention.kind;
  }
}

function ffnText(ffn: FfnSpec): string {
  if (ffn.kind === "dense") return `dense FFN ${ffn.width} wide`;
  const shared = ffn.sharedDim === 0 ? "" : `, shared expert ${ffn.sharedDim} wide`;
  return `top ${ffn.router.topK} of ${ffn.experts} experts ${ffn.expertDim} wide${shared}`;
}
