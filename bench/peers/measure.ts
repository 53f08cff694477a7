import { median } from "simple-statistics";
import type { Check, KernelCase } from "../../src/kernels/case.ts";
import { float32Forms, int8Forms, type RoofLoop, readLoop } from "../../src/kernels/roofs.ts";
import { dotsOf } from "../../src/measure/calibration.ts";
import type { BenchHost, StartedCase } from "../host.ts";
import { caseOf, flopsOf, nameOf, resultOf, type Work, weightBytesOf } from "../works.ts";
import type { Peer, PeerRun } from "./peer.ts";
import type { Goals, PlannedWork } from "./rows.ts";

/** How often and how long. */
export interface Sampling {
  readonly rounds: number;
  /** Samples that a contender takes in a row in each round. */
  readonly samples: number;
  readonly sampleMs: number;
}

/** One comparison; rates of compute, or of bytes where memory binds. */
export interface PeerRow {
  readonly work: string;
  readonly dtype: string;
  readonly threads: number;
  readonly flags: string;
  readonly oursFlopsPerSecond?: number;
  readonly oursBytesPerSecond?: number;
  readonly peer: string;
  /** What kind of peer: another WASM library, native code, this host's roof, or another run of ours. */
  readonly against: "wasm" | "native" | "roof" | "ours";
  readonly peerFlopsPerSecond?: number;
  readonly peerBytesPerSecond?: number;
  /** Ours over the peer's. */
  readonly ratio: number;
  readonly goal?: number;
  readonly met?: boolean;
}

export interface MeasuredWork {
  readonly rows: readonly PeerRow[];
  /** What went wrong with a peer, or was left out. */
  readonly notes: readonly string[];
}

/** One that takes part in the rounds. */
interface Contender {
  /** What stands beside ours in a row. */
  readonly name: string;
  readonly against: PeerRow["against"];
  /** What one call does: FLOPs, or bytes where memory binds. */
  readonly amount: number;
  readonly goal: number | undefined;
  /** A roof's rate when the run began; where the rounds stay far below it, they were disturbed and nothing is judged by them. */
  readonly perSecondBefore?: number;
  callNs(calls: number): Promise<number>;
  stop(): Promise<void> | void;
}

/**
 * Measures a work with our kernels, with those peers that have something for it, and with the loop of its roof: results are compared,
 * then every contender takes its samples of a round, in turn; medians over the rounds make the rates.
 */
