import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { pairTransfer, stageTransfer } from "../simulate/linkKind.ts";
import { COMBINE_BYTES } from "../theory/ffnStage.ts";
import { cardNetworkBytesPerSecond, dispatchBytesPerToken, linkRates } from "../theory/linkRates.ts";
import type { PipelineTimes, TransferTimes } from "../theory/pipeline.ts";
import { layerKinds, stageRates, stageTimes } from "../theory/stageTimes.ts";
import { InvalidInputError } from "../units/errors.ts";
import { variationOf } from "./contextSpread.ts";
import { type MeasuredStages, measuredAttention, measuredFfn, type RecordRows } from "./measuredStages.ts";
import { typicalLayer } from "./plannedRow.ts";
import type { SimulatedUse } from "./simulatedUse.ts";
import type { GivenStages, InstanceCounts, PointSettings } from "./simulateSettings.ts";

/** Times of every layer for a full micro-batch. */
export interface Stages {
  readonly layers: readonly PipelineTimes[];
  /** Part of a layer's attention that does not come from the cache, the mean of all layers; of a given time, none is known to. */
  readonly uncachedAttentionNs: number;
  /** Of each layer whether it has experts; where all layers take the times of one, all do. */
  readonly ffns: readonly ("experts" | "dense")[];
  readonly source: StageSource;
  /** How each was come by, where that is worth a line. */
  readonly notes: readonly string[];
}

/** Where stage times come from: `measured` and `projected` are rows of a record, as they are or scaled. */
export type StageSource = "modeled" | "given" | RecordRows | `${RecordRows}Scaled`;

/**
 * Times of every layer for a full micro-batch: those given, or those that the model and the accelerators make.
 * @param counts instances that there are: those asked for, or with more attention ones, each with fewer but longer sequences
 * @throws InvalidInputError where a transfer has neither a time nor a network to take it, or a figure is missing
 */
export function stagesOf(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): Stages {
  const { stages } = settings;
  if (stages !== undefined) return { ...equalLayers(stages, counts, settings, use), source: "given", notes: [] };
  return use.measured === undefined
    ? modeledStages(counts, settings, use)
    : recordedStages(use.measured, counts, settings, use);
}

/** Layers that all take the times of one. */
function equalLayers(
  { attentionNs, ffnNs, a2fNs, f2aNs }: GivenStages,
  counts: InstanceCounts,
  settings: PointSettings,
  use: SimulatedUse,
): Omit<Stages, "source" | "notes"> {
  const times: PipelineTimes = {
    attentionNs,
    a2f: transferOf("a2f", a2fNs, DISPATCH_BYTES, counts, settings, use),
    ffnNs,
    f2a: transferOf("f2a", f2aNs, COMBINE_BYTES, counts, settings, use),
  };
  const layers = Array.from({ length: settings.layers ?? use.card.layers.length }, () => times);
  return { layers, uncachedAttentionNs: 0, ffns: layers.map(() => "experts") };
}

/** By the rows of a record: attention of a card's sequences, and of the FFN the part of each card. */
function recordedStages(
  measured: MeasuredStages,
  counts: InstanceCounts,
  settings: PointSettings,
  use: SimulatedUse,
): Stages {
  const { deployment: asked, batch, microBatches, contextTokens, attentionCards, ffnCards } = settings;
  const tokens = batch / microBatches;
  const sequences = Math.ceil(tokens / (asked.attentionInstances * attentionCards));
  const attention = measuredAttention(measured, use.card, contextTokens, sequences);
  const ffn = measuredFfn(measured, tokens);
  const cards = counts.ffnInstances * ffnCards;
  const times = { attentionNs: attention.timeNs, ffnNs: ffn.timeNs / cards, a2fNs: undefined, f2aNs: undefined };
  const isScaled = attention.scaled === "scaled" || ffn.scaled === "scaled" || cards > 1;
  return {
    ...equalLayers(times, counts, settings, use),
    source: isScaled ? `${measured.rows}Scaled` : measured.rows,
    notes: [
      `Attention of a layer: ${attention.text}.`,
      `FFN of a layer: ${ffn.text}${cards > 1 ? `, shared by ${cards} cards` : ""}.`,
    ],
  };
}

/** By theory; the cache that an attention instance reads is that of the instances asked for. */
function modeledStages(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): Stages {
  const { deployment: asked } = settings;
  const at = (instances: InstanceCounts, contextTokens: number) =>
    timesByTheory(instances, settings, use, contextTokens);
  const layers = at(counts, settings.contextTokens);
  const uncached = at(counts, 1);
  const uncachedAttentionNs = meanNs(uncached.map(({ attentionNs }) => attentionNs));
  const modeled: Stages = { layers, uncachedAttentionNs, ffns: ffnsOf(use.card), source: "modeled", notes: [] };
  if (counts.attentionInstances === asked.attentionInstances) return modeled;
  const cachedNs = differences(at(asked, settings.contextTokens), at(asked, 1));
  return {
    ...modeled,
    layers: layers.map((times, layer) => ({
      ...times,
      attentionNs: (uncached[layer]?.attentionNs ?? 0) + (cachedNs[layer] ?? 0),
    })),
  };
}

