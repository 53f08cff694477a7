import { type PipelinePlan, type PipelineRun, referenceChecksums, runPipeline } from "../afd/pipeline.ts";
import { readEnvironment } from "../host/environment.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { PipelineRow } from "../record/pipelineRows.ts";
import { recordEnvironment } from "./environment.ts";
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
  const rows: PipelineRow[] = [];
  const points = pointsOf(settings);
  let failed = false;
  let unrecoverable: string | undefined;
  for (const point of points) {
    if (settings.signal.aborted || unrecoverable !== undefined) break;
    const { run, bitEqual, rows: ofRun } = await runOf(settings, point);
    rows.push(...ofRun);
    failed ||= bitEqual === false;
    unrecoverable = run.unrecoverable;
    if (settings.onSlice !== undefined)
      for (const slice of pipelineSlices(run, settings.network)) settings.onSlice(slice);
  }
  const interrupted = settings.signal.aborted;
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "pipeline",
      environment: recordEnvironment(),
      rows,
      notes: notesOf(settings, interrupted, unrecoverable),
    },
    interrupted,
    failed,
    unrecoverable,
  };
}

interface PointResult {
  readonly run: PipelineRun;
  readonly bitEqual: boolean | undefined;
  readonly rows: readonly PipelineRow[];
}

async function runOf(settings: PipelineSettings, point: PipelinePoint): Promise<PointResult> {
  const { cpuCores, availableMemoryBytes } = readEnvironment();
  const work = workOf(settings, point);
  const plan: PipelinePlan = {
    work,
    threadsPerInstance: settings.threadsPerInstance,
    kernels: undefined,
    network: settings.network,
    faults: settings.faults,
    recovery: settings.recovery,
    seed: settings.seed,
    cores: cpuCores,
    availableBytes: availableMemoryBytes,
    signal: settings.signal,
    onProgress: reporter(settings, point),
  };
  const run = await runPipeline(plan);
  const isWhole = !run.interrupted && run.unrecoverable === undefined;
  const bitEqual = settings.check === "bits" && isWhole ? isReference(run, plan) : undefined;
  return { run, bitEqual, rows: pipelineRows(settings, work, run, bitEqual) };
}

function isReference({ checksums }: PipelineRun, plan: PipelinePlan): boolean {
  const expected = referenceChecksums(plan);
  return checksums.length === expected.length && checksums.every((sum, index) => sum === expected[index]);
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

function notesOf(
  { warmUpSteps, steps, stages, check }: PipelineSettings,
  interrupted: boolean,
  unrecoverable: string | undefined,
): string[] {
  const { attentionNs, ffnNs } = stages;
  return [
    `Measured on worker threads, steps ${warmUpSteps} to ${steps - 1}; before them the pipeline fills.`,
    `Emulated: a stage takes ${attentionNs / 1e6} ms (attention) or ${ffnNs / 1e6} ms (FFN) instead of running kernels.`,
    "boundNs is modeled: the closed form of the given times and network, without jitter, faults and hand-overs.",
    ...(check === "none" ? ["Outputs were not compared with the one-thread run."] : []),
    ...(interrupted
      ? ["Interrupted: of the last run only the steps that were over count, and no outputs are compared."]
      : []),
    ...(unrecoverable === undefined ? [] : [`Ended early: ${unrecoverable}.`]),
  ];
}
