import type { Control } from "./control.ts";
import { type Fault, isMessageFault, type MessageFault, type SlowLinkFault } from "./faults.ts";

interface Indexed<Kind extends Fault> {
  readonly fault: Kind;
  readonly index: number;
}

/** What befalls the messages of one sender. Each fault strikes once, whoever is restarted. */
export class MessageFaults {
  readonly #control: Control;
  readonly #instance: number;
  readonly #peers: number;
  readonly #messages: ReadonlyMap<number, Indexed<MessageFault>>;
  readonly #slowLinks: readonly Indexed<SlowLinkFault>[];

  /**
   * @param instance the sender, counted over both sides
   * @param faults of the whole run, by index
   */
  constructor(control: Control, instance: number, faults: readonly Fault[]) {
    this.#control = control;
    this.#instance = instance;
    this.#peers = control.peersOf(instance);
    const { layers } = control.division;
    const messages = new Map<number, Indexed<MessageFault>>();
    const slowLinks: Indexed<SlowLinkFault>[] = [];
    for (const [index, fault] of faults.entries()) {
      if (isMessageFault(fault) && this.#isOwn(fault.from)) {
        const { step, layer, microBatch } = fault.place;
        messages.set(this.#key(fault.to, microBatch, step * layers + layer + 1), { fault, index });
      } else if (fault.kind === "slowLink" && this.#isOwn(fault.from)) slowLinks.push({ fault, index });
    }
    this.#messages = messages;
    this.#slowLinks = slowLinks;
  }

  /** How much later a message comes on links that are slow in its step. */
  delayNs(peer: number, number: number): number {
    const step = Math.floor((number - 1) / this.#control.division.layers);
    let delayNs = 0;
    for (const { fault, index } of this.#slowLinks) {
      if (fault.to !== peer || step < fault.firstStep || step > fault.lastStep) continue;
      this.#fire(index);
      delayNs += fault.delayNs;
    }
    return delayNs;
  }

  /** The fault that strikes a message now; undefined: none, or it has struck before. */
  strike(peer: number, microBatch: number, number: number): MessageFault | undefined {
    const found = this.#messages.get(this.#key(peer, microBatch, number));
    return found !== undefined && this.#fire(found.index) ? found.fault : undefined;
  }

  /** Marks a fault as happened; false where it already had. */
  #fire(index: number): boolean {
    return Atomics.exchange(this.#control.words, this.#control.firedWord(index), 1) === 0;
  }

  #isOwn({ side, instance }: MessageFault["from"]): boolean {
    const isAttention = this.#instance < this.#control.division.attentionInstances;
    return (side === "attention") === isAttention && instance === this.#control.ownPlace(this.#instance);
  }

  #key(peer: number, microBatch: number, number: number): number {
    return (number * this.#control.division.microBatches.length + microBatch) * this.#peers + peer;
  }
}
