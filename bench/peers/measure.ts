import { median } from "simple-statistics";
import type { BenchHost, StartedCase } from "../host.ts";
import { caseOf, flopsOf, nameOf, resultOf, type Work, weightBytesOf } from "../works.ts";
import type { Peer, PeerRun } from "./peer.ts";
import type { Goals, PlannedWork } from "./rows.ts";

/** How often and how long. */
export interface Sampling {
  readonly rounds: number;
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
  readonly name: string;
  callNs(calls: number): Promise<number>;
  stop(): Promise<void> | void;
}

/**
 * Measures a work with our kernels and with those peers that have something for it: results are compared, then every contender takes
 * one sample a round, in turn; medians over the rounds make the rates.
 */
export async function measureWork(
  planned: PlannedWork,
  goals: Goals,
  peers: readonly Peer[],
  hosts: { readonly one: BenchHost; readonly two?: BenchHost },
  sampling: Sampling,
  flags: string,
): Promise<MeasuredWork> {
  const { work } = planned;
  const notes: string[] = [];
  const contenders: Contender[] = [];
  try {
    const ours = await hosts.one.start(caseOf(work));
    contenders.push(oursAs("ours", ours));
    const result = resultIn(ours.memory, work);
    for (const peer of peers) {
      const contender = await startPeer(peer, work, result, notes);
      if (contender !== undefined) contenders.push(contender);
    }
    if (goals.float32 !== undefined)
      contenders.push(oursAs("ours in f32", await hosts.one.start(caseOf({ ...work, dtype: "f32" }))));
    if (goals.twoThreads !== undefined && hosts.two !== undefined)
      contenders.push(oursAs("two threads", await hosts.two.start(caseOf(work))));
    const medians = await inRounds(contenders, sampling);
    return { rows: rowsOf(planned, goals, peers, hosts.one, medians, flags), notes };
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}

/** Root mean square of the difference over that of ours, from which on a result is not the same. */
const allowedDifference: Readonly<Record<string, number>> = { f32: 1e-4, int8: 0.05, int4: 0.3 };

async function startPeer(
  peer: Peer,
  work: Work,
  result: Float32Array,
  notes: string[],
): Promise<Contender | undefined> {
  let run: PeerRun | undefined;
  try {
    run = await peer.prepare(work);
    if (run === undefined) return undefined;
    await run.call();
    const difference = differenceOf(run.output(), result);
    if (difference <= (allowedDifference[work.dtype] ?? 0)) return peerAs(peer.name, run);
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

function oursAs(name: string, { callNs, stop }: StartedCase): Contender {
  return { name, callNs, stop };
}

function peerAs(name: string, run: PeerRun): Contender {
  return {
    name,
    async callNs(calls) {
      const began = performance.now();
      for (let call = 0; call < calls; call++) await run.call();
      return ((performance.now() - began) * 1e6) / calls;
    },
    stop: () => run.dispose(),
  };
}

/** Median nanoseconds of each contender's call. */
async function inRounds(
  contenders: readonly Contender[],
  { rounds, sampleMs }: Sampling,
): Promise<ReadonlyMap<string, number>> {
  const calls = new Map<string, number>();
  for (const { name, callNs } of contenders) {
    await callNs(1);
    // Engines compile a kernel anew once it is hot: a second, longer look tells how many calls make a sample.
    const coldNs = await callNs(1);
    const warmNs = await callNs(Math.max(2, Math.min(500, Math.ceil((sampleMs * 1e6) / coldNs))));
    calls.set(name, Math.max(1, Math.ceil((sampleMs * 1e6) / warmNs)));
  }
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, callNs } of contenders) samples.get(name)?.push(await callNs(calls.get(name) ?? 1));
  }
  return new Map([...samples].map(([name, values]) => [name, median(values)]));
}

function rowsOf(
  { work, memoryBound }: PlannedWork,
  goals: Goals,
  peers: readonly Peer[],
  host: BenchHost,
  medians: ReadonlyMap<string, number>,
  flags: string,
): PeerRow[] {
  const amount = memoryBound && work.kind === "matmul" ? weightBytesOf(work) : flopsOf(work);
  const rateOf = (name: string): number | undefined => {
    const ns = medians.get(name);
    return ns === undefined ? undefined : (amount / ns) * 1e9;
  };
  const ours = rateOf("ours");
  if (ours === undefined) throw new Error("ours was not measured");
  const unit = memoryBound ? "BytesPerSecond" : "FlopsPerSecond";
  const row = (
    peer: string,
    against: PeerRow["against"],
    theirs: number,
    goal: number | undefined,
    mine = ours,
    threads = 1,
  ): PeerRow => ({
    ...{ work: nameOf(work), dtype: work.dtype, threads, flags },
    [`ours${unit}`]: mine,
    ...{ peer, against },
    [`peer${unit}`]: theirs,
    ratio: mine / theirs,
    ...(goal === undefined ? {} : { goal, met: mine / theirs >= goal }),
  });
  const rows: PeerRow[] = [];
  for (const { name, runs } of peers) {
    const theirs = rateOf(name);
    if (theirs !== undefined) rows.push(row(name, runs, theirs, goals[runs]));
  }
  if (goals.roof !== undefined) {
    const { form, rate } = roofOf(host, work, memoryBound);
    rows.push(row(form, "roof", rate, goals.roof));
  }
  const float32 = rateOf("ours in f32");
  if (float32 !== undefined) rows.push(row("ours in f32", "ours", float32, goals.float32));
  const two = rateOf("two threads");
  if (two !== undefined) rows.push(row("ours on one thread", "ours", ours, goals.twoThreads, two, 2));
  return rows;
}

function roofOf({ roofs }: BenchHost, work: Work, memoryBound: boolean): { form: string; rate: number } {
  if (memoryBound) {
    const read = roofs.bandwidth.find(({ level }) => level === "DRAM");
    if (read === undefined) throw new Error("no bandwidth of memory was measured");
    return { form: "read roof, DRAM", rate: read.perSecond };
  }
  const roof = work.dtype === "f32" ? roofs.float32 : roofs.int8;
  return { form: `${work.dtype === "f32" ? "multiply-add" : "dot"} roof, tile ${roof.form}`, rate: roof.perSecond };
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
