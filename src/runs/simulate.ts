import { workerModule } from "../host/workerModule.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { SimulateDocument } from "../record/schemas.ts";
import type { SimulateRow } from "../record/simulateRows.ts";
import { InvalidInputError } from "../units/errors.ts";
import { spreadNote } from "./contextSpread.ts";
import { recordEnvironment } from "./environment.ts";
import { popularityNote } from "./expertChoice.ts";
import { type SimulatedUse, simulatedUse } from "./simulatedUse.ts";
import {
  type PointOutcome,
  type PointTask,
  requireSequences,
  simulatePoint,
  type UnrankedRow,
} from "./simulatePoint.ts";
import type { SimulateConditions, SimulatePoint, SimulateSettings } from "./simulateSettings.ts";
import { sweep, sweepProgress, threadsFor } from "./sweep.ts";
import { doneOf } from "./sweepOutcomes.ts";

/** What a run of `simulate` left. */
export interface SimulateOutcome {
  readonly document: SimulateDocument;
  /** Whether it was aborted; points that were done by then have their rows. */
  readonly interrupted: boolean;
}

/** More are no sweep that anybody reads. */
const MOST_POINTS = 10_000;
/** Starting a thread takes as long as simulating some small points. */
const POINTS_PER_THREAD = 4;
/**
 * Simulates every combination of deployments, contexts, batches and micro-batches, each beside the closed form over the
 * same stage times, best first. Rows are the same whatever the number of threads.
 * @throws InvalidInputError on what cannot be simulated, InfeasibleError where no point's cache fits
 */
export async function simulate(settings: SimulateSettings): Promise<SimulateOutcome> {
  checkSpread(settings);
  const use = await simulatedUse(settings);
  const points = pointsOf(settings);
  const { signal, onProgress, onSlice } = settings;
  // Said before the first is simulated, not after the last.
  for (const { batch, microBatches, deployment } of points) {
    requireSequences(batch, microBatches, deployment.attentionInstances);
  }
  const progress = sweepProgress(points.length, onProgress);
  const outcomes = await sweep<PointTask, PointOutcome>({
    tasks: points.map((point) => ({ settings: { ...conditionsOf(settings), ...point }, use })),
    workerUrl: WORKER_URL,
    threads: onSlice === undefined ? threadsFor(points.length, settings.threads, POINTS_PER_THREAD) : 1,
    signal,
    here: (task) =>
      simulatePoint(task, { signal, onProgress: progress.at, ...(onSlice === undefined ? {} : { onSlice }) }),
    onDone: (index) => progress.done(pointText(points[index] as SimulatePoint, settings)),
  });
  const interrupted = signal.aborted;
  const { done, notes } = doneOf(outcomes, (index) => pointText(points[index] as SimulatePoint, settings));
  return {
    interrupted,
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "simulate",
      environment: recordEnvironment(),
      rows: ranked(done.map(({ row }) => row)),
      notes: [
        ...notesOf(settings, use),
        ...new Set(done.flatMap((one) => one.notes)),
        ...notes,
        ...use.notes,
        ...(interrupted ? ["Interrupted: what was not done by then has no row."] : []),
      ],
    },
  };
}

/** @throws InvalidInputError on a spread of contexts beside times or requests that it says nothing of */
function checkSpread({ contextSpread, stages, record, requests }: SimulateSettings): void {
  if (contextSpread === undefined) return;
  const field = "--context-spread";
  if (requests !== undefined) {
    const expected =
      "a steady batch: requests have contexts of their own, which --prompt-spread or --arrivals make differ";
    throw new InvalidInputError({ field, value: "beside requests", expected });
  }
  if (stages === undefined && record === undefined) return;
  const value = `beside ${stages === undefined ? "--from" : "--stage"}`;
  throw new InvalidInputError({
    field,
    value,
    expected: "modeled stage times: those given are of the contexts that they are for",
  });
}

/** The module that a thread runs; beside this file, as source or as built. */
const WORKER_URL = workerModule(import.meta.url, "simulateWorker");

