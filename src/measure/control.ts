/**
 * The words that the main thread and the kernel threads share.
 *
 * Int32: job number (raised to start a job, negative to end), job done, calls of a job, threads at the barrier, barrier generation.
 * Float64 from byte 64: nanoseconds of each segment of the last job.
 */
export const word = { job: 0, done: 1, calls: 2, atBarrier: 3, generation: 4 } as const;
export const maxSegments = 4;
const timesOffsetBytes = 64;

export function createControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(timesOffsetBytes + maxSegments * 8);
}

export function controlWords(control: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  return new Int32Array(control, 0, timesOffsetBytes / 4);
}

export function segmentTimes(control: SharedArrayBuffer): Float64Array<SharedArrayBuffer> {
  return new Float64Array(control, timesOffsetBytes, maxSegments);
}

/** Polls before a thread sleeps: about 20 us, longer than a step of a balanced kernel keeps others waiting. */
const spins = 4000;

/** Returns once the word differs from `seen`: spins for a short while (not with more threads than cores), then sleeps. */
export function awaitChange(words: Int32Array<SharedArrayBuffer>, index: number, seen: number, maySpin: boolean): void {
  if (maySpin) {
    for (let spin = 0; spin < spins; spin++) if (Atomics.load(words, index) !== seen) return;
  }
  while (Atomics.load(words, index) === seen) Atomics.wait(words, index, seen);
}

/** Returns once all threads have come here. */
export function barrierWait(words: Int32Array<SharedArrayBuffer>, threads: number, maySpin: boolean): void {
  if (threads === 1) return;
  const generation = Atomics.load(words, word.generation);
  if (Atomics.add(words, word.atBarrier, 1) === threads - 1) {
    Atomics.store(words, word.atBarrier, 0);
    Atomics.add(words, word.generation, 1);
    Atomics.notify(words, word.generation);
  } else {
    awaitChange(words, word.generation, generation, maySpin);
  }
}
