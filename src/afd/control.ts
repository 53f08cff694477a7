import type { BarrierWords } from "../host/waiting.ts";
import type { Division } from "./work.ts";

/** Everything that the threads of a run share beside the instances' memories; made by the driver, handed to every thread. */
export interface ControlBuffers {
  readonly words: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
}

/** One end of a message: attention instances come first, then FFN instances. */
export function instanceIndex({ attentionInstances }: Division, side: "attention" | "ffn", instance: number): number {
  return side === "attention" ? instance : attentionInstances + instance;
}

/** Words of one instance, counted from its first. */
const instanceWord = {
  /** Raised when something may have changed for the instance; it sleeps on it. */
  bell: 0,
  /** Whether somebody sleeps on the bell. */
  isAsleep: 1,
  /** Raised wherever the instance shows that it is alive. */
  heartbeat: 2,
  phase: 3,
  /** 1 while the instance's memory is not there: messages to it are lost. */
  isClosed: 4,
  /** Raised with each request for retransmission. */
  resendCount: 5,
  /** A job for the instance's other threads. */
  job: 6,
  jobKind: 7,
  jobStep: 8,
  jobLayer: 9,
  jobMicroBatch: 10,
  atBarrier: 11,
  generation: 12,
  /** Counts of what happened, for the report. */
  duplicates: 13,
  resends: 14,
  corrupted: 15,
  /** Where a hung stage waits for nothing. */
  never: 16,
  /** 1 while the instance writes into a peer's memory; kept only where instances may be restarted. */
  isWriting: 17,
} as const;
export type InstanceWord = keyof typeof instanceWord;
/** Two cache lines, so that no two instances share one. */
const instanceStride = 32;

/** What an instance is at. */
export const phase = { starting: 0, ready: 1, running: 2, done: 3 } as const;

const globalWords = 32;
const stopWord = 0;

/** Times of one message: when it was pushed, when its link began and ended with it. */
const timesPerMail = 3;

/**
 * The shared words and times, seen by one thread.
 *
 * Messages of a micro-batch and pair are numbered from 1: step x layers + layer + 1, in both directions.
 */
export class Control {
  readonly buffers: ControlBuffers;
  readonly division: Division;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly times: Float64Array<SharedArrayBuffer>;
  readonly #sent: number;
  readonly #mail: readonly number[];
  readonly #mailTotal: number;
  readonly #fired: number;
  readonly #microBatches: number;

  constructor(division: Division, faults: number, buffers?: ControlBuffers) {
    const { attentionInstances: attention, ffnInstances: ffn, microBatches } = division;
    const instances = attention + ffn;
    this.division = division;
    this.#microBatches = microBatches.length;
    this.#sent = globalWords + instances * instanceStride;
    const mailFirst = this.#sent + instances * 2 * this.#microBatches;
    const mail: number[] = [];
    let total = 0;
    for (let instance = 0; instance < instances; instance++) {
      mail.push(total);
      total += this.#microBatches * (instance < attention ? ffn : attention);
    }
    this.#mail = mail.map((first) => first + mailFirst);
    this.#mailTotal = total;
    this.#fired = mailFirst + 3 * total;
    const wordCount = this.#fired + faults;
    const timeCount = 1 + timesPerMail * total;
    this.buffers = buffers ?? {
      words: new SharedArrayBuffer(wordCount * 4),
      times: new SharedArrayBuffer(timeCount * 8),
    };
    this.words = new Int32Array(this.buffers.words);
    this.times = new Float64Array(this.buffers.times);
  }

  get instances(): number {
    return this.division.attentionInstances + this.division.ffnInstances;
  }

  /** Instances on the other side. */
  peersOf(instance: number): number {
    return instance < this.division.attentionInstances ? this.division.ffnInstances : this.division.attentionInstances;
  }

  /** The index of an instance's peer. */
  peerIndex(instance: number, peer: number): number {
    return instance < this.division.attentionInstances ? this.division.attentionInstances + peer : peer;
  }

  /** An instance's place among the peers of the other side. */
  ownPlace(instance: number): number {
    return instance < this.division.attentionInstances ? instance : instance - this.division.attentionInstances;
  }

  word(instance: number, name: InstanceWord): number {
    return globalWords + instance * instanceStride + instanceWord[name];
  }

  barrierOf(instance: number): BarrierWords {
    const { words } = this;
    return { words, atBarrier: this.word(instance, "atBarrier"), generation: this.word(instance, "generation") };
  }

  /** Number of the last message that an instance has handed to the wire, of a micro-batch. */
  sentWord(instance: number, microBatch: number): number {
    return this.#sent + instance * this.#microBatches + microBatch;
  }

  /** Arrivals at a receiver, of a micro-batch: a hint whom to wake, what counts are the numbers. */
  arrivedWord(receiver: number, microBatch: number): number {
    return this.#sent + (this.instances + receiver) * this.#microBatches + microBatch;
  }

  /** Number of the last message that lies at a receiver, from a peer. */
  numberWord(receiver: number, microBatch: number, peer: number): number {
    return this.#mailWord(receiver, microBatch, peer);
  }

  checksumWord(receiver: number, microBatch: number, peer: number): number {
    return this.#mailTotal + this.#mailWord(receiver, microBatch, peer);
  }

  /** Number of the message that a receiver misses from a peer; 0: none. */
  resendWord(receiver: number, microBatch: number, peer: number): number {
    return 2 * this.#mailTotal + this.#mailWord(receiver, microBatch, peer);
  }

  /** Index of the three times of a message, in `times`. */
  timesAt(receiver: number, microBatch: number, peer: number): number {
    return 1 + timesPerMail * (this.#mailWord(receiver, microBatch, peer) - (this.#mail[0] as number));
  }

  /** Whether a fault has happened already: it happens once, whoever is restarted. */
  firedWord(fault: number): number {
    return this.#fired + fault;
  }

  #mailWord(receiver: number, microBatch: number, peer: number): number {
    return (this.#mail[receiver] as number) + microBatch * this.peersOf(receiver) + peer;
  }

  /** When the run began, on the shared clock. */
  get startNs(): number {
    return this.times[0] as number;
  }

  /** Counts as if all messages before a step had come: what an instance waits for goes on from there. */
  beginAt(step: number): void {
    const before = step * this.division.layers;
    for (let instance = 0; instance < this.instances; instance++) {
      for (let microBatch = 0; microBatch < this.#microBatches; microBatch++)
        Atomics.store(this.words, this.arrivedWord(instance, microBatch), before * this.peersOf(instance));
    }
  }

  /** Lets all instances begin. */
  start(nowNs: number): void {
    this.times[0] = nowNs;
    this.#toAll("bell");
  }

  stop(): void {
    Atomics.store(this.words, stopWord, 1);
    this.#toAll("bell");
    this.#toAll("job");
  }

  get isStopped(): boolean {
    return Atomics.load(this.words, stopWord) !== 0;
  }

  ring(instance: number): void {
    const bell = this.word(instance, "bell");
    Atomics.add(this.words, bell, 1);
    if (Atomics.load(this.words, this.word(instance, "isAsleep")) !== 0) Atomics.notify(this.words, bell);
  }

  #toAll(name: InstanceWord): void {
    for (let instance = 0; instance < this.instances; instance++) {
      const at = this.word(instance, name);
      Atomics.add(this.words, at, 1);
      Atomics.notify(this.words, at);
    }
  }
}
