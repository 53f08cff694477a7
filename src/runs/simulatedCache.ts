import { attentionBytes, cacheBytes, differingSequencesThatFit, sequenceBytes } from "../simulate/cardMemory.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatBytes, formatPercent } from "../units/format.ts";
import { busiestContext, contextsOf } from "./contextSpread.ts";
import type { SimulatedUse } from "./simulatedUse.ts";
import type { InstanceCounts, PointSettings } from "./simulateSettings.ts";

/** Cached tokens that an attention instance has room for: those given, or of its cards' memory; undefined where that is not known. */
export function kvRoomTokens(settings: PointSettings, use: SimulatedUse): number | undefined {
  const { attentionCards: cards, contextTokens, kvTokensPerInstance } = settings;
  const bytes = kvTokensPerInstance === undefined ? cardCacheBytes(settings, use) : undefined;
  if (bytes === undefined) return kvTokensPerInstance;
  return (cards * Math.max(0, bytes) * contextTokens) / sequenceBytes(use.card, contextTokens, "auto");
}

/**
 * Checks that a steady batch's cache fits, in whole sequences on each card as `plan` does; where a room in tokens is given, that an
 * instance's fits into it. Given stage times say nothing of a memory: with them it is checked where a room is given.
 * @throws InfeasibleError saying how much is needed and how much there is
 */
export function checkCache(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): void {
  const { requests, stages, kvTokensPerInstance } = settings;
  if (requests !== undefined) return;
  if (kvTokensPerInstance !== undefined) checkGivenRoom(kvTokensPerInstance, counts, settings, use);
  else if (stages === undefined) checkCards(counts, settings, use);
}

function checkGivenRoom(
  room: number,
  { attentionInstances }: InstanceCounts,
  settings: PointSettings,
  use: SimulatedUse,
): void {
  const sequences = settings.batch / attentionInstances;
  const { busiestContextTokens = settings.contextTokens } = busiestContext(
    contextsOf(settings),
    use.efficiency,
    Math.ceil(sequences),
  );
  const needed = sequences * busiestContextTokens;
  if (needed <= room) return;
  throw doesNotFit(
    settings,
    `${attentionInstances} attention instances need room for ${Math.ceil(needed)} tokens each, and have it for ${room}`,
  );
}

function checkCards({ attentionInstances }: InstanceCounts, settings: PointSettings, use: SimulatedUse): void {
  const bytes = cardCacheBytes(settings, use);
  if (bytes === undefined) return;
  const { card, attention, efficiency } = use;
  const { batch, microBatches, attentionCards } = settings;
  const contexts = contextsOf(settings);
  const sequences = microBatches * Math.ceil(batch / microBatches / (attentionInstances * attentionCards));
  if (sequences <= differingSequencesThatFit(bytes, { card, efficiency, ...contexts }, "auto")) return;
  const { busiestContextTokens = contexts.contextTokens } = busiestContext(contexts, efficiency, sequences);
  const neededBytes = sequences * sequenceBytes(card, busiestContextTokens, "auto");
  const share = formatPercent(efficiency.memoryShare);
  throw doesNotFit(
    settings,
    `${attentionInstances} attention instances of ${attentionCards} ${attention.name} need ${formatBytes(neededBytes)} on a card, and ${share} of its memory (efficiency.memoryShare) less the weights are ${formatBytes(Math.max(0, bytes))}`,
  );
}

function doesNotFit({ batch, contextTokens }: PointSettings, why: string): InfeasibleError {
  return new InfeasibleError(
    `the cache does not fit: for ${batch} sequences of ${contextTokens} tokens ${why}: take more instances, a smaller batch or shorter contexts`,
  );
}

/** Bytes of a card of an attention instance; undefined where it is the machine of a record, or the catalog has no memory of it. */
function cardCacheBytes(
  { attentionCards }: PointSettings,
  { card, attention, efficiency, measured }: SimulatedUse,
): number | undefined {
  if (measured?.host !== undefined || attention.memoryBytes === undefined) return undefined;
  return cacheBytes(attention, attentionBytes(card, attentionCards), efficiency);
}
