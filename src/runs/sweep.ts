import { startTaskPool } from "../host/pool.ts";

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
