import { crc32 } from "node:zlib";
import type { SharedClock } from "../host/sharedClock.ts";
import type { Control } from "./control.ts";
import type { Fault } from "./faults.ts";
import { isCarried, type MessagePart, messageBytes } from "./message.ts";
import { MessageFaults } from "./messageFaults.ts";
import { isImmediate, type Links, type Network, occupiedNs } from "./network.ts";

/** What both directions of an instance's wire need. */
export interface WireOptions {
  readonly control: Control;
  /** Counted over both sides. */
  readonly instance: number;
  readonly clock: SharedClock;
  readonly network: Network;
  readonly isMoe: readonly boolean[];
  /** Faults of the whole run, by index; empty: no message is checked and none is asked for again. */
  readonly faults: readonly Fault[];
}

export interface OutboxOptions extends WireOptions {
  /** Parts of messages to each peer, [peer][micro-batch]. */
  readonly outgoing: readonly (readonly (readonly MessagePart[])[])[];
}

/** A message that is held back until the next one has gone. */
interface Held {
  readonly peer: number;
  readonly microBatch: number;
  readonly number: number;
  readonly untilNs: number;
}

const reorderNs = 1e6;

/** What an instance sends: its messages' way into the peers' memories, and once more where they are missed. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #control: Control;
  readonly #instance: number;
  readonly #peers: number;
  /** The instance's place among its peers' peers. */
  readonly #place: number;
  readonly #layers: number;
  readonly #links: Links;
  /** Whether what is sent can be used as soon as it is written. */
  readonly isImmediate: boolean;
  /** How long a message to all peers keeps the link busy, by whether it carries expert choices, [micro-batch]. */
  readonly #busyNs: Readonly<Record<"moe" | "dense", Float64Array>>;
  readonly #checks: boolean;
  readonly #faults: MessageFaults;
  readonly #held: Held[] = [];
  #resendsSeen = 0;
  /** When the message at hand is pushed. */
  #nowNs = 0;
  /** Number of the message that each micro-batch's rows at hand are; 0: they are being made. */
  readonly #ready: Int32Array;

  /** @param links those of the instance, which what it receives takes, too */
  constructor(options: OutboxOptions, links: Links) {
    const { control, instance, network, faults, outgoing } = options;
    const microBatches = control.division.microBatches.length;
    this.#options = options;
    this.#control = control;
    this.#instance = instance;
    this.#peers = control.peersOf(instance);
    this.#place = control.ownPlace(instance);
    this.#layers = control.division.layers;
    this.#links = links;
    this.isImmediate = isImmediate(network) && !faults.some(({ kind }) => kind === "delay" || kind === "slowLink");
    this.#busyNs = {
      moe: busyNs(network, outgoing, microBatches, "moe"),
      dense: busyNs(network, outgoing, microBatches, "dense"),
    };
    this.#checks = faults.length > 0;
    this.#faults = new MessageFaults(control, instance, faults);
    this.#ready = new Int32Array(microBatches);
  }

  /** Whether peers have asked for messages since `serve` was last called. */
  get isAsked(): boolean {
    return Atomics.load(this.#control.words, this.#control.word(this.#instance, "resendCount")) !== this.#resendsSeen;
  }

  /** Sends what peers miss and what was held back long enough. */
  serve(): void {
    const resends = Atomics.load(this.#control.words, this.#control.word(this.#instance, "resendCount"));
    if (resends !== this.#resendsSeen) {
      this.#resendsSeen = resends;
      this.#resend();
    }
    if (this.#held.length > 0 && this.#options.clock() >= (this.#held[0] as Held).untilNs) this.#release();
  }

  /** Says that a micro-batch's rows are about to be made anew: what peers miss of the message before can't be sent again. */
  beginRows(microBatch: number): void {
    this.#ready[microBatch] = 0;
  }

  /**
   * Sends the message of a micro-batch to all peers.
   * @param readyNs when it was ready: now, or a moment shortly before, on an emulated stage's own clock
   * @param nowNs now, as the receiver notes it: the caller has just read the clock
   */
  push(microBatch: number, number: number, readyNs: number, nowNs: number): void {
    this.#nowNs = nowNs;
    this.#ready[microBatch] = number;
    this.#control.words[this.#control.sentWord(this.#instance, microBatch)] = number;
    const { network, outgoing } = this.#options;
    if (this.isImmediate) {
      for (let peer = 0; peer < this.#peers; peer++) this.#send(peer, microBatch, number, readyNs, readyNs);
    } else if (network.linkUse === "pair") {
      const isMoe = this.#isMoe(number);
      for (let peer = 0; peer < this.#peers; peer++) {
        const startNs = this.#links.beginSend(readyNs, peer);
        const parts = partsOf(outgoing[peer], microBatch);
        const endNs = startNs + occupiedNs(network, messageBytes(parts, isMoe));
        this.#links.endSend(endNs, peer);
        this.#send(peer, microBatch, number, startNs, endNs);
      }
    } else {
      const startNs = this.#links.beginSend(readyNs, 0);
      const endNs = startNs + this.#sendNs(microBatch, number);
      this.#links.endSend(endNs, 0);
      for (let peer = 0; peer < this.#peers; peer++) this.#send(peer, microBatch, number, startNs, endNs);
    }
    if (this.#held.length > 0) this.#release();
  }

  /** How long a micro-batch's message to all peers keeps this instance's link busy. */
  #sendNs(microBatch: number, number: number): number {
    return this.#busyNs[this.#isMoe(number) ? "moe" : "dense"][microBatch] as number;
  }

  /** One message on its way, with what befalls it. */
  #send(peer: number, microBatch: number, number: number, startNs: number, endNs: number): void {
    if (!this.#checks) {
      this.#write(peer, microBatch, number, startNs, endNs, "whole");
      return;
    }
    const arrivesNs = endNs + this.#faults.delayNs(peer, number);
    const fault = this.#faults.strike(peer, microBatch, number);
    switch (fault?.kind) {
      case undefined:
        this.#deliver(peer, microBatch, number, startNs, arrivesNs);
        return;
      case "drop":
        return;
      case "delay":
        this.#deliver(peer, microBatch, number, startNs, arrivesNs + fault.delayNs);
        return;
      case "reorder":
        this.#held.push({ peer, microBatch, number, untilNs: this.#options.clock() + reorderNs });
        return;
      case "corrupt":
        this.#deliver(peer, microBatch, number, startNs, arrivesNs, "damaged");
        return;
      case "duplicate":
        this.#deliver(peer, microBatch, number, startNs, arrivesNs);
        this.#deliver(peer, microBatch, number, startNs, arrivesNs);
    }
  }

  /** The transfer: taken once by its number, and not by a memory that is not there. */
  #deliver(
    peer: number,
    microBatch: number,
    number: number,
    startNs: number,
    endNs: number,
    state: "whole" | "damaged" = "whole",
  ): void {
    const control = this.#control;
    const isWriting = control.word(this.#instance, "isWriting");
    Atomics.store(control.words, isWriting, 1);
    const isClosed = control.word(control.peerIndex(this.#instance, peer), "isClosed");
    if (Atomics.load(control.words, isClosed) === 0) this.#write(peer, microBatch, number, startNs, endNs, state);
    Atomics.store(control.words, isWriting, 0);
  }

  #write(
    peer: number,
    microBatch: number,
    number: number,
    startNs: number,
    endNs: number,
    state: "whole" | "damaged",
  ): void {
    const control = this.#control;
    const { words, times } = control;
    const receiver = control.peerIndex(this.#instance, peer);
    const numberWord = control.numberWord(receiver, microBatch, this.#place);
    if (Atomics.load(words, numberWord) >= number) {
      Atomics.add(words, control.word(receiver, "duplicates"), 1);
      return;
    }
    const at = control.timesAt(receiver, microBatch, this.#place);
    times[at] = this.#nowNs;
    times[at + 1] = startNs;
    times[at + 2] = endNs;
    const isMoe = this.#isMoe(number);
    let sum = 0;
    for (const part of partsOf(this.#options.outgoing[peer], microBatch)) {
      if (!isCarried(part, isMoe)) continue;
      part.target.set(part.source);
      if (this.#checks) sum = crc32(part.source, sum);
    }
    if (this.#checks) words[control.checksumWord(receiver, microBatch, this.#place)] = sum;
    if (state === "damaged") this.#damage(peer, microBatch);
    Atomics.store(words, numberWord, number);
    // Of several senders the last wakes the receiver; the count is a hint, what it finds are the numbers.
    const senders = control.peersOf(receiver);
    if (senders === 1 || Atomics.add(words, control.arrivedWord(receiver, microBatch), 1) + 1 >= number * senders)
      control.ring(receiver);
  }

  /** Turns one bit of a message over where it lies. */
  #damage(peer: number, microBatch: number): void {
    const parts = partsOf(this.#options.outgoing[peer], microBatch).filter(({ target }) => target.length > 0);
    const target = parts[0]?.target;
    if (target !== undefined) target[target.length >> 1] = (target[target.length >> 1] as number) ^ 16;
  }

  #release(): void {
    for (const { peer, microBatch, number } of this.#held.splice(0)) {
      this.#nowNs = this.#options.clock();
      this.#deliver(peer, microBatch, number, this.#nowNs, this.#nowNs);
    }
  }

  /**
   * Sends again what peers miss and what is at hand. What is not sent yet will come by itself, and what is being made once more
   * will be sent when it is.
   */
  #resend(): void {
    const control = this.#control;
    for (let microBatch = 0; microBatch < control.division.microBatches.length; microBatch++) {
      const sent = Atomics.load(control.words, control.sentWord(this.#instance, microBatch));
      for (let peer = 0; peer < this.#peers; peer++) {
        const at = control.resendWord(control.peerIndex(this.#instance, peer), microBatch, this.#place);
        const number = Atomics.load(control.words, at);
        if (number === 0 || (number === sent && this.#ready[microBatch] !== number)) continue;
        if (Atomics.compareExchange(control.words, at, number, 0) !== number || number !== sent) continue;
        Atomics.add(control.words, control.word(this.#instance, "resends"), 1);
        this.#nowNs = this.#options.clock();
        this.#deliver(peer, microBatch, number, this.#nowNs, this.#nowNs);
      }
    }
  }

  #layerOf(number: number): number {
    return (number - 1) % this.#layers;
  }

  #isMoe(number: number): boolean {
    return this.#options.isMoe[this.#layerOf(number)] as boolean;
  }
}

/** Parts of a micro-batch's message to or from a peer. */
export function partsOf(
  ofPeer: readonly (readonly MessagePart[])[] | undefined,
  microBatch: number,
): readonly MessagePart[] {
  return ofPeer?.[microBatch] ?? [];
}

/** How long a message to all peers, or from all, keeps a link busy, [micro-batch]. */
export function busyNs(
  network: Network,
  peers: OutboxOptions["outgoing"],
  microBatches: number,
  layer: "moe" | "dense",
): Float64Array {
  return Float64Array.from({ length: microBatches }, (_, microBatch) => {
    const bytes = peers.reduce((sum, ofPeer) => sum + messageBytes(partsOf(ofPeer, microBatch), layer === "moe"), 0);
    return occupiedNs(network, bytes);
  });
}
