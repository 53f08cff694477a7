import { availableParallelism } from "node:os";
import type { ProgressEvent } from "./settings.ts";

/** Tasks to be worked on, on this thread or on several. */
export interface Sweep<Task, Result> {
  /** Plain data. */
  readonly tasks: readonly Task[];
  /** Module whose default export gives a task's result. */
  readonly workerUrl: URL;
  readonly threads: number;
  /** Ends the sweep; results that are there are kept. */
  readonly signal: AbortSignal;
  /** The same on this thread. */
  readonly here: (task: Task) => Result | Promise<Result>;
  readonly onDone: (index: number) => void;
}

/** Results in the order of the tasks, whatever the threads; undefined where the signal came first. */
export function sweep<Task, Result>(work: Sweep<Task, Result>): Promise<readonly (Result | undefined)[]> {
  return work.threads <= 1 ? sweepHere(work) : sweepOnThreads(work);
}

async function sweepHere<Task, Result>({
  tasks,
  signal,
  here,
  onDone,
}: Sweep<Task, Result>): Promise<readonly (Result | undefined)[]> {
  const results: (Result | undefined)[] = new Array(tasks.length).fill(undefined);
  for (const [index, task] of tasks.entries()) {
    if (signal.aborted) break;
    results[index] = await here(task);
    onDone(index);
  }
  return results;
}

async function sweepOnThreads<Task, Result>({
  tasks,
  workerUrl,
  threads,
  signal,
  onDone,
}: Sweep<Task, Result>): Promise<readonly (Result | undefined)[]> {
  // A single point needs no pool, and its library takes a while to load.
  const { startTaskPool } = await import("../host/pool.ts");
  const pool = startTaskPool(workerUrl, threads);
  try {
    return await Promise.all(
      tasks.map(async (task, index) => {
        try {
          const result = (await pool.run(task, signal)) as Result;
          onDone(index);
          return result;
        } catch (error) {
          if (signal.aborted) return undefined;
          throw error;
        }
      }),
    );
  } finally {
    await pool.destroy();
  }
}

/**
 * Threads for so many tasks: those asked for, else this machine's, each with tasks enough to be worth its start.
 * @param tasksPerThread that take about as long as starting a thread
 */
export function threadsFor(tasks: number, asked: number | undefined, tasksPerThread: number): number {
  return Math.min(tasks, asked ?? Math.min(availableParallelism(), Math.ceil(tasks / tasksPerThread)));
}

/** A shorter run says nothing while it runs. */
const PROGRESS_EVERY_MS = 1000;

/** Tells how far a sweep is, now and then. */
export interface SweepProgress {
  /** Counts a task as done. */
  done(text: string): void;
  /** Says what a task is at. */
  at(text: string): void;
}

/** Progress of so many tasks, told no more often than every second. */
export function sweepProgress(total: number, onProgress: (event: ProgressEvent) => void): SweepProgress {
  let done = 0;
  let shown = performance.now();
  const at = (text: string): void => {
    const now = performance.now();
    if (now - shown < PROGRESS_EVERY_MS) return;
    shown = now;
    onProgress({ text, done, total });
  };
  return {
    at,
    done(text) {
      done += 1;
      if (done < total) at(text);
    },
  };
}
