import type { BarrierWords } from "../host/waiting.ts";
import type { Division } from "./work.ts";

/** Everything that the threads of a run share beside the instances' memories; made by the driver, handed to every thread. */
export interface ControlBuffers {
  readonly shared: SharedArrayBuffer;
}

/** One end of a message: attention instances come first, then FFN instances. */
export function instanceIndex({ attentionInstances }: Division, side: "attention" | "ffn", instance: number): number {
  return side === "attention" ? instance : attentionInstances + instance;
}

/** Words of one instance, counted from its first: a cache line that peers read and seldom anybody writes, then the instance's own. */
const instanceWord = {
  /** Raised when something may have changed for the instance; it sleeps on it. */
  bell: 0,
  /** Whether the instance sleeps on its bell, or is about to: whoever has something for it rings then. */
  isAsleep: 1,
  /** 1 while the instance's memory is not there: messages to it are lost. */
  isClosed: 2,
  /** Raised with each request for retransmission. */
  resendCount: 3,
  /** Raised wherever the instance shows that it is alive. */
  heartbeat: 16,
  phase: 17,
  /** A job for the instance's other threads. */
  job: 18,
  jobKind: 19,
  jobStep: 20,
  jobLayer: 21,
  jobMicroBatch: 22,
  atBarrier: 23,
  generation: 24,
  /** Counts of what happened, for the report. */
  duplicates: 25,
  resends: 26,
  corrupted: 27,
  /** Where a hung stage waits for nothing. */
  never: 28,
  /** 1 while the instance writes into a peer's memory; kept only where instances may be restarted. */
  isWriting: 29,
} as const;
export type InstanceWord = keyof typeof instanceWord;
/** Two cache lines of 16 words. */
const instanceStride = 32;

/** What an instance is at. */
export const phase = { starting: 0, ready: 1, running: 2, done: 3 } as const;

/** The first line: whether the run is stopped, and when it began (a float64). */
const globalWords = 16;
const stopWord = 0;
const startTime = 1;

/**
 * One message, a cache line: number, checksum and number asked for again (int32), then when it was pushed and when its link began
 * and ended with it (float64).
 */
const mailStride = 16;
const mailWord = { number: 0, checksum: 1, resend: 2, times: 4 } as const;

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
  /** First word of each instance's mail. */
  readonly #mail: readonly number[];
  readonly #sent: number;
  readonly #fired: number;
  readonly #microBatches: number;

  constructor(division: Division, faults: number, buffers?: ControlBuffers) {
    const { attentionInstances: attention, ffnInstances: ffn, microBatches } = division;
    const instances = attention + ffn;
    this.division = division;
    this.#microBatches = microBatches.length;
    let next = globalWords + instances * instanceStride;
    this.#mail = Array.from({ length: instances }, (_, instance) => {
      const first = next;
      next += mailStride * microBatches.length * (instance < attention ? ffn : attention);
      return first;
    });
    this.#sent = next;
    this.#fired = next + instances * 2 * this.#perInstance();
    const bytes = Math.ceil((this.#fired + faults) / 2) * 8;
    this.buffers = buffers ?? { shared: new SharedArrayBuffer(bytes) };
    this.words = new Int32Array(this.buffers.shared);
    this.times = new Float64Array(this.buffers.shared);
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
    return this.#sent + instance * this.#perInstance() + microBatch;
  }

  /** Numbers of the last messages of all micro-batches together: the stages that an instance has behind it. */
  sentBy(instance: number): number {
    let sum = 0;
    for (let microBatch = 0; microBatch < this.#microBatches; microBatch++)
      sum += Atomics.load(this.words, this.sentWord(instance, microBatch));
    return sum;
  }

  /** Arrivals at a receiver, of a micro-batch: a hint whom to wake, what counts are the numbers. */
  arrivedWord(receiver: number, microBatch: number): number {
    return this.#sent + (this.instances + receiver) * this.#perInstance() + microBatch;
  }

  /** Number of the last message that lies at a receiver, from a peer. */
  numberWord(receiver: number, microBatch: number, peer: number): number {
    return this.#mailAt(receiver, microBatch, peer) + mailWord.number;
  }

  checksumWord(receiver: number, microBatch: number, peer: number): number {
    return this.#mailAt(receiver, microBatch, peer) + mailWord.checksum;
  }

  /** Number of the message that a receiver misses from a peer; 0: none. */
  resendWord(receiver: number, microBatch: number, peer: number): number {
    return this.#mailAt(receiver, microBatch, peer) + mailWord.resend;
  }

  /** Index of the three times of a message, in `times`. */
  timesAt(receiver: number, microBatch: number, peer: number): number {
    return (this.#mailAt(receiver, microBatch, peer) + mailWord.times) / 2;
  }

  /** Whether a fault has happened already: it happens once, whoever is restarted. */
  firedWord(fault: number): number {
    return this.#fired + fault;
  }

  #mailAt(receiver: number, microBatch: number, peer: number): number {
    return (this.#mail[receiver] as number) + (microBatch * this.peersOf(receiver) + peer) * mailStride;
  }

  /** Words of an instance's own counts, in whole lines. */
  #perInstance(): number {
    return Math.ceil(this.#microBatches / 16) * 16;
  }

  /** When the run began, on the shared clock. */
  get startNs(): number {
    return this.times[startTime] as number;
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
    this.times[startTime] = nowNs;
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

  /** Wakes an instance that sleeps, or is about to; one that is awake looks for itself before it sleeps. */
  ring(instance: number): void {
    if (Atomics.load(this.words, this.word(instance, "isAsleep")) === 0) return;
    const bell = this.word(instance, "bell");
    Atomics.add(this.words, bell, 1);
    Atomics.notify(this.words, bell);
  }

  #toAll(name: InstanceWord): void {
    for (let instance = 0; instance < this.instances; instance++) {
      const at = this.word(instance, name);
      Atomics.add(this.words, at, 1);
      Atomics.notify(this.words, at);
    }
  }
}
