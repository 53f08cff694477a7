import { Piscina } from "piscina";

/** Worker threads that each take one task and stay with it until it ends. */
export interface ResidentPool {
  readonly threads: number;
  /**
   * Starts a task on a free thread; the promise settles when the task ends, dies or is aborted. Where that took the thread down, it
   * has ended by then: nothing of it writes into shared memory any more.
   */
  run(task: unknown, signal: AbortSignal): Promise<unknown>;
  /** Starts one task a thread. */
  start(tasks: readonly unknown[], signal: AbortSignal): readonly Promise<unknown>[];
  /** Ends all threads at once, whatever they do. */
  destroy(): Promise<void>;
}

/** What a pool may take. */
export interface PoolLimits {
  /** JavaScript heap of each thread; shared memories are no part of it. */
  readonly heapMebibytes?: number;
}

/** Starts `threads` worker threads that run the default export of a module (a file: URL). A thread that dies is replaced. */
export function startResidentPool(moduleUrl: URL, threads: number, { heapMebibytes }: PoolLimits = {}): ResidentPool {
  const pool = new Piscina({
    filename: moduleUrl.href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: "disabled",
    ...(heapMebibytes === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMebibytes } }),
  });
  // A thread may die of its task after the task was aborted; nobody waits for that any more.
  pool.on("error", () => {});
  const exits = new Map<(typeof pool.threads)[number], Promise<void>>();
  const note = (): void => {
    for (const thread of pool.threads) {
      if (exits.has(thread)) continue;
      const exit = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
      exits.set(thread, exit);
      void exit.then(() => exits.delete(thread));
    }
  };
  pool.on("workerCreate", note);
  const run = async (task: unknown, signal: AbortSignal): Promise<unknown> => {
    note();
    try {
      return await pool.run(task, { signal });
    } catch (error) {
      await Promise.all([...exits].filter(([thread]) => !pool.threads.includes(thread)).map(([, exit]) => exit));
      throw error;
    }
  };
  return {
    threads,
    run,
    start: (tasks, signal) => tasks.map((task) => run(task, signal)),
    destroy: () => pool.destroy(),
  };
}

/** Worker threads that take tasks as they come. */
export interface TaskPool {
  /** Gives what the module's default export makes of a task; an abort ends the thread at work. */
  run(task: unknown, signal: AbortSignal): Promise<unknown>;
  /** Ends all threads at once, whatever they do. */
  destroy(): Promise<void>;
}

/** Starts a pool of `threads` worker threads that run the default export of a module (a file: URL), task after task. */
export function startTaskPool(moduleUrl: URL, threads: number): TaskPool {
  const pool = new Piscina({ filename: moduleUrl.href, minThreads: threads, maxThreads: threads, atomics: "disabled" });
  return {
    run: (task, signal) => pool.run(task, { signal }),
    destroy: () => pool.destroy(),
  };
}
