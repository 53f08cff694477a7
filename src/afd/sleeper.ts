import type { SharedClock } from "../host/sharedClock.ts";

/** How far a sleep with a time-out is late, to begin with; measured from then on. */
const firstOvershootNs = 60_000;
/** Weight of the newest measurement. */
const newestShare = 1 / 16;
/** A core that is not shared is held this much before the moment, so that the moment is met. */
const heldNs = 60_000;
/** So much is polled where cores are shared: below it a sleep costs more. */
const leastSleepNs = 10_000;

/**
 * Sleeps that end close to a moment: timers are late, by how much is measured, so a thread with a core of its own wakes a little
 * early and polls the rest. Threads that share cores sleep to the end, late as timers are: polling would take the core from others,
 * which would be later for it, and stages are chained on moments, not on wake-ups.
 */
export class Sleeper {
  readonly #clock: SharedClock;
  readonly #maySpin: boolean;
  #overshootNs = firstOvershootNs;

  constructor(clock: SharedClock, maySpin: boolean) {
    this.#clock = clock;
    this.#maySpin = maySpin;
  }

  /** Sleeps on a word that differs from `seen` when it is rung, until a moment (or Infinity), at most `sliceNs`. */
  sleep(words: Int32Array<SharedArrayBuffer>, index: number, seen: number, untilNs: number, sliceNs: number): void {
    const nowNs = this.#clock();
    const restNs = untilNs - nowNs;
    const earlyNs = this.#maySpin ? this.#overshootNs + heldNs : leastSleepNs;
    if (restNs <= earlyNs) {
      while (this.#clock() < untilNs) if (Atomics.load(words, index) !== seen) return;
      return;
    }
    const asleepNs = Math.min(this.#maySpin ? restNs - earlyNs : restNs, sliceNs);
    if (Atomics.wait(words, index, seen, asleepNs / 1e6) !== "timed-out") return;
    const overshootNs = Math.min(1e6, this.#clock() - nowNs - asleepNs);
    this.#overshootNs += (overshootNs - this.#overshootNs) * newestShare;
  }
}
