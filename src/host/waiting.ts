/** Polls before a thread sleeps: about 20 us, longer than a step of a balanced kernel keeps others waiting. */
const spins = 4000;

/** Returns once the word differs from `seen`: spins for a short while (not with more threads than cores), then sleeps. */
export function awaitChange(words: Int32Array<SharedArrayBuffer>, index: number, seen: number, maySpin: boolean): void {
  if (maySpin) {
    for (let spin = 0; spin < spins; spin++) if (Atomics.load(words, index) !== seen) return;
  }
  while (Atomics.load(words, index) === seen) Atomics.wait(words, index, seen);
}

/** Where a barrier keeps its two words: threads that have come, and how often it has opened. */
export interface BarrierWords {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly atBarrier: number;
  readonly generation: number;
}

/** Returns once all threads have come here. */
export function barrierWait({ words, atBarrier, generation }: BarrierWords, threads: number, maySpin: boolean): void {
  if (threads === 1) return;
  const seen = Atomics.load(words, generation);
  if (Atomics.add(words, atBarrier, 1) === threads - 1) {
    Atomics.store(words, atBarrier, 0);
    Atomics.add(words, generation, 1);
    Atomics.notify(words, generation);
  } else {
    awaitChange(words, generation, seen, maySpin);
  }
}
