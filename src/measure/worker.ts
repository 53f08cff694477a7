import { awaitChange, type BarrierWords, barrierWait } from "../host/waiting.ts";
import { kernelFunction } from "../kernels/exports.ts";
import { instantiateKernels, type KernelModule } from "../kernels/load.ts";
import type { Step } from "../kernels/program.ts";
import { controlWords, meetingPlace, segmentTimes, word } from "./control.ts";

/** What a kernel thread is given: module, memory and control are shared, the steps are its own. */
export interface KernelThread {
  readonly module: KernelModule;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly rank: number;
  readonly threads: number;
  readonly maySpin: boolean;
  readonly steps: readonly Step[];
}

/**
 * The resident loop of one kernel thread: waits for a job, meets the others, runs its steps as often as the job says, meets the
 * others again; thread 0 writes the time between the two meetings, by segment.
 */
export default function runKernelThread(thread: KernelThread): void {
  const { rank, threads, maySpin } = thread;
  const words = controlWords(thread.control);
  const times = segmentTimes(thread.control);
  const meeting = meetingPlace(words);
  const run = bindSteps(thread, meeting, times);
  let job = 0;
  for (;;) {
    awaitChange(words, word.job, job, maySpin);
    job = Atomics.load(words, word.job);
    if (job < 0) return;
    const calls = Atomics.load(words, word.calls);
    barrierWait(meeting, threads, maySpin);
    if (rank === 0) times.fill(0);
    for (let index = 0; index < calls; index++) run();
    if (rank !== 0) continue;
    for (let index = 0; index < times.length; index++) times[index] = (times[index] as number) / calls;
    Atomics.store(words, word.done, job);
    Atomics.notify(words, word.done);
  }
}

/** One call: all steps, with a barrier at the end so that it is over for every thread. */
function bindSteps(thread: KernelThread, meeting: BarrierWords, times: Float64Array): () => void {
  const exports = instantiateKernels(thread.module, thread.memory);
  const wait = (): void => barrierWait(meeting, thread.threads, thread.maySpin);
  const timed = thread.steps.filter((step) => step.kind !== "term");
  const bound = timed.map((step) => {
    if (step.kind === "call") {
      const kernel = kernelFunction(exports, step.name);
      const { args } = step;
      return () => void kernel(...args);
    }
    return step.kind === "barrier" ? wait : step.segment;
  });
  return () => {
    let segment = 0;
    let began = performance.now();
    for (const step of bound) {
      if (typeof step === "function") {
        step();
        continue;
      }
      const now = performance.now();
      times[segment] = (times[segment] as number) + (now - began) * 1e6;
      segment = step;
      began = now;
    }
    wait();
    if (thread.rank === 0) times[segment] = (times[segment] as number) + (performance.now() - began) * 1e6;
  };
}