function pointsOf({ deployments, contexts, batches, microBatchCounts }: SimulateSettings): readonly SimulatePoint[] {
  const count = deployments.length * contexts.length * batches.length * microBatchCounts.length;
  if (count > MOST_POINTS) {
    const field = "--deploy, --context, --batch and --micro-batches";
    throw new InvalidInputError({ field, value: `${count} combinations`, expected: `at most ${MOST_POINTS}` });
  }
  return deployments.flatMap((deployment) =>
    contexts.flatMap((contextTokens) =>
      batches.flatMap((batch) =>
        microBatchCounts.map((microBatches) => ({ deployment, contextTokens, batch, microBatches })),
      ),
    ),
  );
}

/** What threads can be handed: everything but functions and lists. */
function conditionsOf(settings: SimulateSettings): SimulateConditions {
  const {
    deployments,
    contexts,
    batches,
    microBatchCounts,
    record,
    threads,
    signal,
    onProgress,
    onSlice,
    ...conditions
  } = settings;
  return conditions;
}

/** A point by what tells it apart from the others. */
function pointText(
  { deployment, contextTokens, batch, microBatches }: SimulatePoint,
  { contexts, batches, microBatchCounts }: SimulateSettings,
): string {
  return [
    `${deployment.attentionInstances}A${deployment.ffnInstances}F`,
    ...(contexts.length > 1 ? [`context ${contextTokens}`] : []),
    ...(batches.length > 1 ? [`batch ${batch}`] : []),
    ...(microBatchCounts.length > 1 ? [`${microBatches} micro-batches`] : []),
  ].join(", ");
}

/** Rows with their ranks, the most tokens per second and card first; of equals, the one that came first. */
function ranked(rows: readonly UnrankedRow[]): SimulateRow[] {
  return rows
    .toSorted((one, other) => other.tokensPerSecondPerCard - one.tokensPerSecondPerCard)
    .map(({ kind, ...row }, index) => ({ kind, rank: index + 1, ...row }));
}

function notesOf(settings: SimulateSettings, { efficiency }: SimulatedUse): string[] {
  const { requests, stages, record, networkLatencyNs, linkKind, contextSpread, experts } = settings;
  return [
    requests === undefined
      ? "Simulated: full micro-batches of constant contexts; filling and draining of the pipeline are not counted. TTFT is excluded: there is no prefill."
      : "Simulated: requests join at the end of any step and leave when done, their prompts being in the cache already. TTFT is excluded from TPOT, and with it the wait for a first step.",
    `boundNs is modeled: the closed form, max(m × attention, m × FFN, m × busiest link, round trip) over all layers.`,
    stageNote(settings),
    ...(contextSpread === undefined ? [] : [spreadNote(contextSpread, efficiency)]),
    ...(experts === undefined ? [] : [popularityNote(experts)]),
    ...(networkLatencyNs === 0 && (stages !== undefined || record !== undefined)
      ? ["No latency was given: a transfer keeps its links busy all of its time."]
      : []),
    ...(linkKind === "shared" ? ["Both directions of a link take turns."] : []),
  ];
}

/** Where the stage times come from. */
function stageNote({ stages, record, deployments }: SimulateSettings): string {
  if (stages !== undefined) {
    return deployments.length > 1
      ? "Stage times are given: they stand for every deployment alike, whatever its instances."
      : "Stage times are given.";
  }
  if (record === undefined) {
    return "Stage times are modeled from the model's configuration and accelerators' figures, with the constants of docs/plan.md; the planner's allowance for jitter is not in them.";
  }
  const { cpuModel, date } = record.document.environment;
  const from = `${cpuModel} on ${date.slice(0, 10)} (${record.path})`;
  const core =
    record.attentionKernel === "attention.core"
      ? " Attention is its core alone: projections and norms are left out."
      : "";
  return record.rows === "measured"
    ? `Stage times were measured on ${from}: a card of a deployment is that machine. Every layer takes the times of the one that was measured; FFN cards share its experts evenly.${core}`
    : `Stage times are projections of what was counted on ${from} to the accelerators by the roofline, without losses or overheads. Every layer takes the times of the one that was measured; FFN cards share its experts evenly.${core}`;
}
