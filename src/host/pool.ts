import { Piscina } from "piscina";

/** Worker threads that each take one task and stay with it until it ends. */
export interface ResidentPool {
  readonly threads: number;
  /** Starts one task a thread; each promise settles when its task ends, dies or is aborted. */
  start(tasks: readonly unknown[], signal: AbortSignal): readonly Promise<unknown>[];
  /** Ends all threads at once, whatever they do. */
  destroy(): Promise<void>;
}

/** Starts `threads` worker threads that run the default export of a module (a file: URL). */
export function startResidentPool(moduleUrl: URL, threads: number): ResidentPool {
  const pool = new Piscina({
    filename: moduleUrl.href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    atomics: "disabled",
  });
  return {
    threads,
    start: (tasks, signal) => tasks.map((task) => pool.run(task, { signal })),
    destroy: () => pool.destroy(),
  };
}
