import { type Control, instanceIndex } from "./control.ts";
import { crashNow } from "./crash.ts";
import { type CrashFault, type Fault, isCrash, type SlowFault } from "./faults.ts";
import type { StagePlace } from "./stages.ts";

interface Indexed<Kind extends Fault> {
  readonly fault: Kind;
  readonly index: number;
}

/** What befalls an instance's own work. A crash strikes once, whoever is restarted. */
export class InstanceFaults {
  readonly #control: Control;
  readonly #neverWord: number;
  readonly #crashes: readonly Indexed<CrashFault>[];
  readonly #slow: readonly Indexed<SlowFault>[];

  /** @param faults of the whole run, by index */
  constructor(control: Control, side: CrashFault["at"]["side"], instance: number, faults: readonly Fault[]) {
    const crashes: Indexed<CrashFault>[] = [];
    const slow: Indexed<SlowFault>[] = [];
    for (const [index, fault] of faults.entries()) {
      if (!isCrash(fault) && fault.kind !== "slow") continue;
      if (fault.at.side !== side || fault.at.instance !== instance) continue;
      if (fault.kind === "slow") slow.push({ fault, index });
      else crashes.push({ fault, index });
    }
    this.#control = control;
    this.#neverWord = control.word(instanceIndex(control.division, side, instance), "never");
    this.#crashes = crashes;
    this.#slow = slow;
  }

  /** Brings the worker down where a fault says so. */
  crash({ step, layer, microBatch }: StagePlace): void {
    const { words } = this.#control;
    for (const { fault, index } of this.#crashes) {
      const { place } = fault;
      if (place.step !== step || place.layer !== layer || place.microBatch !== microBatch) continue;
      if (Atomics.exchange(words, this.#control.firedWord(index), 1) === 0)
        crashNow(fault.kind, words, this.#neverWord);
    }
  }

  /** How many times as long a stage of a step takes. */
  slowdown(step: number): number {
    let factor = 1;
    for (const { fault, index } of this.#slow) {
      if (step < fault.firstStep || step > fault.lastStep) continue;
      Atomics.store(this.#control.words, this.#control.firedWord(index), 1);
      factor *= fault.factor;
    }
    return factor;
  }
}