export async function measureWork(
  planned: PlannedWork,
  goals: Goals,
  peers: readonly Peer[],
  hosts: { readonly one: BenchHost; readonly two?: BenchHost },
  sampling: Sampling,
  flags: string,
): Promise<MeasuredWork> {
  const { work, memoryBound } = planned;
  const amount = memoryBound && work.kind === "matmul" ? weightBytesOf(work) : flopsOf(work);
  const notes: string[] = [];
  const contenders: Contender[] = [];
  const join = async (
    host: BenchHost,
    kernelCase: KernelCase,
    entry: Pick<Contender, "name"> & Partial<Contender>,
  ): Promise<StartedCase> => {
    const started = await host.start(kernelCase);
    const { callNs, stop } = started;
    contenders.push({ against: "ours", amount, goal: undefined, ...entry, callNs, stop });
    return started;
  };
  try {
    const ours = await join(hosts.one, caseOf(work), { name: "ours" });
    const result = resultIn(ours.memory, work);
    for (const peer of peers) {
      const run = await startPeer(peer, work, result, notes);
      if (run === undefined) continue;
      const { name, runs } = peer;
      contenders.push({ name, against: runs, amount, goal: goals[runs], ...timed(run) });
    }
    if (goals.roof !== undefined) {
      const { name, loop, perSecondBefore } = roofOf(hosts.one, work, memoryBound);
      const entry = { name, amount: loop.work, goal: goals.roof, perSecondBefore };
      await join(hosts.one, loopCase(loop), { ...entry, against: "roof" });
    }
    if (goals.float32 !== undefined)
      await join(hosts.one, caseOf({ ...work, dtype: "f32" }), { name: "ours in f32", goal: goals.float32 });
    if (goals.twoThreads !== undefined && hosts.two !== undefined)
      await join(hosts.two, caseOf(work), { name: twoThreadsName, goal: goals.twoThreads });
    const medians = await inRounds(contenders, sampling);
    return { rows: rowsOf(planned, contenders, medians, flags, notes), notes };
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

const twoThreadsName = "ours on two threads";

/** Root mean square of the difference over that of ours, from which on a result is not the same. */
const allowedDifference: Readonly<Record<string, number>> = { f32: 1e-4, int8: 0.05, int4: 0.3 };

async function startPeer(peer: Peer, work: Work, result: Float32Array, notes: string[]): Promise<PeerRun | undefined> {
  let run: PeerRun | undefined;
  try {
    run = await peer.prepare(work);
    if (run === undefined) return undefined;
    await run.call();
    const difference = differenceOf(run.output(), result);
    if (difference <= (allowedDifference[work.dtype] ?? 0)) return run;
    notes.push(
      `${peer.name}, ${nameOf(work)} ${work.dtype}: its result differs from ours by ${difference.toPrecision(2)} of its size: no rate`,
    );
  } catch (error) {
    notes.push(
      `${peer.name}, ${nameOf(work)} ${work.dtype}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  await run?.dispose();
  return undefined;
}

function timed(run: PeerRun): Pick<Contender, "callNs" | "stop"> {
  return {
    async callNs(calls) {
      const began = performance.now();
      for (let call = 0; call < calls; call++) await run.call();
      return ((performance.now() - began) * 1e6) / calls;
    },
    stop: () => run.dispose(),
  };
}

/** Median over the rounds of each contender's nanoseconds a call; of a round the fastest sample counts, since disturbance only slows. */
async function inRounds(
  contenders: readonly Contender[],
  { rounds, samples, sampleMs }: Sampling,
): Promise<ReadonlyMap<string, number>> {
  const calls = new Map<string, number>();
  for (const { name, callNs } of contenders) {
    await callNs(1);
    // Engines compile a kernel anew once it is hot: a second, longer look tells how many calls make a sample.
    const coldNs = await callNs(1);
    const warmNs = await callNs(Math.max(2, Math.min(500, Math.ceil((samples * sampleMs * 1e6) / coldNs))));
    calls.set(name, Math.max(1, Math.ceil((sampleMs * 1e6) / warmNs)));
  }
  const fastest = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, callNs } of contenders) {
      let best = Number.POSITIVE_INFINITY;
      for (let sample = 0; sample < samples; sample++) best = Math.min(best, await callNs(calls.get(name) ?? 1));
      fastest.get(name)?.push(best);
    }
  }
  return new Map([...fastest].map(([name, values]) => [name, median(values)]));
}

function rowsOf(
  { work, memoryBound }: PlannedWork,
  contenders: readonly Contender[],
  medians: ReadonlyMap<string, number>,
  flags: string,
  notes: string[],
): PeerRow[] {
  const rateOf = ({ name, amount }: Contender): number => (amount / (medians.get(name) as number)) * 1e9;
  const [first, ...others] = contenders;
  if (first === undefined) throw new Error("ours was not measured");
  const ours = rateOf(first);
  const unit = memoryBound ? "BytesPerSecond" : "FlopsPerSecond";
  return others.map((contender): PeerRow => {
    const { name, against, perSecondBefore = 0 } = contender;
    const isTwo = name === twoThreadsName;
    const [mine, theirs] = isTwo ? [rateOf(contender), ours] : [ours, rateOf(contender)];
    const disturbed = theirs < 0.9 * perSecondBefore;
    if (disturbed)
      notes.push(
        `${nameOf(work)} ${work.dtype}: not judged by its roof, which was disturbed: ${((theirs / perSecondBefore) * 100).toFixed(0)}% of what it was at the start`,
      );
    const goal = disturbed ? undefined : contender.goal;
    return {
      ...{ work: nameOf(work), dtype: work.dtype, threads: isTwo ? 2 : 1, flags },
      [`ours${unit}`]: mine,
      ...{ peer: isTwo ? "ours on one thread" : name, against },
      [`peer${unit}`]: theirs,
      ratio: mine / theirs,
      ...(goal === undefined ? {} : { goal, met: mine / theirs >= goal }),
    };
  });
}

/** The loop that reached the host's roof of this work. */
function roofOf(
  { roofs }: BenchHost,
  work: Work,
  memoryBound: boolean,
): { name: string; loop: RoofLoop; perSecondBefore: number } {
  if (memoryBound) {
    const read = roofs.bandwidth.find(({ level }) => level === "DRAM");
    if (read === undefined) throw new Error("no bandwidth of memory was measured");
    return { name: "read roof, DRAM", loop: readLoop(read.workingSetBytes, 1), perSecondBefore: read.perSecond };
  }
  const [forms, { form, perSecond }, what] =
    work.dtype === "f32"
      ? ([float32Forms(1), roofs.float32, "multiply-add"] as const)
      : ([int8Forms(1, dotsOf("relaxed")), roofs.int8, "dot"] as const);
  const loop = forms.find((each) => each.form === form);
  if (loop === undefined) throw new Error(`no tile ${form}`);
  return { name: `${what} roof, tile ${form}`, loop, perSecondBefore: perSecond };
}

function loopCase({ totalBytes, prepare, steps }: RoofLoop): KernelCase {
  const check = (): Check => ({ ok: true, maxErrorFraction: 0, compared: 0 });
  return { buffers: [], totalBytes, segmentWeights: [1], prepare, steps, check };
}

/** The result of our last call, [rows][width]. */
function resultIn(memory: WebAssembly.Memory, work: Work): Float32Array {
  const { buffer, rows, width } = resultOf(work);
  const found = caseOf(work).buffers.find(({ name }) => name === buffer);
  if (found === undefined) throw new Error(`no buffer ${buffer}`);
  const stride = Math.ceil(width / 8) * 8;
  const values = new Float32Array(memory.buffer, found.address, rows * stride);
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) out.set(values.subarray(row * stride, row * stride + width), row * width);
  return out;
}

function differenceOf(theirs: Float32Array, ours: Float32Array): number {
  if (theirs.length !== ours.length) return Number.POSITIVE_INFINITY;
  let squares = 0;
  let differences = 0;
  for (let i = 0; i < ours.length; i++) {
    squares += (ours[i] as number) ** 2;
    differences += ((theirs[i] as number) - (ours[i] as number)) ** 2;
  }
  const difference = Math.sqrt(differences / squares);
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
}
