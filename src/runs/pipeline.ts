import type { Fault } from "../afd/faults.ts";
import { type PipelinePlan, type PipelineRun, runPipeline } from "../afd/pipeline.ts";
import { checksumsOfOneThread } from "../afd/referenceThread.ts";
import { runTaskPipeline } from "../afd/taskPipeline.ts";
import type { Work } from "../afd/work.ts";
import { readEnvironment } from "../host/environment.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { PipelineRow } from "../record/pipelineRows.ts";
import { recordEnvironment } from "./environment.ts";
import { type KernelsHere, kernelsHere } from "./kernelsHere.ts";
import { faultsText, pipelineFaults } from "./pipelineFaults.ts";
import { pipelineModel } from "./pipelineModel.ts";
import { pipelineNotes } from "./pipelineNotes.ts";
import { pipelineRows } from "./pipelineRows.ts";
import type { PipelineOutcome, PipelineSettings } from "./pipelineSettings.ts";
import { pipelineSlices } from "./pipelineSlices.ts";
import { type PipelinePoint, pointsOf, workOf } from "./pipelineWork.ts";

/** Between two reports of how far a run is. */
const silentMs = 1000;

/**
 * Decodes on attention and FFN instances, which are worker threads, once for each combination of instances and micro-batches.
 * @throws InvalidInputError on what cannot be divided, InfeasibleError where memories do not fit
 */
export async function pipeline(settings: PipelineSettings): Promise<PipelineOutcome> {
  const { stages, signal } = settings;
  const model = stages.kind === "kernels" ? await pipelineModel(stages, settings.seed) : undefined;
  // All are checked before the first one runs.
  const points = pointsOf(settings).map((point) => {
    const work = workOf(settings, point, model?.decode);
    return { point, work, faults: pipelineFaults(settings, work) };
  });
  const here = stages.kind === "kernels" ? await kernelsHere(stages.target) : undefined;
  const rows: PipelineRow[] = [];
  const notes = new Set<string>();
  let failed = false;
  let unrecoverable: string | undefined;
  for (const { point, work, faults } of points) {
    if (signal.aborted || unrecoverable !== undefined) break;
    const { run, check } = await runOf(settings, point, work, faults, here);
    if (faults.length > 0) notes.add(faultsText(faults));
    rows.push(...pipelineRows(settings, work, model, run, check.bitEqual));
    if (check.note !== undefined) notes.add(check.note);
    failed ||= check.bitEqual === false;
    unrecoverable = run.unrecoverable;
    if (settings.onSlice !== undefined)
      for (const slice of pipelineSlices(run, settings.network)) settings.onSlice(slice);
  }
  const interrupted = signal.aborted;
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "pipeline",
      environment: recordEnvironment(here?.target),
      rows,
      notes: [
        ...pipelineNotes(settings, rows),
        ...(model?.notes ?? []),
        ...(here?.notices ?? []),
        ...notes,
        ...(interrupted ? ["Interrupted: steps that were over by then count; outputs are not compared."] : []),
        ...(unrecoverable === undefined ? [] : [`Ended early: ${unrecoverable}.`]),
      ],
    },
    interrupted,
    failed,
    unrecoverable,
  };
}

/** Whether outputs are those of one thread; undefined: not compared, and where it is not for want of asking, why. */
interface Check {
  readonly bitEqual: boolean | undefined;
  readonly note?: string;
}

async function runOf(
  settings: PipelineSettings,
  point: PipelinePoint,
  work: Work,
  faults: readonly Fault[],
  here: KernelsHere | undefined,
): Promise<{ readonly run: PipelineRun; readonly check: Check }> {
  const { cpuCores, availableMemoryBytes } = readEnvironment();
  const plan: PipelinePlan = {
    work,
    threadsPerInstance: settings.threadsPerInstance,
    kernels: here?.kernels,
    network: settings.network,
    faults,
    recovery: settings.recovery,
    seed: settings.seed,
    cores: cpuCores,
    availableBytes: availableMemoryBytes,
    signal: settings.signal,
    onProgress: reporter(settings, point),
  };
  const run = await (settings.wire === "shared" ? runPipeline(plan) : runTaskPipeline(plan));
  return { run, check: await checkOf(settings, plan, run) };
}

async function checkOf({ check }: PipelineSettings, plan: PipelinePlan, run: PipelineRun): Promise<Check> {
  if (check === "none" || run.interrupted || run.unrecoverable !== undefined) return { bitEqual: undefined };
  try {
    const expected = await checksumsOfOneThread(plan, plan.signal);
    const { checksums } = run;
    const bitEqual = checksums.length === expected.length && checksums.every((sum, index) => sum === expected[index]);
    return { bitEqual };
  } catch (error) {
    if (plan.signal.aborted) return { bitEqual: undefined };
    // An error that crossed threads has its name, not its class.
    if (!(error instanceof Error) || error.name !== "InfeasibleError") throw error;
    return { bitEqual: undefined, note: `Outputs are not compared with one thread's: ${error.message}.` };
  }
}

/** Tokens so far and tokens per second, now and then. */
function reporter(settings: PipelineSettings, point: PipelinePoint): PipelinePlan["onProgress"] {
  const name = `${point.attentionInstances}A${point.ffnInstances}F, micro-batches: ${point.microBatches.length}`;
  let shownMs = performance.now();
  let shownTokens = 0;
  return (tokens, total) => {
    const nowMs = performance.now();
    if (nowMs - shownMs < silentMs) return;
    const perSecond = ((tokens - shownTokens) / (nowMs - shownMs)) * 1000;
    shownMs = nowMs;
    shownTokens = tokens;
    settings.onProgress({ text: `tokens, ${perSecond.toFixed(0)} tokens/s (${name})`, done: tokens, total });
  };
}
