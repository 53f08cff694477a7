import { formatFaults } from "../afd/faultSpec.ts";
import { runPipeline } from "../afd/pipeline.ts";
import { readEnvironment } from "../host/environment.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { StressDocument } from "../record/schemas.ts";
import type { StressRow } from "../record/stressRows.ts";
import { InvalidInputError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import { recordEnvironment } from "./environment.ts";
import { kernelsHere } from "./kernelsHere.ts";
import { MemoryTrend } from "./memoryTrend.ts";
import type { ProgressEvent } from "./settings.ts";
import { shrinkCase } from "./shrinkCase.ts";
import { type StressCase, stressCase } from "./stressCase.ts";
import { pipelineCommand, stressCommand } from "./stressCommand.ts";
import { type StressEngine, type StressHost, type StressResult, stressRun } from "./stressRun.ts";

/** How long `stress` goes on. */
export type StressLength =
  | { readonly kind: "runs"; readonly runs: number }
  | { readonly kind: "time"; readonly durationNs: number };

/** What `stress` runs: one run for each seed from the first on. */
export interface StressSettings {
  readonly length: StressLength;
  readonly seed: number;
  /** A run that has not ended after so long never will. */
  readonly timeoutNs: number;
  readonly signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
  /** What carries runs out; the pipeline where left out. */
  readonly engine?: StressEngine;
}

/** What `stress` left. */
export interface StressOutcome {
  readonly document: StressDocument;
  readonly interrupted: boolean;
  /** Whether something did not hold. */
  readonly failed: boolean;
}

const shrinkMs = 60_000;
const shrinkTries = 4;
/** A candidate that hangs need not be waited for as long as a seed. */
const shrinkTimeoutMs = 15_000;
const seeds = 2 ** 32;

/**
 * Runs random configurations with random faults, one seed after the other, checks after each what has to hold, and shrinks those in
 * which something does not.
 */
export async function stress(settings: StressSettings): Promise<StressOutcome> {
  const { length, signal } = settings;
  const host = await hostOf(settings);
  const memory = new MemoryTrend();
  const rows: StressRow[] = [];
  const beganMs = performance.now();
  const spentNs = (): number => (performance.now() - beganMs) * 1e6;
  const isOver = (): boolean =>
    signal.aborted || (length.kind === "runs" ? rows.length >= length.runs : spentNs() >= length.durationNs);
  let canGoOn = true;
  while (canGoOn && !isOver()) {
    const seed = (settings.seed + rows.length) % seeds;
    const given = stressCase(seed);
    const runBeganMs = performance.now();
    const result = await stressRun(given, host);
    if (result.status === "interrupted") break;
    const row = rowOf(given, result, (performance.now() - runBeganMs) * 1e6);
    canGoOn = result.status !== "violated" || result.isOver;
    const shrunk = result.status === "violated" && canGoOn ? await shrunkCommand(given, host) : undefined;
    rows.push(shrunk === undefined ? row : { ...row, shrunk });
    memory.look(rows.length);
    settings.onProgress(progressOf(row, rows.length, length, spentNs()));
  }
  return outcomeOf(rows, memory, canGoOn, host, signal.aborted);
}

async function hostOf({ engine = runPipeline, timeoutNs, signal }: StressSettings): Promise<StressHost> {
  const { cpuCores: cores, availableMemoryBytes: availableBytes } = readEnvironment();
  return { engine, here: await kernelsHere(undefined), cores, availableBytes, timeoutMs: timeoutNs / 1e6, signal };
}

type EndedResult = Exclude<StressResult, { status: "interrupted" }>;

function rowOf(given: StressCase, result: EndedResult, runNs: number): StressRow {
  const { attentionInstances, ffnInstances, sizes, steps, threadsPerInstance, stages, faults, seed } = given;
  const reason = reasonOf(result);
  return {
    kind: "measured",
    seed,
    deployment: `${attentionInstances}A${ffnInstances}F`,
    ...{ attentionInstances, ffnInstances, microBatches: sizes.length, steps, threadsPerInstance },
    emulated: stages.kind === "emulated",
    faults: faults.length === 0 ? "none" : formatFaults(faults),
    faultsInjected: faults.length,
    status: result.status,
    ...(reason === undefined ? {} : { statusReason: reason }),
    runNs: Math.round(runNs),
    replay: stressCommand(seed),
  };
}

function reasonOf(result: EndedResult): string | undefined {
  switch (result.status) {
    case "ok":
      return undefined;
    case "unrecoverable":
      return result.reason;
    case "violated":
      return result.violations.join("; ");
  }
}

/** The command line of the smallest case found that is violated too. */
async function shrunkCommand(given: StressCase, host: StressHost): Promise<string> {
  const untilMs = performance.now() + shrinkMs;
  let canGoOn = true;
  const isViolated = async (candidate: StressCase): Promise<boolean> => {
    try {
      const result = await stressRun(candidate, { ...host, timeoutMs: Math.min(host.timeoutMs, shrinkTimeoutMs) });
      if (result.status === "violated") canGoOn = result.isOver;
      return result.status === "violated";
    } catch (error) {
      // A smaller number of instances may not be able to divide the model.
      if (error instanceof InvalidInputError) return false;
      throw error;
    }
  };
  const isOver = (): boolean => !canGoOn || host.signal.aborted || performance.now() > untilMs;
  return pipelineCommand(await shrinkCase(given, { isViolated, tries: shrinkTries, isOver }));
}

function progressOf(row: StressRow, done: number, length: StressLength, spentNs: number): ProgressEvent {
  const total = length.kind === "runs" ? length.runs : Math.max(done, Math.round((done * length.durationNs) / spentNs));
  const what = row.status === "ok" ? "ok" : `${row.status}: ${row.statusReason}`;
  return { done, total, text: `seed ${row.seed}, ${row.deployment}, faults ${row.faults}: ${what}` };
}

function outcomeOf(
  rows: readonly StressRow[],
  memory: MemoryTrend,
  canGoOn: boolean,
  { here }: StressHost,
  interrupted: boolean,
): StressOutcome {
  const violated = rows.filter(({ status }) => status === "violated").length;
  const unrecoverable = rows.filter(({ status }) => status === "unrecoverable").length;
  const faults = rows.reduce((sum, { faultsInjected }) => sum + faultsInjected, 0);
  const { growth, isRising } = memory;
  const memoryText =
    growth === undefined
      ? []
      : [
          `Over ${growth.runs} runs the heap changed by ${bytesText(growth.heapBytes)}, all memory by ${bytesText(growth.residentBytes)}${isRising ? ", which is more than runs may leave" : ""}.`,
        ];
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "stress",
      environment: recordEnvironment(here.target),
      rows: [...rows],
      notes: [
        `${rows.length} runs with ${faults} faults: ${rows.length - violated - unrecoverable} as without faults, ${unrecoverable} given up as their faults justify, ${violated} violated.`,
        ...memoryText,
        ...here.notices,
        ...(canGoOn ? [] : ["Ended early: a run could not be stopped."]),
        ...(interrupted ? ["Interrupted: seeds that were not run have no row."] : []),
      ],
    },
    interrupted,
    failed: violated > 0 || isRising,
  };
}

function bytesText(bytes: number): string {
  return `${bytes < 0 ? "-" : "+"}${formatBytes(Math.abs(bytes))}`;
}
