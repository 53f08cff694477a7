import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import { modelsAndHardware } from "./inUse.ts";
import { type MeasuredStages, measuredStages } from "./measuredStages.ts";
import { cardNotes } from "./models.ts";
import { constantsOf } from "./planConstants.ts";
import type { SimulateSettings } from "./simulateSettings.ts";

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
