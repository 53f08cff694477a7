import { getEventListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { checkFaults } from "../afd/checkFaults.ts";
import { parseFaults } from "../afd/faultSpec.ts";
import { type PipelinePlan, type PipelineRun, referenceChecksums } from "../afd/pipeline.ts";
import { runViolations } from "../afd/runViolations.ts";
import { divisionOf } from "../afd/work.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatDuration } from "../units/format.ts";
import type { KernelsHere } from "./kernelsHere.ts";
import { pipelineModel } from "./pipelineModel.ts";
import { pointsOf, workOf } from "./pipelineWork.ts";
import { type StressCase, stressSettings } from "./stressCase.ts";

/** What carries a plan out: the pipeline, or in tests one with a defect. */
export type StressEngine = (plan: PipelinePlan) => Promise<PipelineRun>;

/** What a run needs beside its case. */
export interface StressHost {
  readonly engine: StressEngine;
  /** For cases whose stages run kernels. */
  readonly here: KernelsHere;
  readonly cores: number;
  readonly availableBytes: number;
  /** A run that has not ended after so long never will: far above the watchdog's time. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a case went. */
export type StressResult =
  | { readonly status: "ok" }
  | { readonly status: "unrecoverable"; readonly reason: string }
  | { readonly status: "violated"; readonly violations: readonly string[]; readonly isOver: boolean }
  | { readonly status: "interrupted" };

/** How long a run that was stopped may take to end, and its handles to be closed. */
const stopMs = 5000;
const settleMs = 2000;

/** Runs a case once and looks at all that has to hold: of its end, its outputs, its stages, its faults, and what it leaves behind. */
export async function stressRun(given: StressCase, host: StressHost): Promise<StressResult> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  host.signal.addEventListener("abort", stop);
  try {
    const plan = await planOf(given, host, controller.signal);
    const before = activeResources();
    const running = host.engine(plan);
    const ended = await endOf(running, host.timeoutMs);
    if (host.signal.aborted) {
      await endOf(running, stopMs);
      return { status: "interrupted" };
    }
    if (ended.kind === "late") {
      controller.abort();
      const isOver = (await endOf(running, stopMs)).kind !== "late";
      const violation = `the run did not end within ${formatDuration(host.timeoutMs * 1e6)}${isOver ? "" : ", nor when it was stopped"}`;
      return { status: "violated", violations: [violation], isOver };
    }
    if (ended.kind === "failed") {
      // A machine that is too small is no fault of the run.
      if (ended.error instanceof InfeasibleError) throw ended.error;
      const text = ended.error instanceof Error ? ended.error.message : String(ended.error);
      const violations = [`the run failed: ${text}`];
      return { status: "violated", violations, isOver: true };
    }
    const violations = [
      ...runViolations(plan, ended.run, referenceChecksums(plan)),
      ...(await leftovers(before, controller.signal)),
    ];
    if (violations.length > 0) return { status: "violated", violations, isOver: true };
    const { unrecoverable } = ended.run;
    return unrecoverable === undefined ? { status: "ok" } : { status: "unrecoverable", reason: unrecoverable };
  } finally {
    host.signal.removeEventListener("abort", stop);
  }
}

async function planOf(given: StressCase, host: StressHost, signal: AbortSignal): Promise<PipelinePlan> {
  const settings = stressSettings(given, signal);
  const { stages, faults } = settings;
  const model = stages.kind === "kernels" ? await pipelineModel(stages, settings.seed) : undefined;
  const [point] = pointsOf(settings);
  if (point === undefined) throw new Error("a case has one run");
  const work = workOf(settings, point, model?.decode);
  // As the printed command line gives them to the pipeline.
  const parsed = faults === undefined ? [] : parseFaults(faults);
  checkFaults(parsed, divisionOf(work));
  return {
    ...{ work, signal, faults: parsed, network: settings.network, recovery: settings.recovery, seed: settings.seed },
    threadsPerInstance: settings.threadsPerInstance,
    kernels: stages.kind === "kernels" ? host.here.kernels : undefined,
    cores: host.cores,
    availableBytes: host.availableBytes,
    onProgress: () => {},
  };
}

type RunEnd =
  | { readonly kind: "ended"; readonly run: PipelineRun }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "late" };

function endOf(running: Promise<PipelineRun>, withinMs: number): Promise<RunEnd> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ kind: "late" }), withinMs);
    running.then(
      (run) => {
        clearTimeout(timer);
        resolve({ kind: "ended", run });
      },
      (error: unknown) => {
        clearTimeout(timer);
        resolve({ kind: "failed", error });
      },
    );
  });
}

/** Timers, ports and threads that keep the process alive, by name. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What a run has left behind that was not there before it; ports close a moment after their threads. */
async function leftovers(before: ReadonlyMap<string, number>, signal: AbortSignal): Promise<readonly string[]> {
  const listeners = getEventListeners(signal, "abort").length;
  const left = (): string[] =>
    [...activeResources()].flatMap(([name, count]) => {
      const more = count - (before.get(name) ?? 0);
      return more > 0 ? [`${more} ${name}`] : [];
    });
  const untilMs = performance.now() + settleMs;
  // Its timer must keep the process alive: what is left may be all that does, and go meanwhile.
  while (left().length > 0 && performance.now() < untilMs) await sleep(5);
  const names = left();
  return [
    ...(names.length === 0 ? [] : [`left behind: ${names.join(", ")}`]),
    ...(listeners === 0 ? [] : [`left behind: ${listeners} listeners of the signal`]),
  ];
}