/** In the order of modeled stages, in which equal layers stand together. */
function ffnsOf(card: ModelCard): Stages["ffns"] {
  return layerKinds(card).flatMap(({ layers, ffn }) =>
    Array.from({ length: layers }, () => (ffn.kind === "moe" ? "experts" : "dense")),
  );
}

function differences(layers: readonly PipelineTimes[], others: readonly PipelineTimes[]): readonly number[] {
  return layers.map(({ attentionNs }, layer) => attentionNs - (others[layer]?.attentionNs ?? 0));
}

function meanNs(valuesNs: readonly number[]): number {
  return valuesNs.reduce((sum, valueNs) => sum + valueNs, 0) / valuesNs.length;
}

/**
 * Times of every layer by theory, at a context of its own.
 * @throws InvalidInputError where a figure of an accelerator is missing, or layers are given, which only given times can have
 */
function timesByTheory(
  { attentionInstances, ffnInstances }: InstanceCounts,
  settings: PointSettings,
  { card, attention, ffn, efficiency }: SimulatedUse,
  contextTokens: number,
): readonly PipelineTimes[] {
  const { layers, networkBytesPerSecond: network, networkLatencyNs, attentionCards, ffnCards } = settings;
  if (layers !== undefined) {
    throw new InvalidInputError({
      field: "--layers",
      value: layers,
      expected: "the times of these layers, in --stage",
    });
  }
  const networked = (accelerator: Accelerator, cards: number): Accelerator =>
    network === undefined ? accelerator : { ...accelerator, networkBytesPerSecond: network, cardsPerServer: cards };
  const rates = stageRates({
    card,
    contextTokens,
    contextVariation: variationOf(settings.contextSpread),
    deployment: {
      attention: {
        accelerator: networked(attention, attentionCards),
        instances: attentionInstances,
        cards: attentionCards,
        precision: "auto",
      },
      ffn: {
        accelerator: networked(ffn, ffnCards),
        instances: ffnInstances,
        cards: ffnCards,
        parallelism: "expert",
        redundantExperts: 0,
      },
    },
    efficiency: {
      ...efficiency,
      // A rate that is given is what an instance reaches.
      ...(network === undefined ? {} : { networkShare: 1 }),
      ...(networkLatencyNs === 0 ? {} : { linkLatencyNs: networkLatencyNs }),
    },
  });
  const times = stageTimes(rates, settings.batch / settings.microBatches);
  if (settings.linkKind !== "pair") return times;
  const counts = { attentionInstances, ffnInstances };
  return times.map((layer) => ({
    ...layer,
    a2f: pairTransfer("a2f", layer.a2f, counts),
    f2a: pairTransfer("f2a", layer.f2a, counts),
  }));
}

/** Bytes of a hidden element on its way out. @source Step-3 report, section 5.4 */
const DISPATCH_BYTES = 1;

/** A given time is its latency and links that are busy for the rest; else its bytes take the links' time. */
function transferOf(
  way: "a2f" | "f2a",
  givenNs: number | undefined,
  bytesPerElement: number,
  { attentionInstances, ffnInstances }: InstanceCounts,
  settings: PointSettings,
  use: SimulatedUse,
): TransferTimes {
  const latencyNs = settings.networkLatencyNs;
  if (givenNs !== undefined) {
    if (givenNs >= latencyNs) return stageTransfer(way, givenNs - latencyNs, latencyNs, settings.linkKind);
    const expected = `at least the latency of the network, ${latencyNs} ns`;
    throw new InvalidInputError({ field: `--stage ${way.toUpperCase()}`, value: `${givenNs} ns`, expected });
  }
  const nicRate = (accelerator: Accelerator, cards: number) =>
    settings.networkBytesPerSecond ?? instanceNicRate(accelerator, cards, use);
  // A model's layers with experts stand for all: where there are more FFN instances than experts that a token chooses, it
  // goes to fewer of them.
  const { attentionLinkNsPerToken, ffnLinkNsPerToken } = linkRates(
    dispatchBytesPerToken(typicalLayer(use.card).ffn, use.card.hidden, ffnInstances),
    { instances: attentionInstances, nicBytesPerSecond: nicRate(use.attention, settings.attentionCards) },
    { instances: ffnInstances, nicBytesPerSecond: nicRate(use.ffn, settings.ffnCards) },
  );
  const elements = (settings.batch / settings.microBatches) * bytesPerElement;
  const transfer = {
    latencyNs,
    attentionLinkNs: attentionLinkNsPerToken * elements,
    ffnLinkNs: ffnLinkNsPerToken * elements,
  };
  return settings.linkKind === "pair" ? pairTransfer(way, transfer, { attentionInstances, ffnInstances }) : transfer;
}

/** @throws InvalidInputError where nobody says what the network is */
function instanceNicRate(accelerator: Accelerator, cards: number, { measured, efficiency }: SimulatedUse): number {
  if (measured?.host === undefined) return cardNetworkBytesPerSecond(accelerator) * cards * efficiency.networkShare;
  const expected = "the network of an instance: the machine that the record was measured on tells of none";
  throw new InvalidInputError({ field: "--net", value: undefined, expected });
}
