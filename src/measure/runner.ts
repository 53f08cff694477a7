import type { ResidentPool } from "../host/pool.ts";
import { workerModule } from "../host/workerModule.ts";
import type { KernelModule } from "../kernels/load.ts";
import type { Step } from "../kernels/program.ts";
import { controlWords, createControl, maxSegments, segmentTimes, word } from "./control.ts";
import type { KernelThread } from "./worker.ts";

/** A program on its threads, ready to run again and again. */
export interface Runner {
  /** Runs the program `calls` times and gives the mean nanoseconds of each segment. */
  run(calls: number): Promise<readonly number[]>;
  /** Lets the threads go. */
  stop(): Promise<void>;
}

/** The module that kernel threads run; beside this file, as source or as built. */
export const workerUrl = workerModule(import.meta.url, "worker");

/** A call that takes longer than this is given up. */
const callLimitMs = 120_000;

export class TimedOutError extends Error {
  override name = "TimedOutError";
}

/**
 * Puts one program a thread on the pool's workers over a shared memory.
 *
 * The main thread sleeps in its event loop meanwhile: it hears of Ctrl-C and of a thread that dies.
 */
export function startRunner(
  pool: ResidentPool,
  module: KernelModule,
  memory: WebAssembly.Memory,
  programs: readonly (readonly Step[])[],
  cores: number,
  signal: AbortSignal,
): Runner {
  const control = createControl();
  const words = controlWords(control);
  const times = segmentTimes(control);
  const threads = programs.length;
  const stop = new AbortController();
  const tasks = programs.map(
    (steps, rank): KernelThread => ({ module, memory, control, rank, threads, maySpin: threads <= cores, steps }),
  );
  const residents = pool.start(tasks, AbortSignal.any([stop.signal, signal]));
  const ended = Promise.race(residents);
  ended.catch(() => {});
  for (const resident of residents) resident.catch(() => {});
  return {
    async run(calls) {
      const job = Atomics.load(words, word.job) + 1;
      Atomics.store(words, word.calls, calls);
      Atomics.store(words, word.job, job);
      Atomics.notify(words, word.job);
      await Promise.race([
        untilDone(words, job),
        ended.then(() => Promise.reject(new Error("a kernel thread ended too early"))),
      ]);
      return Array.from(times).slice(0, maxSegments);
    },
    async stop() {
      Atomics.store(words, word.job, -1);
      Atomics.notify(words, word.job);
      const all = Promise.allSettled(residents);
      const timer = setTimeout(() => stop.abort(), 500);
      await all;
      clearTimeout(timer);
    },
  };
}

async function untilDone(words: Int32Array<SharedArrayBuffer>, job: number): Promise<void> {
  for (let seen = Atomics.load(words, word.done); seen !== job; seen = Atomics.load(words, word.done)) {
    const waiting = Atomics.waitAsync(words, word.done, seen, callLimitMs);
    if (waiting.async && (await waiting.value) === "timed-out") {
      throw new TimedOutError(`a call took longer than ${callLimitMs / 1000} s`);
    }
  }
}
