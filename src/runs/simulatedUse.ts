import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { attentionBytes } from "../simulate/planMemory.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import { kvBytesReadPerToken } from "../workload/kv-cache.ts";
import { busiestContext, contextsOf } from "./contextSpread.ts";
import { modelsAndHardware } from "./inUse.ts";
import { type MeasuredStages, measuredStages } from "./measuredStages.ts";
import { cardNotes } from "./models.ts";
import { constantsOf } from "./planConstants.ts";
import type { InstanceCounts, PointSettings, SimulateSettings } from "./simulateSettings.ts";

/** The model and the accelerators of a simulation. */
export interface SimulatedUse {
  readonly card: ModelCard;
  readonly attention: Accelerator;
  readonly ffn: Accelerator;
  /** Constants of modeled stage times. */
  readonly efficiency: Efficiency;
  /** Of a record; undefined: stage times are given or modeled. */
  readonly measured: MeasuredStages | undefined;
  readonly notes: readonly string[];
}

/** @throws InvalidInputError on an unknown model or accelerator, a setting that does not fit, or a record without rows */
export async function simulatedUse(settings: SimulateSettings): Promise<SimulatedUse> {
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
  const measured =
    settings.record === undefined || settings.stages !== undefined
      ? undefined
      : measuredStages(settings.record, card, { attention: attention.name, ffn: ffn.name });
  return { card, attention, ffn, efficiency, measured, notes };
}

/** What a deployment's cards are called and cost; those of a record's machine have no price. */
export function cardsOf({ attention, ffn, measured }: SimulatedUse): {
  readonly attentionOn: string;
  readonly ffnOn: string;
  readonly usdPerHour: { readonly attention: number; readonly ffn: number } | undefined;
} {
  if (measured?.host !== undefined) return { attentionOn: measured.host, ffnOn: measured.host, usdPerHour: undefined };
  const usdPerHour =
    attention.usdPerHour === undefined || ffn.usdPerHour === undefined
      ? undefined
      : { attention: attention.usdPerHour, ffn: ffn.usdPerHour };
  return { attentionOn: attention.name, ffnOn: ffn.name, usdPerHour };
}

/** Cached tokens that an attention instance has room for; undefined where its memory is not known. */
export function kvRoom(settings: PointSettings, { card, attention, measured }: SimulatedUse): number | undefined {
  const { attentionCards: cards, contextTokens, kvTokensPerInstance } = settings;
  if (kvTokensPerInstance !== undefined || attention.memoryBytes === undefined) return kvTokensPerInstance;
  if (measured?.host !== undefined) return undefined;
  const weightBytes = attentionBytes(card, cards);
  const kvBytesPerToken = kvBytesReadPerToken(card, contextTokens) / contextTokens;
  return Math.max(0, (cards * (attention.memoryBytes - weightBytes)) / kvBytesPerToken);
}

/**
 * Checks that a steady batch's cache fits. Given stage times say nothing of a memory: with them it is checked where a room is given.
 * @throws InfeasibleError saying how much is needed and how much there is
 */
export function checkCache(counts: InstanceCounts, settings: PointSettings, use: SimulatedUse): void {
  const room = kvRoom(settings, use);
  const { batch, contextTokens, requests, stages, kvTokensPerInstance } = settings;
  if (room === undefined || requests !== undefined || (stages !== undefined && kvTokensPerInstance === undefined))
    return;
  const sequences = batch / counts.attentionInstances;
  const busiest = busiestContext(contextsOf(settings), use.efficiency, Math.ceil(sequences / settings.attentionCards));
  const neededTokens = sequences * (busiest.busiestContextTokens ?? contextTokens);
  if (neededTokens <= room) return;
  const tokenBytes = kvBytesReadPerToken(use.card, contextTokens) / contextTokens;
  throw new InfeasibleError(
    `the cache does not fit: ${counts.attentionInstances} attention instances of ${settings.attentionCards} ${use.attention.name} need ${formatBytes(neededTokens * tokenBytes)} each for ${batch} sequences of ${contextTokens} tokens, and beside the weights have ${formatBytes(room * tokenBytes)}: take more instances, a smaller batch or shorter contexts`,
  );
}
