import { crc32 } from "node:zlib";
import type { Control } from "./control.ts";
import { isCarried, type MessagePart } from "./message.ts";
import { Links } from "./network.ts";
import { busyNs, Outbox, type OutboxOptions, partsOf } from "./outbox.ts";
import { uniformOf } from "./seeded.ts";
import { Sleeper } from "./sleeper.ts";

/** Thrown where the run was stopped while an instance waited. */
class StoppedError extends Error {
  override name = "StoppedError";
}

/** Thrown where a message did not come however often it was sent again. */
export class LostMessageError extends Error {
  override name = "LostMessageError";
}

/** What came for a micro-batch, once all of it can be used. */
export interface Arrival {
  /** When all of it could be used; on the shared clock. */
  usableNs: number;
  /** When its last part was pushed, and which peer pushed it. */
  lastPushNs: number;
  lastPeer: number;
  /** From the first peer's end of sending to the last's. */
  spreadNs: number;
}

export interface PortOptions extends OutboxOptions {
  readonly seed: number;
  /** Parts of messages from each peer, [peer][micro-batch]; only their targets are read. */
  readonly incoming: readonly (readonly (readonly MessagePart[])[])[];
  readonly retransmitNs: number;
  readonly retries: number;
  /** Whether a waiting thread may keep its core for a short while. */
  readonly maySpin: boolean;
}

/**
 * One instance's end of the wire: pushes messages into its peers' memories and waits for theirs.
 *
 * Memories, keys and slots are registered before the run (StepMesh's way): a push is the copy that is the transfer, three times
 * and a number that says that it is there. A receiver takes a number once, whatever is sent twice; what does not come, it asks for.
 */
export class Port {
  readonly #options: PortOptions;
  readonly #control: Control;
  readonly #instance: number;
  readonly #peers: number;
  readonly #layers: number;
  readonly #links: Links;
  /** How long a message from all peers keeps the link busy, by whether it carries expert choices, [micro-batch]. */
  readonly #busyNs: Readonly<Record<"moe" | "dense", Float64Array>>;
  readonly #sleeper: Sleeper;
  readonly #checks: boolean;
  readonly #outbox: Outbox;
  /** What is waited for: the number of each micro-batch; 0: none. */
  #numbers: Int32Array;
  /** Whether that has come. */
  readonly #hasCome = (): boolean => this.#earliest(this.#numbers) >= 0;
  /** When each micro-batch's arrival was complete; NaN: not yet. */
  readonly #arrivals: readonly Arrival[];
  /** Since when each message has been missed; [micro-batch x peers + peer]. */
  readonly #missedSinceNs: Float64Array;
  /** How often each message has been sent again, or should have been. */
  readonly #asked: Int32Array;
  /** Number of the last message that was found whole; [micro-batch x peers + peer]. */
  readonly #whole: Int32Array;

