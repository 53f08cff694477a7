import { type Accelerator, type PricedAccelerator, requirePrice } from "../hardware/accelerator.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { PlanDocument } from "../record/schemas.ts";
import { hottestLoads } from "../simulate/expertLoad.ts";
import { plan as planFor } from "../simulate/plan.ts";
import type { Objective, PlanQuestion } from "../simulate/planQuestion.ts";
import type { AttentionPrecision } from "../theory/attentionStage.ts";
import type { FfnParallelism } from "../theory/ffnStage.ts";
import type { LinkUse } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { formatDuration } from "../units/format.ts";
import { recordEnvironment } from "./environment.ts";
import { type ExpertChoice, layersWithExperts, popularityFor, popularityNote } from "./expertChoice.ts";
import type { HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes, type ModelChoice } from "./models.ts";
import { constantsOf } from "./planConstants.ts";
import { adviceOf, confirmationOf } from "./planNotes.ts";
import { planRows } from "./planRows.ts";

/** What `plan` looks for. */
export interface PlanSettings {
  readonly model: ModelChoice;
  readonly contexts: readonly number[];
  readonly tpotNs: number;
  /** Names, `all`, or accelerators of the caller's own; none: those of the Step-3 report. */
  readonly hardware: readonly HardwareItem[];
  /** Of those the ones that attention may stand on; none: all. */
  readonly attentionOn: readonly string[];
  readonly ffnOn: readonly string[];
  readonly maxCards: number;
  readonly objective: Objective;
  /** Sequences that there are at once; absent: as many as fit. */
  readonly sequences?: number;
  readonly precisions: readonly AttentionPrecision[];
  readonly parallelisms: readonly FfnParallelism[];
  readonly redundantExperts: readonly number[];
  readonly microBatches: readonly number[];
  readonly instanceCards: readonly number[];
  readonly linkUse: LinkUse;
  /** How popular experts are; absent: all alike. */
  readonly experts?: ExpertChoice;
  /** Seed of which experts are hot in which layer. */
  readonly seed: number;
  /** Deployments to name. */
  readonly top: number;
  /** Fields of the model, figures of accelerators, and constants as `efficiency.NAME=VALUE`. */
  readonly settings: readonly string[];
}

/**
 * The best deployments of a model within a TPOT, at each context: attention and FFN instances, beside plain deployments.
 * @throws InvalidInputError on an unknown name, a figure that is missing, or a setting that does not fit
 * @throws InfeasibleError where nothing meets the TPOT, or holds the model
 */
export async function plan(settings: PlanSettings): Promise<PlanDocument> {
  const { efficiency, others } = constantsOf(settings.settings);
  const { models, hardware } = await modelsAndHardware({
    models: [settings.model],
    hardware: hardwareOf(settings),
    settings: others,
  });
  const [card] = models;
  if (card === undefined) throw new Error("no model to plan for");
  const usable = usableHardware(hardware.accelerators, hardware.unasked);
  checkInstanceCards(settings.instanceCards, usable);
  const { experts } = settings;
  const popularityFactor =
    experts === undefined
      ? undefined
      : hottestLoads(popularityFor(experts, card), layersWithExperts(card), settings.seed);
  const answers = settings.contexts.map((contextTokens) => {
    const question: PlanQuestion = {
      card,
      contextTokens,
      tpotNs: settings.tpotNs,
      sequences: settings.sequences,
      objective: settings.objective,
      maxCards: settings.maxCards,
      attentionOn: sideOf("--attention-on", settings.attentionOn, usable),
      ffnOn: sideOf("--ffn-on", settings.ffnOn, usable),
      precisions: settings.precisions,
      parallelisms: settings.parallelisms,
      redundantExperts: settings.redundantExperts,
      microBatches: settings.microBatches,
      instanceCards: settings.instanceCards,
      linkUse: settings.linkUse,
      popularityFactor,
      efficiency,
    };
    return { question, answer: planFor(question, settings.top) };
  });
  return {
    schema: DOCUMENT_SCHEMA,
    command: "plan",
    environment: recordEnvironment(),
    rows: answers.flatMap(({ question, answer }) => planRows(question, answer)),
    notes: [
      ...answers.map(({ question, answer }) => adviceOf(question, answer)),
      ...answers.flatMap(({ question, answer }) => confirmationOf(question, answer)),
      "All values are modeled: stage times from the model's configuration and accelerators' figures, with one set of constants (docs/plan.md) that was checked against Table 8 of the Step-3 report on H800 alone.",
      `TPOT is a step's mean and has ${formatDuration(efficiency.jitterNs)} for jitter and stragglers in it; embeddings, output head and prefill are left out.`,
      ...(experts === undefined ? [] : [popularityNote(experts)]),
      ...(Math.max(...settings.contexts) <= card.maxContextTokens
        ? []
        : [
            `${Math.max(...settings.contexts)} tokens are beyond the longest context of ${card.name} (${card.maxContextTokens}).`,
          ]),
      ...(usable.length === hardware.accelerators.length
        ? []
        : [
            `Left out, having no price or network: ${hardware.accelerators
              .filter(({ name }) => !usable.some((one) => one.name === name))
              .map(({ name }) => name)
              .join(", ")}.`,
          ]),
      ...hardware.notes,
      ...cardNotes(models),
    ],
  };
}

/** Those that a side names are in use as well. */
function hardwareOf({ hardware, attentionOn, ffnOn }: PlanSettings): readonly HardwareItem[] {
  const named = [...attentionOn, ...ffnOn];
  if (hardware.length > 0) {
    const known = hardware.map((item) => (typeof item === "string" ? item : item.name).trim().toLowerCase());
    return known.includes("all")
      ? hardware
      : [...hardware, ...named.filter((name) => !known.includes(name.toLowerCase()))];
  }
  return attentionOn.length > 0 && ffnOn.length > 0 ? named : [];
}

/** Accelerators with all figures that plans need; of those that `all` brought, the others are left out. */
function usableHardware(
  accelerators: readonly Accelerator[],
  unasked: readonly string[],
): readonly PricedAccelerator[] {
  return accelerators
    .filter(
      ({ name, usdPerHour, networkBytesPerSecond, cardsPerServer }) =>
        !unasked.includes(name) ||
        (usdPerHour !== undefined && networkBytesPerSecond !== undefined && cardsPerServer !== undefined),
    )
    .map(requirePrice);
}

/** An instance stands in one server. */
function checkInstanceCards(instanceCards: readonly number[], usable: readonly PricedAccelerator[]): void {
  const most = Math.max(...usable.map(({ cardsPerServer }) => cardsPerServer ?? Number.POSITIVE_INFINITY));
  if (instanceCards.some((cards) => cards <= most)) return;
  const expected = `at least one number of cards that a server has: ${most} at most`;
  throw new InvalidInputError({ field: "--instance-cards", value: instanceCards.join(","), expected });
}

function sideOf(
  field: string,
  names: readonly string[],
  usable: readonly PricedAccelerator[],
): readonly PricedAccelerator[] {
  if (names.length === 0) return usable;
  return names.map((name) => {
    const found = usable.find((accelerator) => accelerator.name === name.trim().toLowerCase());
    if (found !== undefined) return found;
    const known = usable.map((accelerator) => accelerator.name);
    throw new InvalidInputError({ field, value: name, expected: `an accelerator in use: ${known.join(", ")}`, known });
  });
}
