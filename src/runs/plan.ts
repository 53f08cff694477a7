import { setImmediate } from "node:timers/promises";
import { type Accelerator, type PricedAccelerator, requirePrice } from "../hardware/accelerator.ts";
import { workerModule } from "../host/workerModule.ts";
import type { ModelCard } from "../model/card.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { PlanDocument } from "../record/schemas.ts";
import type { Objective, PlanQuestion } from "../simulate/planQuestion.ts";
import type { AttentionPrecision } from "../theory/attentionStage.ts";
import type { Efficiency } from "../theory/efficiency.ts";
import type { FfnParallelism } from "../theory/ffnStage.ts";
import type { LinkUse } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { formatDuration } from "../units/format.ts";
import { type ContextSpread, spreadNote, variationOf } from "./contextSpread.ts";
import { recordEnvironment } from "./environment.ts";
import { type ExpertChoice, popularityFor, popularityNote } from "./expertChoice.ts";
import type { HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes, type ModelChoice } from "./models.ts";
import { constantsOf } from "./planConstants.ts";
import { type PlanOutcome, type PlanTask, planPoint } from "./planPoint.ts";
import type { ProgressEvent } from "./settings.ts";
import { sweep, sweepProgress, threadsFor } from "./sweep.ts";
import { doneOf } from "./sweepOutcomes.ts";

/** What `plan` looks for: an answer for every combination of contexts, TPOTs, numbers of cards and of sequences. */
export interface PlanSettings {
  readonly model: ModelChoice;
  /** Cached tokens of a sequence, the mean where they differ. */
  readonly contexts: readonly number[];
  /** How contexts differ; absent: not at all. */
  readonly contextSpread?: ContextSpread;
  readonly tpotsNs: readonly number[];
  /** Names, `all`, or accelerators of the caller's own; none: those of the Step-3 report. */
  readonly hardware: readonly HardwareItem[];
  /** Of those the ones that attention may stand on; none: all. */
  readonly attentionOn: readonly string[];
  readonly ffnOn: readonly string[];
  /** Cards of a deployment at most. */
  readonly cardLimits: readonly number[];
  readonly objective: Objective;
  /** Sequences that there are at once; absent: as many as fit. */
  readonly sequenceCounts?: readonly number[];
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
  /** That answer at the same time; absent: as many as this machine has, where there are questions enough for them. */
  readonly threads?: number;
  /** Ends the run; questions that are answered are kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/**
 * The best deployments of a model within a TPOT, for each question: attention and FFN instances, beside plain deployments.
 * Rows are the same whatever the number of threads.
 * @throws InvalidInputError on an unknown name, a figure that is missing, or a setting that does not fit
 * @throws InfeasibleError where no question has an answer: nothing meets the TPOT, or holds the model
 */
export async function plan(settings: PlanSettings): Promise<PlanDocument> {
  const { experts, signal = new AbortController().signal, onProgress = () => {} } = settings;
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
  if (experts !== undefined) popularityFor(experts, card);
  const tasks = tasksOf(settings, card, usable, efficiency);
  const progress = sweepProgress(tasks.length, onProgress);
  const outcomes = await sweep<PlanTask, PlanOutcome>({
    tasks,
    workerUrl: WORKER_URL,
    threads: threadsFor(tasks.length, settings.threads, QUESTIONS_PER_THREAD),
    signal,
    async here(task) {
      // Lets Ctrl-C be heard.
      await setImmediate();
      return signal.aborted ? { status: "interrupted" } : planPoint(task);
    },
    onDone: (index) => progress.done((tasks[index] as PlanTask).text),
  });
  const { done, notes } = doneOf(outcomes, (index) => (tasks[index] as PlanTask).text);
  return {
    schema: DOCUMENT_SCHEMA,
    command: "plan",
    environment: recordEnvironment(),
    rows: done.flatMap(({ rows }) => rows),
    notes: [
      ...done.map(({ advice }) => advice),
      ...done.flatMap(({ confirmation }) => confirmation),
      ...notes,
      ...(signal.aborted ? ["Interrupted: what was not answered by then has no rows."] : []),
      "All values are modeled: stage times from the model's configuration and accelerators' figures, with one set of constants (docs/plan.md) that was checked against Table 8 of the Step-3 report on H800 alone.",
      `TPOT is a step's mean and has ${formatDuration(efficiency.jitterNs)} for jitter and stragglers in it; embeddings, output head and prefill are left out.`,
      ...(settings.contextSpread === undefined ? [] : [spreadNote(settings.contextSpread, efficiency)]),
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

/** The module that a thread runs; beside this file, as source or as built. */
const WORKER_URL = workerModule(import.meta.url, "planWorker");

/** An answer takes about as long as starting a thread. */
const QUESTIONS_PER_THREAD = 2;
/** More are no sweep that anybody reads. */
const MOST_QUESTIONS = 1000;

function tasksOf(
  settings: PlanSettings,
  card: ModelCard,
  usable: readonly PricedAccelerator[],
  efficiency: Efficiency,
): readonly PlanTask[] {
  const { contexts, tpotsNs, cardLimits, sequenceCounts = [undefined], experts, seed, top } = settings;
  const count = contexts.length * tpotsNs.length * cardLimits.length * sequenceCounts.length;
  if (count > MOST_QUESTIONS) {
    const field = "--context, --tpot, --max-cards and --batch";
    throw new InvalidInputError({ field, value: `${count} combinations`, expected: `at most ${MOST_QUESTIONS}` });
  }
  const alike = {
    card,
    contextVariation: variationOf(settings.contextSpread),
    objective: settings.objective,
    attentionOn: sideOf("--attention-on", settings.attentionOn, usable),
    ffnOn: sideOf("--ffn-on", settings.ffnOn, usable),
    precisions: settings.precisions,
    parallelisms: settings.parallelisms,
    redundantExperts: settings.redundantExperts,
    microBatches: settings.microBatches,
    instanceCards: settings.instanceCards,
    linkUse: settings.linkUse,
    efficiency,
  };
  return contexts.flatMap((contextTokens) =>
    tpotsNs.flatMap((tpotNs) =>
      cardLimits.flatMap((maxCards) =>
        sequenceCounts.map((sequences): PlanTask => {
          const question = { ...alike, contextTokens, tpotNs, maxCards, sequences };
          return { question, experts, seed, top, text: questionText(question, settings) };
        }),
      ),
    ),
  );
}

/** A question by its context and whatever else tells it apart from the others. */
function questionText(
  {
    contextTokens,
    tpotNs,
    maxCards,
    sequences,
  }: Pick<PlanQuestion, "contextTokens" | "tpotNs" | "maxCards" | "sequences">,
  { tpotsNs, cardLimits, sequenceCounts = [] }: PlanSettings,
): string {
  return [
    `${contextTokens} cached tokens`,
    ...(tpotsNs.length > 1 ? [`within ${formatDuration(tpotNs)}`] : []),
    ...(cardLimits.length > 1 ? [`on ${maxCards} cards at most`] : []),
    ...(sequenceCounts.length > 1 ? [`with ${sequences} sequences`] : []),
  ].join(", ");
}

/** What both sides name, where nothing else is asked for. */
function hardwareOf({ hardware, attentionOn, ffnOn }: PlanSettings): readonly HardwareItem[] {
  if (hardware.length > 0) return hardware;
  return attentionOn.length > 0 && ffnOn.length > 0 ? [...attentionOn, ...ffnOn] : [];
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
