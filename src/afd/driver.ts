import { type ResidentPool, startResidentPool } from "../host/pool.ts";
import { type SharedClock, sharedClock } from "../host/sharedClock.ts";
import { workerModule } from "../host/workerModule.ts";
import { createMemory } from "../kernels/load.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import { Control, instanceIndex, phase } from "./control.ts";
import type { InstanceEnd } from "./instance.ts";
import type { InstanceTask } from "./instanceTask.ts";
import { type MembershipResult, type MembershipRun, type Restart, UnrecoverableError } from "./membershipRun.ts";
import { StageLog, stageLogBytes } from "./stageLog.ts";
import { type Layouts, layoutsOf, rowWidth } from "./stageModel.ts";
import { Standstill } from "./standstill.ts";
import { inputLogBytes } from "./stepLog.ts";
import { Watchdog } from "./watchdog.ts";
import { type Division, divisionOf } from "./work.ts";

/** The module that instances' threads run; beside this file, as source or as built. */
const instanceUrl = workerModule(import.meta.url, "instance");

/**
 * Runs attention and FFN instances on two pools of worker threads until all steps are decoded, and restarts what dies or hangs.
 *
 * @throws UnrecoverableError where restarts or retransmissions do not help
 * @throws InfeasibleError where the instances' memories do not fit
 */
export async function runMembership(run: MembershipRun): Promise<MembershipResult> {
  const driver = new Driver(run);
  try {
    return await driver.run();
  } finally {
    await driver.end();
  }
}

interface Instance {
  readonly side: "attention" | "ffn";
  readonly instance: number;
  /** Over both sides. */
  readonly index: number;
  readonly stageLog: SharedArrayBuffer;
  abort: AbortController;
  /** Settles when all threads have ended, dead or done. */
  ended: Promise<readonly PromiseSettledResult<unknown>[]>;
  isDone: boolean;
  restarts: number;
  outage: Restart | undefined;
  /** Why the driver itself ended it; undefined where it did not. */
  endedFor: string | undefined;
}

const heapMebibytes = 256;
/** How often the driver looks after the instances, and whether all are ready. */
const lookEveryMs = 25;
const lookForStartEveryMs = 4;
/** Time that passes between two looks counts for so much at most: then it was the driver that did not get to run. */
const mostLookNs = 4e6 * lookEveryMs;
/** A stopped instance ends by itself within this time, or is ended. */
const stopGraceMs = 400;

class Driver {
  readonly #run: MembershipRun;
  readonly #division: Division;
  readonly #control: Control;
  readonly #memories: readonly WebAssembly.Memory[];
  readonly #pools: { readonly attention: ResidentPool; readonly ffn: ResidentPool };
  readonly #clock: SharedClock;
  readonly #instances: readonly Instance[];
  readonly #restarts: Restart[] = [];
  readonly #maySpin: boolean;
  #failure: Error | undefined;
  #lookedNs = 0;
  readonly #standstill: Standstill;
  readonly #watchdog: Watchdog;
  /** Ends the driver's rest before its time. */
  #wake: () => void = () => {};

  constructor(run: MembershipRun) {
    const { work, faults, threadsPerInstance: threads } = run;
    this.#run = run;
    this.#division = divisionOf(work);
    this.#clock = sharedClock(run.clock.origin);
    this.#control = new Control(this.#division, faults.length);
    this.#control.beginAt(run.firstStep);
    for (const [fault, fired] of run.fired.entries())
      this.#control.words[this.#control.firedWord(fault)] = Number(fired);
    this.#standstill = new Standstill(this.#control, work, run.network, run.recovery.watchdogNs);
    this.#watchdog = new Watchdog(this.#control, run.recovery.watchdogNs, faults.length > 0 ? "faults" : "none");
    const layouts = layoutsOf(work);
    checkMemory(run, layouts);
    this.#memories = [...layouts.attention, ...layouts.ffn].map(({ memoryBytes }) => createMemory(memoryBytes));
    const { attentionInstances, ffnInstances } = this.#division;
    this.#maySpin = (attentionInstances + ffnInstances) * threads <= run.cores;
    const limits = { heapMebibytes };
    this.#pools = {
      attention: startResidentPool(instanceUrl, attentionInstances * threads, limits),
      ffn: startResidentPool(instanceUrl, ffnInstances * threads, limits),
    };
    this.#instances = [
      ...Array.from({ length: attentionInstances }, (_, instance) => this.#launch("attention", instance)),
      ...Array.from({ length: ffnInstances }, (_, instance) => this.#launch("ffn", instance)),
    ];
  }

