import { type Control, phase } from "./control.ts";

/** Instances begin with weights and caches to make: this many times the watchdog's time. */
const startingPatience = 20;
/** Without faults nothing is expected to hang, and a stage of a large model may take long: this many times. */
const faultlessPatience = 30;

/** Notices instances that show no sign of life. */
export class Watchdog {
  readonly #control: Control;
  readonly #watchdogNs: number;
  readonly #runningPatience: number;
  readonly #heartbeats: Int32Array;
  /** For how long each has shown none, as far as the driver could look. */
  readonly #silentNs: Float64Array;

  /** @param expects whether instances may hang, which faults make them do */
  constructor(control: Control, watchdogNs: number, expects: "faults" | "none") {
    this.#control = control;
    this.#watchdogNs = watchdogNs;
    this.#runningPatience = expects === "faults" ? 1 : faultlessPatience;
    this.#heartbeats = new Int32Array(control.instances);
    this.#silentNs = new Float64Array(control.instances);
  }

  /** An instance begins, or begins anew. */
  begin(index: number): void {
    this.#silentNs[index] = 0;
  }

  /**
   * Looks after an instance that has not ended.
   * @param passedNs since the look before
   * @returns for how long it was waited, where it has shown no sign of life since; undefined else
   */
  look(index: number, passedNs: number): number | undefined {
    const { words } = this.#control;
    const heartbeat = Atomics.load(words, this.#control.word(index, "heartbeat"));
    const at = Atomics.load(words, this.#control.word(index, "phase"));
    const isAlive = heartbeat !== this.#heartbeats[index] || at === phase.done;
    this.#heartbeats[index] = heartbeat;
    const silentNs = isAlive ? 0 : (this.#silentNs[index] as number) + passedNs;
    const patienceNs = this.#watchdogNs * (at === phase.running ? this.#runningPatience : startingPatience);
    const isSilent = silentNs > patienceNs;
    this.#silentNs[index] = isSilent ? 0 : silentNs;
    return isSilent ? patienceNs : undefined;
  }
}
