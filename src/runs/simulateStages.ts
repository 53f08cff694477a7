import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { attentionBytes } from "../simulate/planMemory.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import { COMBINE_BYTES } from "../theory/ffnStage.ts";
import { cardNetworkBytesPerSecond, dispatchBytesPerToken, linkRates } from "../theory/linkRates.ts";
import type { PipelineTimes, TransferTimes } from "../theory/pipeline.ts";
import { stageRates, stageTimes } from "../theory/stageTimes.ts";
import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import { kvBytesReadPerToken } from "../workload/kv-cache.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes } from "./models.ts";
import { constantsOf } from "./planConstants.ts";
import type { InstanceCounts, PointSettings, SimulateConditions } from "./simulateSettings.ts";

/** The model and the accelerators of a simulation. */
export interface SimulatedUse {
  readonly card: ModelCard;
  readonly attention: Accelerator;
  readonly ffn: Accelerator;
  /** Of an MoE layer; undefined: the model has none. */
  readonly experts: number | undefined;
  /** Constants of modeled stage times. */
  readonly efficiency: Efficiency;
  readonly notes: readonly string[];
}

/** @throws InvalidInputError on an unknown model or accelerator, or a setting that does not fit */
export async function simulatedUse(settings: SimulateConditions): Promise<SimulatedUse> {
  const { attentionOn, ffnOn } = settings;
  const { efficiency, others } = constantsOf(settings.settings);
  const { models, hardware } = await modelsAndHardware({
    models: [settings.model],
    hardware: [attentionOn, ffnOn],
    settings: others,
  });
  const [card] = models;
  const [attention, ffn = attention] = hardware.accelerators;
  if (card === undefined || attention === undefined || ffn === undefined) throw new Error("nothing to simulate");
  const notes = [...hardware.notes, ...cardNotes(models)];
  return { card, attention, ffn, experts: moeOf(card)?.experts, efficiency, notes };
}

/** Times of every layer for a full micro-batch. */
export interface Stages {
  readonly layers: readonly PipelineTimes[];
  /** Part of a layer's attention that does not come from the cache, the mean of all layers; of a given time, none is known to. */
  readonly uncachedAttentionNs: number;
}

/**
 * Times of every layer for a full micro-batch: those given, or those that the model and the accelerators make.
 * @param counts instances that there are: those asked for, or with more attention ones, each with fewer but longer sequences
 * @throws InvalidInputError where a transfer has neither a time nor a network to take it, or a figure is missing
 */
export function stagesOf(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): Stages {
  const { stages } = settings;
  if (stages === undefined) return modeledStages(counts, settings, use);
  const times: PipelineTimes = {
    attentionNs: stages.attentionNs,
    a2f: transferOf("A2F", stages.a2fNs, DISPATCH_BYTES, counts, settings, use),
    ffnNs: stages.ffnNs,
    f2a: transferOf("F2A", stages.f2aNs, COMBINE_BYTES, counts, settings, use),
  };
  const layers = Array.from({ length: settings.layers ?? use.card.layers.length }, () => times);
  return { layers, uncachedAttentionNs: 0 };
}

/** By theory; the cache that an attention instance reads is that of the instances asked for. */
function modeledStages(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): Stages {
  const { deployment: asked } = settings;
  const at = (instances: InstanceCounts, contextTokens: number) =>
    timesByTheory(instances, settings, use, contextTokens);
  const layers = at(counts, settings.contextTokens);
  const uncached = at(counts, 1);
  const uncachedAttentionNs = meanNs(uncached.map(({ attentionNs }) => attentionNs));
  if (counts.attentionInstances === asked.attentionInstances) return { layers, uncachedAttentionNs };
  const cachedNs = differences(at(asked, settings.contextTokens), at(asked, 1));
  return {
    layers: layers.map((times, layer) => ({
      ...times,
      attentionNs: (uncached[layer]?.attentionNs ?? 0) + (cachedNs[layer] ?? 0),
    })),
    uncachedAttentionNs,
  };
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
  return stageTimes(rates, settings.batch / settings.microBatches);
}

/** Bytes of a hidden element on its way out. @source Step-3 report, section 5.4 */
const DISPATCH_BYTES = 1;

/** A given time is its latency and links that are busy for the rest; else its bytes take the links' time. */
function transferOf(
  name: "A2F" | "F2A",
  givenNs: number | undefined,
  bytesPerElement: number,
  { attentionInstances, ffnInstances }: InstanceCounts,
  settings: PointSettings,
  use: SimulatedUse,
): TransferTimes {
  const latencyNs = settings.networkLatencyNs;
  if (givenNs !== undefined) {
    if (givenNs < latencyNs) {
      const expected = `at least the latency of the network, ${latencyNs} ns`;
      throw new InvalidInputError({ field: `--stage ${name}`, value: `${givenNs} ns`, expected });
    }
    return { latencyNs, attentionLinkNs: givenNs - latencyNs, ffnLinkNs: givenNs - latencyNs };
  }
  const nicRate = (accelerator: Accelerator, cards: number) =>
    settings.networkBytesPerSecond ?? cardNetworkBytesPerSecond(accelerator) * cards * use.efficiency.networkShare;
  // A model's layers with experts stand for all: where there are more FFN instances than experts that a token chooses, it
  // goes to fewer of them.
  const typicalFfn = moeOf(use.card) ?? use.card.layers[0]?.ffn;
  if (typicalFfn === undefined) throw new Error(`${use.card.name} has no layers`);
  const { attentionLinkNsPerToken, ffnLinkNsPerToken } = linkRates(
    dispatchBytesPerToken(typicalFfn, use.card.hidden, ffnInstances),
    { instances: attentionInstances, nicBytesPerSecond: nicRate(use.attention, settings.attentionCards) },
    { instances: ffnInstances, nicBytesPerSecond: nicRate(use.ffn, settings.ffnCards) },
  );
  const elements = (settings.batch / settings.microBatches) * bytesPerElement;
  return {
    latencyNs,
    attentionLinkNs: attentionLinkNsPerToken * elements,
    ffnLinkNs: ffnLinkNsPerToken * elements,
  };
}

/** Cached tokens that an attention instance has room for; undefined where its memory is not known. */
export function kvRoom(settings: PointSettings, { card, attention }: SimulatedUse): number | undefined {
  const { attentionCards: cards, contextTokens, kvTokensPerInstance } = settings;
  if (kvTokensPerInstance !== undefined || attention.memoryBytes === undefined) return kvTokensPerInstance;
  const weightBytes = attentionBytes(card, cards);
  const kvBytesPerToken = kvBytesReadPerToken(card, contextTokens) / contextTokens;
  return Math.max(0, (cards * (attention.memoryBytes - weightBytes)) / kvBytesPerToken);
}

/**
 * Checks that a steady batch's cache fits.
 * @throws InfeasibleError saying how much is needed and how much there is
 */
export function checkCache(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): void {
  const room = kvRoom(settings, use);
  const { batch, contextTokens, requests } = settings;
  if (room === undefined || requests !== undefined) return;
  const neededTokens = (batch / counts.attentionInstances) * contextTokens;
  if (neededTokens <= room) return;
  const tokenBytes = kvBytesReadPerToken(use.card, contextTokens) / contextTokens;
  throw new InfeasibleError(
    `the cache does not fit: ${counts.attentionInstances} attention instances of ${settings.attentionCards} ${use.attention.name} need ${formatBytes(neededTokens * tokenBytes)} each for ${batch} sequences of ${contextTokens} tokens, and beside the weights have ${formatBytes(room * tokenBytes)}: take more instances, a smaller batch or shorter contexts`,
  );
}