  async run(): Promise<MembershipResult> {
    const { signal } = this.#run;
    const stop = (): void => {
      this.#control.stop();
      this.#wake();
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      const isReady = (instance: Instance): boolean => this.#phaseOf(instance) !== phase.starting;
      await this.#watch(() => this.#instances.every(isReady), lookForStartEveryMs);
      if (!signal.aborted) this.#control.start(this.#clock());
      await this.#watch(() => this.#instances.every(({ isDone }) => isDone), lookEveryMs);
    } finally {
      signal.removeEventListener("abort", stop);
    }
    return this.#result();
  }

  /** Ends all threads, those that do not hear as well. */
  async end(): Promise<void> {
    this.#control.stop();
    const all = Promise.all(this.#instances.map(({ ended }) => ended));
    void all.then(() => this.#wake());
    await this.#rest(stopGraceMs);
    await Promise.all([this.#pools.attention.destroy(), this.#pools.ffn.destroy()]);
    await all;
  }

  /** Looks after the instances until the condition holds, or the run is stopped. */
  async #watch(isOver: () => boolean, everyMs: number): Promise<void> {
    this.#lookedNs = this.#clock();
    while (!isOver() && !this.#run.signal.aborted) {
      await this.#rest(everyMs);
      if (this.#failure !== undefined) throw this.#failure;
      this.#checkHearts();
      this.#report();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Returns after a while, or when something has happened; leaves no timer behind. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #launch(side: "attention" | "ffn", instance: number): Instance {
    const stageLog = new SharedArrayBuffer(stageLogBytes(this.#stages()));
    const index = instanceIndex(this.#division, side, instance);
    const launched: Instance = {
      ...{ side, instance, index, stageLog, abort: new AbortController(), ended: Promise.resolve([]) },
      ...{ isDone: false, restarts: 0, outage: undefined, endedFor: undefined },
    };
    this.#start(launched);
    return launched;
  }

  #start(target: Instance): void {
    const { side, instance, index } = target;
    const { work, threadsPerInstance: threads } = this.#run;
    const { words } = this.#control;
    for (const name of ["atBarrier", "jobKind", "phase", "isWriting"] as const)
      Atomics.store(words, this.#control.word(index, name), 0);
    target.abort = new AbortController();
    this.#watchdog.begin(index);
    target.endedFor = undefined;
    const tasks = Array.from({ length: threads }, (_, rank): InstanceTask => {
      const { kernels, network, faults, recovery, stepLog, expertTokens, firstStep, lastStep, seed } = this.#run;
      return {
        ...{
          work,
          side,
          instance,
          rank,
          threads,
          kernels,
          network,
          faults,
          recovery,
          stepLog,
          expertTokens,
          firstStep,
          lastStep,
          seed,
        },
        memories: this.#memories,
        control: this.#control.buffers,
        clockOrigin: this.#run.clock.origin,
        stageLog: target.stageLog,
        restarts: target.restarts,
        maySpin: this.#maySpin,
        jobsSeen: Atomics.load(words, this.#control.word(index, "job")),
      };
    });
    const residents = tasks.map((task) => this.#pools[side].run(task, target.abort.signal));
    // One thread that dies takes the instance down.
    for (const resident of residents)
      resident.then(
        (end) => this.#endIfLost(target, end as InstanceEnd),
        () => target.abort.abort(),
      );
    target.ended = Promise.allSettled(residents);
    void target.ended.then((outcomes) => this.#onEnd(target, outcomes));
  }

  #endIfLost(target: Instance, end: InstanceEnd): void {
    if (end.kind !== "lost") return;
    this.#fail(new UnrecoverableError(`${nameOf(target)} can't go on: ${end.text}`));
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #onEnd(target: Instance, outcomes: readonly PromiseSettledResult<unknown>[]): void {
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed === undefined) {
      target.isDone = true;
      this.#wake();
      return;
    }
    if (this.#control.isStopped || this.#run.signal.aborted) return;
    const first = outcomes.find(({ status, ...rest }) => status === "rejected" && !isAbort(rest)) ?? failed;
    this.#recover(target, (first as PromiseRejectedResult).reason);
  }

  /** Starts an instance anew on an emptied memory, or gives the run up. */
  #recover(target: Instance, reason: unknown): void {
    const { faults, recovery } = this.#run;
    const name = nameOf(target);
    const text = target.endedFor ?? (reason instanceof Error ? reason.message : String(reason));
    if (faults.length === 0) {
      const known = target.endedFor === undefined && reason instanceof Error;
      this.#fail(known ? reason : new UnrecoverableError(`${name}: ${text}`));
      return;
    }
    if (target.restarts >= recovery.retries) {
      const often = `${recovery.retries} restart${recovery.retries === 1 ? "" : "s"}`;
      this.#fail(new UnrecoverableError(`${name} could not be recovered within ${often}: ${text}`));
      return;
    }
    target.restarts++;
    Atomics.store(this.#control.words, this.#control.word(target.index, "isClosed"), 1);
    target.outage = { side: target.side, instance: target.instance, reason: text, fromNs: this.#clock() };
    this.#restarts.push(target.outage);
    this.#start(target);
  }

  #checkHearts(): void {
    const now = this.#clock();
    const lookNs = Math.min(now - this.#lookedNs, mostLookNs);
    this.#lookedNs = now;
    const stoodNs = this.#standstill.look(lookNs);
    if (stoodNs !== undefined)
      this.#fail(new UnrecoverableError(`no stage has ended for ${Math.round(stoodNs / 1e9)} s: the run stands still`));
    for (const target of this.#instances) {
      if (target.outage !== undefined && this.#phaseOf(target) !== phase.starting) {
        target.outage.untilNs = now;
        target.outage = undefined;
      }
      const silentNs = target.isDone ? undefined : this.#watchdog.look(target.index, lookNs);
      if (silentNs === undefined) continue;
      target.endedFor = `no sign of life for ${silentNs / 1e9} s`;
      target.abort.abort();
    }
  }

  #report(): void {
    const { attentionInstances, microBatches } = this.#division;
    let done = Number.POSITIVE_INFINITY;
    for (let instance = 0; instance < attentionInstances; instance++)
      done = Math.min(done, this.#control.sentBy(instance));
    this.#run.onProgress(done, this.#run.lastStep * this.#division.layers * microBatches.length);
  }

  /** Stages that an instance notes, those that it runs again after restarts as well. */
  #stages(): number {
    const { firstStep, lastStep, faults, recovery } = this.#run;
    const redone = faults.length === 0 ? 0 : 2 * recovery.retries;
    return ((lastStep - firstStep) * this.#division.layers + 1 + redone) * this.#division.microBatches.length;
  }

  #phaseOf({ index }: Instance): number {
    return Atomics.load(this.#control.words, this.#control.word(index, "phase"));
  }

  #result(): MembershipResult {
    const { words } = this.#control;
    const sum = (name: "duplicates" | "resends" | "corrupted"): number =>
      this.#instances.reduce((total, { index }) => total + Atomics.load(words, this.#control.word(index, name)), 0);
    const logs = (side: "attention" | "ffn") =>
      this.#instances.filter((each) => each.side === side).map(({ stageLog }) => new StageLog(stageLog).read());
    return {
      division: this.#division,
      startNs: this.#control.startNs,
      attention: logs("attention"),
      ffn: logs("ffn"),
      fired: this.#run.faults.map((_, index) => Atomics.load(words, this.#control.firedWord(index)) !== 0),
      restarts: this.#restarts,
      duplicates: sum("duplicates"),
      resends: sum("resends"),
      corrupted: sum("corrupted"),
      interrupted: this.#run.signal.aborted,
    };
  }
}

function checkMemory({ work, stepLog, availableBytes }: MembershipRun, { attention, ffn }: Layouts): void {
  const division = divisionOf(work);
  const instances = [...attention, ...ffn].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const needed = instances + (stepLog.inputs === undefined ? 0 : inputLogBytes(division, rowWidth(work)));
  if (needed <= availableBytes) return;
  const { attentionInstances, ffnInstances } = division;
  throw new InfeasibleError(
    `${attentionInstances} attention and ${ffnInstances} FFN instances need ${formatBytes(needed)}, this machine has ${formatBytes(availableBytes)} free: take fewer instances, a smaller --scale, --batch or --context`,
  );
}

function nameOf({ side, instance }: Instance): string {
  return `${side === "attention" ? "attention" : "FFN"} instance ${instance}`;
}

function isAbort(outcome: object): boolean {
  return "reason" in outcome && outcome.reason instanceof Error && outcome.reason.name === "AbortError";
}