  constructor(options: PortOptions) {
    const { control, instance, network, faults } = options;
    const microBatches = control.division.microBatches.length;
    this.#options = options;
    this.#control = control;
    this.#instance = instance;
    this.#peers = control.peersOf(instance);
    this.#layers = control.division.layers;
    this.#links = new Links(network, this.#peers);
    this.#outbox = new Outbox(options, this.#links);
    this.#busyNs = {
      moe: busyNs(network, options.incoming, microBatches, "moe"),
      dense: busyNs(network, options.incoming, microBatches, "dense"),
    };
    this.#sleeper = new Sleeper(options.clock, options.maySpin);
    this.#checks = faults.length > 0;
    this.#arrivals = Array.from({ length: microBatches }, () => ({
      usableNs: Number.NaN,
      lastPushNs: 0,
      lastPeer: 0,
      spreadNs: 0,
    }));
    this.#missedSinceNs = new Float64Array(microBatches * this.#peers).fill(Number.NaN);
    this.#asked = new Int32Array(microBatches * this.#peers);
    this.#numbers = new Int32Array(microBatches);
    this.#whole = new Int32Array(microBatches * this.#peers);
  }

  /** As Outbox. */
  beginRows(microBatch: number): void {
    this.#outbox.beginRows(microBatch);
  }

  /**
   * Sends the message of a micro-batch to all peers.
   * @param readyNs when it was ready: now, or a moment shortly before, on an emulated stage's own clock
   * @param nowNs now, as the receiver notes it: the caller has just read the clock
   */
  push(microBatch: number, number: number, readyNs: number, nowNs: number): void {
    // What came meanwhile had the link first, where both directions take turns on it.
    if (this.#options.network.linkUse === "shared") this.#earliest(this.#numbers);
    this.#outbox.push(microBatch, number, readyNs, nowNs);
  }

  /**
   * Waits until a message of one of the micro-batches has come from all peers and can be used; gives the micro-batch.
   * @param numbers the number that each micro-batch waits for; 0: none
   * @throws StoppedError, LostMessageError
   */
  awaitAny(numbers: Int32Array): number {
    const { maySpin } = this.#options;
    this.#numbers = numbers;
    for (let spin = 0; ; spin++) {
      const bell = Atomics.load(this.#control.words, this.#control.word(this.#instance, "bell"));
      const next = this.#earliest(numbers);
      const usableNs = next < 0 ? Number.POSITIVE_INFINITY : this.arrival(next).usableNs;
      if (next >= 0 && (this.#outbox.isImmediate || usableNs <= this.#options.clock())) return next;
      if (maySpin && next < 0 && spin < spins) continue;
      this.poll();
      if (next < 0 && this.#checks) this.#askAgain(numbers);
      this.#sleep(bell, usableNs, next < 0 ? this.#hasCome : undefined);
    }
  }

  /** What the last `awaitAny` gave of a micro-batch. */
  arrival(microBatch: number): Arrival {
    return this.#arrivals[microBatch] as Arrival;
  }

  /** Complete micro-batches that wait, beside one. */
  queued(numbers: Int32Array, taken: number): number {
    let count = 0;
    for (let microBatch = 0; microBatch < numbers.length; microBatch++) {
      if (microBatch !== taken && numbers[microBatch] !== 0 && !Number.isNaN(this.arrival(microBatch).usableNs))
        count++;
    }
    return count;
  }

  /** Forgets an arrival once its micro-batch has been taken, and waits for none of it until told to. */
  take(microBatch: number): void {
    this.arrival(microBatch).usableNs = Number.NaN;
    this.#numbers[microBatch] = 0;
  }

  /**
   * Sleeps until a moment on the shared clock, serving peers meanwhile.
   * @throws StoppedError
   */
  sleepUntil(untilNs: number): void {
    for (;;) {
      const bell = Atomics.load(this.#control.words, this.#control.word(this.#instance, "bell"));
      if (this.#options.clock() >= untilNs) return;
      this.poll();
      this.#sleep(bell, untilNs);
    }
  }

  /**
   * Serves peers and sleeps until a condition holds; who makes it hold rings the bell.
   * @throws StoppedError
   */
  awaitCondition(isOver: () => boolean): void {
    for (;;) {
      const bell = Atomics.load(this.#control.words, this.#control.word(this.#instance, "bell"));
      if (isOver()) return;
      this.poll();
      this.#sleep(bell, Number.POSITIVE_INFINITY, isOver);
    }
  }

  /** Shows life, sends what peers miss and what was held back. @throws StoppedError */
  poll(): void {
    const { words } = this.#control;
    if (this.#control.isStopped) throw new StoppedError("the run was stopped");
    Atomics.add(words, this.#control.word(this.#instance, "heartbeat"), 1);
    this.#outbox.serve();
  }

  /**
   * Opens the mailbox of a memory that was made anew: nothing has come of what is waited for.
   * @param numbers the number that each micro-batch waits for
   */
  reopen(numbers: Int32Array): void {
    const control = this.#control;
    this.#whole.fill(0);
    this.#asked.fill(0);
    this.#missedSinceNs.fill(Number.NaN);
    for (let microBatch = 0; microBatch < numbers.length; microBatch++) {
      const before = Math.max(0, (numbers[microBatch] as number) - 1);
      for (let peer = 0; peer < this.#peers; peer++)
        Atomics.store(control.words, control.numberWord(this.#instance, microBatch, peer), before);
      Atomics.store(control.words, control.arrivedWord(this.#instance, microBatch), before * this.#peers);
    }
    Atomics.store(control.words, control.word(this.#instance, "isClosed"), 0);
    for (let microBatch = 0; microBatch < numbers.length; microBatch++) {
      const number = numbers[microBatch] as number;
      if (number > 0) for (let peer = 0; peer < this.#peers; peer++) this.#request(microBatch, peer, number);
    }
  }

  /**
   * Closes the mailbox and waits until no peer writes into this memory any more.
   * @throws StoppedError
   */
  close(): void {
    const { words } = this.#control;
    Atomics.store(words, this.#control.word(this.#instance, "isClosed"), 1);
    for (let peer = 0; peer < this.#peers; peer++) {
      const isWriting = this.#control.word(this.#control.peerIndex(this.#instance, peer), "isWriting");
      while (Atomics.load(words, isWriting) !== 0) {
        this.poll();
        Atomics.wait(words, isWriting, 1, 1);
      }
    }
  }

  /**
   * Waits for a message from all peers that have sent nothing since, then closes the mailbox, so that their rows stay as they are;
   * rows of the other peers are cleared. False where all have sent later ones: nobody needs the answer any more.
   * @throws StoppedError, LostMessageError
   */
  awaitUnanswered(microBatch: number, number: number): boolean {
    const numbers = new Int32Array(this.#arrivals.length);
    numbers[microBatch] = number;
    this.reopen(numbers);
    let unanswered = 0;
    this.awaitCondition(() => {
      unanswered = 0;
      let missing = 0;
      for (let peer = 0; peer < this.#peers; peer++) {
        if (this.#sentBy(peer, microBatch) !== number) continue;
        unanswered++;
        if (!this.#isHere(microBatch, number, peer)) missing++;
      }
      if (missing > 0) this.#askAgain(numbers);
      return missing === 0;
    });
    if (unanswered === 0) return false;
    this.close();
    // A peer that goes on now finds the mailbox closed, and is asked later.
    for (let peer = 0; peer < this.#peers; peer++) {
      if (this.#sentBy(peer, microBatch) === number) continue;
      for (const { target } of partsOf(this.#options.incoming[peer], microBatch)) target.fill(0);
    }
    return true;
  }

  /** Number of the last message that a peer has sent. */
  #sentBy(peer: number, microBatch: number): number {
    const control = this.#control;
    return Atomics.load(control.words, control.sentWord(control.peerIndex(this.#instance, peer), microBatch));
  }

  /** Sleeps, unless what is waited for has come since the bell was read: nobody rings for that any more. */
  #sleep(bell: number, untilNs: number, isOver?: () => boolean): void {
    const { words } = this.#control;
    const isAsleep = this.#control.word(this.#instance, "isAsleep");
    Atomics.store(words, isAsleep, 1);
    if (!this.#outbox.isAsked && isOver?.() !== true) {
      const sliceNs = this.#checks ? Math.min(this.#options.retransmitNs, longestSliceNs) : longestSliceNs;
      this.#sleeper.sleep(words, this.#control.word(this.#instance, "bell"), bell, untilNs, sliceNs);
    }
    Atomics.store(words, isAsleep, 0);
  }

  /** The micro-batch whose messages can be used first; -1: none is complete. */
  #earliest(numbers: Int32Array): number {
    let best = -1;
    let bestNs = Number.POSITIVE_INFINITY;
    for (let microBatch = 0; microBatch < numbers.length; microBatch++) {
      const number = numbers[microBatch] as number;
      if (number === 0) continue;
      const arrival = this.arrival(microBatch);
      if (Number.isNaN(arrival.usableNs)) {
        if (!this.#isComplete(microBatch, number)) continue;
        this.#settle(microBatch, arrival);
      }
      if (arrival.usableNs < bestNs) {
        best = microBatch;
        bestNs = arrival.usableNs;
      }
    }
    return best;
  }

  #isComplete(microBatch: number, number: number): boolean {
    for (let peer = 0; peer < this.#peers; peer++) if (!this.#isHere(microBatch, number, peer)) return false;
    return true;
  }

  #isHere(microBatch: number, number: number, peer: number): boolean {
    const { words } = this.#control;
    if (Atomics.load(words, this.#control.numberWord(this.#instance, microBatch, peer)) < number) return false;
    return !this.#checks || this.#isWhole(microBatch, number, peer);
  }

  /** Whether a message's bytes are those that were sent; asks for it again where they are not. */
  #isWhole(microBatch: number, number: number, peer: number): boolean {
    const control = this.#control;
    const at = microBatch * this.#peers + peer;
    if (this.#whole[at] === number) return true;
    let sum = 0;
    const isMoe = this.#isMoe(number);
    for (const part of partsOf(this.#options.incoming[peer], microBatch))
      if (isCarried(part, isMoe)) sum = crc32(part.target, sum);
    if ((sum | 0) === control.words[control.checksumWord(this.#instance, microBatch, peer)]) {
      this.#whole[at] = number;
      return true;
    }
    Atomics.add(control.words, control.word(this.#instance, "corrupted"), 1);
    Atomics.store(control.words, control.numberWord(this.#instance, microBatch, peer), number - 1);
    Atomics.sub(control.words, control.arrivedWord(this.#instance, microBatch), 1);
    this.#ask(microBatch, peer, number);
    return false;
  }

  /** When a complete message can be used, and who was last. */
  #settle(microBatch: number, arrival: Arrival): void {
    const { times } = this.#control;
    let firstStartNs = Number.POSITIVE_INFINITY;
    let lastStartNs = 0;
    let firstEndNs = Number.POSITIVE_INFINITY;
    let lastEndNs = Number.NEGATIVE_INFINITY;
    let lastPushNs = 0;
    let lastPeer = 0;
    for (let peer = 0; peer < this.#peers; peer++) {
      const at = this.#control.timesAt(this.#instance, microBatch, peer);
      const startNs = times[at + 1] as number;
      const endNs = times[at + 2] as number;
      lastPushNs = Math.max(lastPushNs, times[at] as number);
      firstStartNs = Math.min(firstStartNs, startNs);
      lastStartNs = Math.max(lastStartNs, startNs);
      firstEndNs = Math.min(firstEndNs, endNs);
      if (endNs > lastEndNs) {
        lastEndNs = endNs;
        lastPeer = peer;
      }
      this.#missedSinceNs[microBatch * this.#peers + peer] = Number.NaN;
      this.#asked[microBatch * this.#peers + peer] = 0;
    }
    arrival.lastPushNs = lastPushNs;
    arrival.lastPeer = lastPeer;
    arrival.spreadNs = lastEndNs - firstEndNs;
    arrival.usableNs = this.#outbox.isImmediate
      ? lastEndNs
      : this.#links.arrival(firstStartNs, lastStartNs, lastEndNs, this.#receiveNs(microBatch), this.#peers) +
        this.#jitter(microBatch);
  }

  /** How long a micro-batch's message from all peers keeps this instance's link busy. */
  #receiveNs(microBatch: number): number {
    const number = Atomics.load(this.#control.words, this.#control.numberWord(this.#instance, microBatch, 0));
    return this.#busyNs[this.#isMoe(number) ? "moe" : "dense"][microBatch] as number;
  }

  #jitter(microBatch: number): number {
    const { jitterNs } = this.#options.network;
    if (jitterNs === 0) return 0;
    const number = Atomics.load(this.#control.words, this.#control.numberWord(this.#instance, microBatch, 0));
    return jitterNs * uniformOf(this.#options.seed, this.#instance, microBatch, number);
  }

  /** Asks for what peers say they have sent, and what is not there after a while. */
  #askAgain(numbers: Int32Array): void {
    const control = this.#control;
    const now = this.#options.clock();
    for (let microBatch = 0; microBatch < numbers.length; microBatch++) {
      const number = numbers[microBatch] as number;
      if (number === 0) continue;
      for (let peer = 0; peer < this.#peers; peer++) {
        const at = microBatch * this.#peers + peer;
        const isMissed =
          this.#sentBy(peer, microBatch) === number &&
          Atomics.load(control.words, control.numberWord(this.#instance, microBatch, peer)) < number;
        if (!isMissed) this.#missedSinceNs[at] = Number.NaN;
        else if (Number.isNaN(this.#missedSinceNs[at] as number)) this.#missedSinceNs[at] = now;
        else if (now - (this.#missedSinceNs[at] as number) >= this.#options.retransmitNs) {
          this.#missedSinceNs[at] = now;
          this.#ask(microBatch, peer, number);
        }
      }
    }
  }

  /** Asks for a message that did not come whole; a peer that has not heard the last request yet is not asked once more. */
  #ask(microBatch: number, peer: number, number: number): void {
    const control = this.#control;
    const at = microBatch * this.#peers + peer;
    if (Atomics.load(control.words, control.resendWord(this.#instance, microBatch, peer)) !== number) {
      this.#asked[at] = (this.#asked[at] as number) + 1;
      if ((this.#asked[at] as number) > this.#options.retries)
        throw new LostMessageError(this.#lostText(microBatch, peer, number));
    }
    this.#request(microBatch, peer, number);
  }

  #request(microBatch: number, peer: number, number: number): void {
    const control = this.#control;
    const sender = control.peerIndex(this.#instance, peer);
    Atomics.store(control.words, control.resendWord(this.#instance, microBatch, peer), number);
    Atomics.add(control.words, control.word(sender, "resendCount"), 1);
    control.ring(sender);
  }

  #lostText(microBatch: number, peer: number, number: number): string {
    const { retries } = this.#options;
    const isAttention = this.#instance < this.#control.division.attentionInstances;
    const sender = `${isAttention ? "FFN" : "attention"} instance ${peer}`;
    const step = Math.floor((number - 1) / this.#layers);
    const place = `step ${step}, layer ${this.#layerOf(number)}, micro-batch ${microBatch}`;
    const often = `${retries} retransmission${retries === 1 ? "" : "s"}`;
    return `the message of ${sender} for ${place} did not come whole within ${often}`;
  }

  #layerOf(number: number): number {
    return (number - 1) % this.#layers;
  }

  #isMoe(number: number): boolean {
    return this.#options.isMoe[this.#layerOf(number)] as boolean;
  }
}

/** Polls before a waiting thread sleeps: some 20 us. */
const spins = 2000;
/** A sleeping thread looks up at least this often. */
const longestSliceNs = 100e6;
