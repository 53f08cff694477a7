import type { Control } from "./control.ts";
import { type Arrival, Inbox, type InboxOptions } from "./inbox.ts";
import { Links } from "./network.ts";
import { Outbox, type OutboxOptions, partsOf } from "./outbox.ts";
import { Sleeper } from "./sleeper.ts";

/** Thrown where the run was stopped while an instance waited. */
class StoppedError extends Error {
  override name = "StoppedError";
}

export interface PortOptions extends OutboxOptions, InboxOptions {
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
  readonly #microBatches: number;
  readonly #sleeper: Sleeper;
  readonly #checks: boolean;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  /** What is waited for: the number of each micro-batch; 0: none. */
  #numbers: Int32Array;
  /** Whether that has come. */
  readonly #hasCome = (): boolean => this.#inbox.earliest(this.#numbers) >= 0;

  constructor(options: PortOptions) {
    const { control, instance, network, faults } = options;
    this.#options = options;
    this.#control = control;
    this.#instance = instance;
    this.#peers = control.peersOf(instance);
    this.#microBatches = control.division.microBatches.length;
    const links = new Links(network, this.#peers);
    this.#outbox = new Outbox(options, links);
    this.#inbox = new Inbox(options, links, this.#outbox.isImmediate);
    this.#sleeper = new Sleeper(options.clock, options.maySpin);
    this.#checks = faults.length > 0;
    this.#numbers = new Int32Array(this.#microBatches);
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
    if (this.#options.network.linkUse === "shared") this.#inbox.earliest(this.#numbers);
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
      const next = this.#inbox.earliest(numbers);
      const usableNs = next < 0 ? Number.POSITIVE_INFINITY : this.#inbox.arrival(next).usableNs;
      if (next >= 0 && (this.#outbox.isImmediate || usableNs <= this.#options.clock())) return next;
      if (maySpin && next < 0 && spin < spins) continue;
      this.poll();
      if (next < 0 && this.#checks) this.#inbox.askAgain(numbers);
      this.#sleep(bell, usableNs, next < 0 ? this.#hasCome : undefined);
    }
  }

  /** What the last `awaitAny` gave of a micro-batch. */
  arrival(microBatch: number): Arrival {
    return this.#inbox.arrival(microBatch);
  }

  /** Complete micro-batches that wait, beside one. */
  queued(numbers: Int32Array, taken: number): number {
    return this.#inbox.queued(numbers, taken);
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

  /** As Inbox. */
  reopen(numbers: Int32Array): void {
    this.#inbox.reopen(numbers);
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
    const numbers = new Int32Array(this.#microBatches);
    numbers[microBatch] = number;
    this.reopen(numbers);
    let unanswered = 0;
    this.awaitCondition(() => {
      unanswered = 0;
      let missing = 0;
      for (let peer = 0; peer < this.#peers; peer++) {
        if (this.#inbox.sentBy(peer, microBatch) !== number) continue;
        unanswered++;
        if (!this.#inbox.isHere(microBatch, number, peer)) missing++;
      }
      if (missing > 0) this.#inbox.askAgain(numbers);
      return missing === 0;
    });
    if (unanswered === 0) return false;
    this.close();
    // A peer that goes on now finds the mailbox closed, and is asked later.
    for (let peer = 0; peer < this.#peers; peer++) {
      if (this.#inbox.sentBy(peer, microBatch) === number) continue;
      for (const { target } of partsOf(this.#options.incoming[peer], microBatch)) target.fill(0);
    }
    return true;
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
}

/** Polls before a waiting thread sleeps: some 20 us. */
const spins = 2000;
/** A sleeping thread looks up at least this often. */
const longestSliceNs = 100e6;
