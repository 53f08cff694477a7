import type { AnyDocument } from "../record/schemas.ts";
import type { Slice } from "../record/slice.ts";
import type { TimelineText } from "../report/figures/timelineFigure.ts";
import type { TraceInstances } from "../report/trace.ts";
import { InvalidInputError } from "../units/errors.ts";
import { emit, type Output, type OutputOptions, saveFigure } from "./output.ts";
import type { Terminal } from "./terminal.ts";
import { type Watch, watchedRun } from "./watchedRun.ts";

/** Options that take a run's pieces of time, as commander gives them. */
export interface SliceOptions extends OutputOptions {
  trace?: string;
}

/** What such a run hears, and tells. */
export interface SliceWatch extends Pick<Watch, "signal" | "onProgress"> {
  onSlice?(slice: Slice): void;
}

/** A run whose pieces of time may become a trace and a timeline. */
export interface SlicedRun<Outcome> {
  readonly instances: TraceInstances;
  /** What happens after the first Ctrl-C, such as `printing what is done`. */
  readonly ending: string;
  /** Its watch has no `onSlice` where nobody wants pieces of time. */
  run(watch: SliceWatch): Promise<Outcome>;
  /** Whether a piece goes into a trace. */
  isTraced(slice: Slice): boolean;
  /** Whether a piece is kept for a timeline. */
  isKept(slice: Slice): boolean;
  /** What is drawn of the kept pieces. */
  drawnOf(kept: readonly Slice[]): readonly Slice[];
  textOf(outcome: Outcome): TimelineText;
}

/**
 * Runs with progress, writes the trace meanwhile, prints the document and draws the timeline, as far as they were asked for. Where
 * the run fails, no part of a trace is left behind.
 * @throws InfeasibleError where a file cannot be written, and whatever the run throws
 */
export async function runSliced<Outcome extends { readonly document: AnyDocument }>(
  { instances, ending, run, isTraced, isKept, drawnOf, textOf }: SlicedRun<Outcome>,
  output: Output,
  options: SliceOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { trace: tracePath, svg } = options;
  const trace = tracePath === undefined ? undefined : await openedTrace(tracePath, instances);
  const kept: Slice[] = [];
  const onSlice = (slice: Slice): void => {
    if (isTraced(slice)) trace?.add(slice);
    if (svg !== undefined && isKept(slice)) kept.push(slice);
  };
  const wantsSlices = trace !== undefined || svg !== undefined;
  try {
    const outcome = await watchedRun(terminal, options, ending, (watch) =>
      run({ signal: watch.signal, onProgress: watch.onProgress, ...(wantsSlices ? { onSlice } : {}) }),
    );
    trace?.close();
    await emit(outcome.document, output, options, terminal);
    const drawn = drawnOf(kept);
    if (svg !== undefined && drawn.length > 0) {
      const { timelineFigure } = await import("../report/figures/timelineFigure.ts");
      await saveFigure(svg, timelineFigure(textOf(outcome), drawn));
    }
    return outcome;
  } catch (error) {
    trace?.discard();
    throw error;
  }
}

/**
 * Checks that a trace or a timeline, where one is asked for, is of one run.
 * @param value what there is instead
 * @throws InvalidInputError naming the option
 */
export function requireOneRun({ trace, svg }: SliceOptions, runs: number, value: string, expected: string): void {
  if (runs === 1 || (trace === undefined && svg === undefined)) return;
  throw new InvalidInputError({ field: trace === undefined ? "--svg" : "--trace", value, expected });
}

async function openedTrace(path: string, instances: TraceInstances) {
  const { openTrace } = await import("../report/files.ts");
  return openTrace(path, instances);
}
