import { type SharedClock, sharedClock } from "../host/sharedClock.ts";
import { type Control, phase } from "./control.ts";
import { sequencesOf } from "./decodeWork.ts";
import { type ExpertTokens, expertTokensOf } from "./expertTokens.ts";
import { InstanceFaults } from "./instanceFaults.ts";
import type { InstanceTask } from "./instanceTask.ts";
import { Port } from "./port.ts";
import { normalOf, uniformOf } from "./seeded.ts";
import { StageLog } from "./stageLog.ts";
import { rowWidth } from "./stageModel.ts";
import type { AttentionStages, FfnStages, StagePlace } from "./stages.ts";
import { StepLog } from "./stepLog.ts";
import { wiring } from "./wiring.ts";
import { type Division, isMoeLayer } from "./work.ts";

/** What both sides do: wait, work, push, note. */
export class InstanceRun {
  readonly #task: InstanceTask;
  readonly #division: Division;
  readonly #control: Control;
  readonly #self: number;
  readonly #clock: SharedClock;
  readonly #port: Port;
  readonly #log: StageLog;
  readonly #stepLog: StepLog;
  /** Of an FFN instance of a model with experts. */
  readonly #expertTokens: ExpertTokens | undefined;
  readonly #faults: InstanceFaults;
  /** Number of the message that each micro-batch waits for; 0: none. */
  readonly #numbers: Int32Array;
  /** Stages that each micro-batch has behind it. */
  readonly #done: Int32Array;
  /** 1 for a micro-batch that an instance which died since may have ended. */
  readonly #mayHaveEnded: Int32Array;
  readonly #entry = {
    step: 0,
    layer: 0,
    microBatch: 0,
    waitNs: 0,
    pushedNs: 0,
    usableNs: 0,
    beginNs: 0,
    endNs: 0,
    sentNs: 0,
    lastPeer: 0,
    spreadNs: 0,
    queued: 0,
    redone: 0,
  };
  /** When an emulated stage is over; the next one begins no earlier. */
  #freeNs = 0;

  constructor(task: InstanceTask, division: Division, control: Control, self: number) {
    const { work, faults } = task;
    this.#task = task;
    this.#division = division;
    this.#control = control;
    this.#self = self;
    this.#clock = sharedClock(task.clockOrigin);
    this.#port = new Port({
      control,
      instance: self,
      clock: this.#clock,
      network: task.network,
      seed: task.seed,
      ...wiring(work, task.memories, task.side, task.instance),
      isMoe: Array.from({ length: division.layers }, (_, layer) => isMoeLayer(work, layer)),
      faults,
      retransmitNs: task.recovery.retransmitNs,
      retries: task.recovery.retries,
      maySpin: task.maySpin,
    });
    this.#log = new StageLog(task.stageLog);
    this.#stepLog = new StepLog(division, rowWidth(work), task.stepLog);
    this.#expertTokens = expertTokensOf(task, task.memories[self] as WebAssembly.Memory);
    this.#faults = new InstanceFaults(control, task.side, task.instance, faults);
    const microBatches = division.microBatches.length;
    this.#numbers = new Int32Array(microBatches);
    this.#done = new Int32Array(microBatches).map((_, microBatch) =>
      Math.max(task.firstStep * division.layers, Atomics.load(control.words, control.sentWord(self, microBatch))),
    );
    this.#mayHaveEnded = this.#done.map((done) => (done === task.lastStep * division.layers ? 1 : 0));
  }

  attention(stages: AttentionStages): void {
    const { layers, microBatches } = this.#division;
    const end = this.#task.lastStep * layers;
    const first = this.#task.firstStep * layers;
    this.#close();
    stages.prepare();
    this.#rebuildCaches(stages);
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++)
      this.#numbers[microBatch] = this.#done[microBatch] as number;
    // A micro-batch that has pushed its message redoes that stage: its rows and its message are as they were before.
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++) {
      const done = this.#done[microBatch] as number;
      if (done > first) this.#again(stages, microBatch, done - 1);
      else this.#numbers[microBatch] = 0;
    }
    this.#open();
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++) {
      const done = this.#done[microBatch] as number;
      if (done > first) this.#pushAgain(microBatch, done);
      else this.#beginStep(stages, microBatch, done);
    }
    let open = microBatches.length;
    while (open > 0) {
      this.#entry.waitNs = this.#clock();
      const microBatch = this.#port.awaitAny(this.#numbers);
      const done = this.#done[microBatch] as number;
      if (done < end) {
        const place = this.#placeOf(done, microBatch);
        this.#faults.crash(place);
        this.#received(microBatch, place);
        this.#work(place, () => stages.run(place));
        this.#keep(stages, place);
        this.#sent(place, done + 1);
        this.#numbers[microBatch] = done + 1;
      } else {
        const place = { step: this.#task.lastStep, layer: 0, microBatch };
        this.#received(microBatch, place);
        const rows = stages.finish(this.#task.lastStep - 1, microBatch);
        const { first: sequence } = this.#sequences(microBatch);
        this.#stepLog.addOutputs(this.#task.lastStep - 1, sequence, rows);
        this.#stepLog.addInput(this.#task.lastStep, 0, sequence, rows);
        this.#entry.endNs = this.#clock();
        this.#entry.sentNs = this.#entry.endNs;
        // Whether an instance that died had been here is not known.
        this.#entry.redone = this.#mayHaveEnded[microBatch] as number;
        this.#log.add(this.#entry);
        this.#numbers[microBatch] = 0;
        open--;
      }
    }
    this.#setPhase(phase.done);
    this.#serveUntilAllDone();
  }

  ffn(stages: FfnStages): void {
    const { layers, microBatches } = this.#division;
    const first = this.#task.firstStep * layers;
    const end = this.#task.lastStep * layers;
    this.#close();
    stages.prepare();
    this.#redo(stages, first);
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++) {
      const done = this.#done[microBatch] as number;
      this.#numbers[microBatch] = done < end ? done + 1 : 0;
    }
    this.#open();
    let open = this.#numbers.filter((number) => number > 0).length;
    while (open > 0) {
      this.#entry.waitNs = this.#clock();
      const microBatch = this.#port.awaitAny(this.#numbers);
      const done = this.#done[microBatch] as number;
      const place = this.#placeOf(done, microBatch);
      this.#faults.crash(place);
      this.#received(microBatch, place);
      this.#work(place, () => stages.run(place));
      if (isMoeLayer(this.#task.work, place.layer)) this.#expertTokens?.add(place);
      this.#sent(place, done + 1);
      this.#numbers[microBatch] = done + 1 < end ? done + 2 : 0;
      if (done + 1 === end) open--;
    }
    this.#setPhase(phase.done);
    this.#serveUntilAllDone();
  }

  /** Appends the keys and values of all stages that are logged, in order. */
  #rebuildCaches(stages: AttentionStages): void {
    const { layers, microBatches } = this.#division;
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++) {
      for (let stage = 0; stage < (this.#done[microBatch] as number); stage++) {
        const place = this.#placeOf(stage, microBatch);
        this.#stepLog.readInput(place.step, place.layer, this.#sequences(microBatch).first, stages.input(place));
        stages.append(place);
        if (stage % layers === 0) this.#beat();
      }
    }
  }

  /** The last stage of a restarted instance, from its logged input. */
  #again(stages: AttentionStages, microBatch: number, stage: number): void {
    const place = this.#placeOf(stage, microBatch);
    const beginNs = this.#clock();
    this.#stepLog.readInput(place.step, place.layer, this.#sequences(microBatch).first, stages.input(place));
    stages.rerun(place);
    this.#redone(place, beginNs);
  }

  #redone(place: StagePlace, beginNs: number): void {
    const endNs = this.#clock();
    const begin = { waitNs: beginNs, pushedNs: beginNs, usableNs: beginNs, beginNs, endNs, sentNs: endNs };
    this.#log.add({ ...place, ...begin, lastPeer: -1, spreadNs: 0, queued: 0, redone: 1 });
  }

  /** The first stage of a micro-batch in this membership: nothing to wait for. */
  #beginStep(stages: AttentionStages, microBatch: number, stage: number): void {
    const place = this.#placeOf(stage, microBatch);
    this.#faults.crash(place);
    const now = this.#clock();
    Object.assign(this.#entry, { ...place, waitNs: now, pushedNs: now, usableNs: this.#control.startNs, beginNs: now });
    Object.assign(this.#entry, { lastPeer: -1, spreadNs: 0, queued: 0 });
    if (stage === 0) this.#work(place, () => stages.run(place));
    else {
      this.#stepLog.readInput(place.step, place.layer, this.#sequences(microBatch).first, stages.input(place));
      this.#work(place, () => stages.rerun(place));
    }
    this.#keep(stages, place);
    this.#sent(place, stage + 1);
    this.#numbers[microBatch] = stage + 1;
  }

  /**
   * A restarted FFN instance computes once more what attention instances may not have got: those that have sent nothing since. The
   * rows of the others are not there and not needed; tokens do not meet in an FFN.
   */
  #redo(stages: FfnStages, first: number): void {
    for (let microBatch = 0; microBatch < this.#division.microBatches.length; microBatch++) {
      const done = this.#done[microBatch] as number;
      if (done <= first || !this.#port.awaitUnanswered(microBatch, done)) continue;
      const place = this.#placeOf(done - 1, microBatch);
      const beginNs = this.#clock();
      stages.run(place);
      this.#pushAgain(microBatch, done);
      this.#redone(place, beginNs);
    }
  }

  /** Keeps peers from writing into a memory that is made anew. */
  #close(): void {
    if (this.#task.restarts > 0) this.#port.close();
  }

  /** Makes the instance reachable, asks for what a restarted one has missed, and waits for the run's beginning. */
  #open(): void {
    if (this.#task.restarts > 0) this.#port.reopen(this.#numbers);
    if (this.#control.startNs === 0) this.#setPhase(phase.ready);
    this.#port.awaitCondition(() => this.#control.startNs !== 0);
    this.#setPhase(phase.running);
    this.#freeNs = this.#task.restarts > 0 ? this.#clock() : this.#control.startNs;
  }

  #received(microBatch: number, { step, layer }: StagePlace): void {
    const arrival = this.#port.arrival(microBatch);
    const entry = this.#entry;
    entry.redone = 0;
    entry.step = step;
    entry.layer = layer;
    entry.microBatch = microBatch;
    entry.pushedNs = arrival.lastPushNs;
    entry.usableNs = arrival.usableNs;
    entry.lastPeer = arrival.lastPeer;
    entry.spreadNs = arrival.spreadNs;
    entry.queued = this.#port.queued(this.#numbers, microBatch);
    entry.beginNs = this.#clock();
    this.#port.take(microBatch);
  }

  /** One stage; an emulated one lasts from its input (or the stage before) for its time, whenever the thread woke up. */
  #work(place: StagePlace, run: () => void): void {
    const { work } = this.#task;
    const slowdown = this.#faults.slowdown(place.step);
    this.#port.beginRows(place.microBatch);
    run();
    if (work.kind === "emulated") {
      const { attentionNs, ffnNs } = work.emulated;
      const lastsNs = (this.#task.side === "attention" ? attentionNs : ffnNs) * slowdown * this.#jitter(place);
      this.#freeNs = Math.max(this.#freeNs, this.#entry.usableNs) + lastsNs;
      this.#port.sleepUntil(this.#freeNs);
    } else {
      this.#freeNs = this.#clock();
      if (slowdown > 1) {
        this.#port.sleepUntil(this.#entry.beginNs + (this.#freeNs - this.#entry.beginNs) * slowdown);
        this.#freeNs = this.#clock();
      }
    }
    this.#entry.endNs = this.#clock();
  }

  #pushAgain(microBatch: number, number: number): void {
    const now = this.#clock();
    this.#port.push(microBatch, number, now, now);
  }

  /** Pushes a stage's message and notes the stage. */
  #sent(place: StagePlace, number: number): void {
    this.#port.push(place.microBatch, number, this.#freeNs, this.#entry.endNs);
    this.#done[place.microBatch] = number;
    this.#entry.sentNs = this.#clock();
    this.#log.add(this.#entry);
    this.#port.poll();
  }

  /** Notes a layer's input, and with a step's first one the outputs of the step before. */
  #keep(stages: AttentionStages, place: StagePlace): void {
    const { first } = this.#sequences(place.microBatch);
    const rows = stages.input(place);
    this.#stepLog.addInput(place.step, place.layer, first, rows);
    if (place.layer === 0 && place.step > this.#task.firstStep) this.#stepLog.addOutputs(place.step - 1, first, rows);
  }

  #jitter({ step, layer, microBatch }: StagePlace): number {
    const { work } = this.#task;
    const jitter = work.kind === "emulated" ? work.emulated.jitter : { kind: "none" as const };
    switch (jitter.kind) {
      case "none":
        return 1;
      case "lognormal":
        return Math.exp(
          jitter.sigma * normalOf(this.#task.seed, this.#self, step, layer, microBatch) - jitter.sigma ** 2 / 2,
        );
      case "uniform":
        return 1 + jitter.share * (2 * uniformOf(this.#task.seed, this.#self, step, layer, microBatch) - 1);
    }
  }

  /** Stays reachable for peers that miss a message until all of them are done. */
  #serveUntilAllDone(): void {
    const { words } = this.#control;
    if (this.#task.faults.length === 0) return;
    const isDone = (instance: number): boolean =>
      Atomics.load(words, this.#control.word(instance, "phase")) === phase.done;
    for (let instance = 0; instance < this.#control.instances; instance++) this.#control.ring(instance);
    const instances = Array.from({ length: this.#control.instances }, (_, instance) => instance);
    this.#port.awaitCondition(() => instances.every(isDone));
  }

  #setPhase(value: number): void {
    Atomics.store(this.#control.words, this.#control.word(this.#self, "phase"), value);
    Atomics.notify(this.#control.words, this.#control.word(this.#self, "phase"));
  }

  #beat(): void {
    Atomics.add(this.#control.words, this.#control.word(this.#self, "heartbeat"), 1);
  }

  #sequences(microBatch: number) {
    return sequencesOf(this.#division, microBatch, this.#task.instance);
  }

  #placeOf(stage: number, microBatch: number): StagePlace {
    const { layers } = this.#division;
    return { step: Math.floor(stage / layers), layer: stage % layers, microBatch };
  }
}
