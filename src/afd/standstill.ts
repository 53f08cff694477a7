import { type Control, phase } from "./control.ts";
import type { Network } from "./network.ts";
import type { Work } from "./work.ts";

/** A run is given up when no stage has ended for this many times the watchdog's time and that of a stage and its messages. */
const patience = 60;

/** Notices that all instances live and none gets on: they wait for something that never comes. */
export class Standstill {
  readonly #control: Control;
  readonly #limitNs: number;
  #done = 0;
  #sinceNs = 0;

  constructor(control: Control, work: Work, network: Network, watchdogNs: number) {
    const stagesNs = work.kind === "emulated" ? work.emulated.attentionNs + work.emulated.ffnNs : 0;
    const messagesNs = 2 * ((network.stageNs ?? 0) + network.latencyNs + network.jitterNs);
    this.#control = control;
    this.#limitNs = patience * (watchdogNs + stagesNs + messagesNs);
  }

  /**
   * Looks once more.
   * @param passedNs since the look before
   * @returns for how long the run has stood still, where that is too long; undefined else
   */
  look(passedNs: number): number | undefined {
    const { words, instances } = this.#control;
    let done = 0;
    let isRunning = true;
    for (let instance = 0; instance < instances; instance++) {
      isRunning &&= Atomics.load(words, this.#control.word(instance, "phase")) !== phase.starting;
      done += this.#control.sentBy(instance);
    }
    this.#sinceNs = done === this.#done && isRunning ? this.#sinceNs + passedNs : 0;
    this.#done = done;
    return this.#sinceNs > this.#limitNs ? this.#sinceNs : undefined;
  }
}
