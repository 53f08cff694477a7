/**
 * A hand-over through the wire, payload included, beside a bare ping-pong on shared words, the same with a copy of the
 * payload, and a pool's task; and what a million hand-overs leave on the heap.
 */
import { median } from "simple-statistics";
import { Control } from "../src/afd/control.ts";
import { startResidentPool } from "../src/host/pool.ts";
import { clockOrigin } from "../src/host/sharedClock.ts";
import { formatBytes, formatDuration, formatNumber } from "../src/units/format.ts";
import type { PeerResult, PeerTask } from "./wirePeer.ts";

const SIZES = [64, 1024, 16384, 262144];
const REPEATS = 7;

const pool = startResidentPool(new URL("./wirePeer.ts", import.meta.url), 2);
try {
  console.log(
    "wire: one hand-over, both threads awake (median of runs in turn; ratios to the bare ping-pong of the same turn, without and with the copy)",
  );
  for (const bytes of SIZES) {
    const rounds = Math.max(2_000, Math.min(100_000, Math.round(1e9 / (1000 + bytes))));
    const times: Record<"bare" | "copy" | "wire", number[]> = { bare: [], copy: [], wire: [] };
    for (let repeat = 0; repeat < REPEATS; repeat++)
      for (const how of ["bare", "copy", "wire"] as const)
        times[how].push((await pingPong(how, bytes, rounds)).nsPerHandover);
    const { bare, copy, wire } = times;
    const toBare = median(wire.map((wireNs, repeat) => wireNs / (bare[repeat] as number)));
    const toCopy = median(wire.map((wireNs, repeat) => wireNs / (copy[repeat] as number)));
    const parts = [
      `bare ${formatDuration(median(bare))}`,
      `with a copy of ${formatBytes(bytes)} ${formatDuration(median(copy))}`,
      `wire ${formatDuration(median(wire))}`,
    ];
    console.log(`  ${parts.join(", ")}: ${formatNumber(toBare)} and ${formatNumber(toCopy)} times`);
  }
  console.log(`  a pool's task and back: ${formatDuration(await taskRoundTripNs())}`);
  const { heapGrowthBytes } = await pingPong("wire", 1024, 500_000);
  console.log(`  heap of one thread over 1,000,000 hand-overs: ${formatBytes(Math.max(0, heapGrowthBytes))} more`);
} finally {
  await pool.destroy();
}

/** Both ends; gives the first one's result. */
async function pingPong(how: "bare" | "copy" | "wire", bytes: number, rounds: number): Promise<PeerResult> {
  const division = {
    ...{ attentionInstances: 1, ffnInstances: 1, layers: 1, steps: 1 },
    microBatches: [{ first: 0, last: 1 }],
  };
  const shared = {
    ...{ how, rounds, warmups: Math.min(rounds, 20_000), bytes, division, maySpin: true },
    memories: [new SharedArrayBuffer(2 * bytes), new SharedArrayBuffer(2 * bytes)],
    words: new SharedArrayBuffer(256),
    control: new Control(division, 0).buffers,
    clockOrigin: clockOrigin(),
  };
  const tasks = ([0, 1] as const).map((end): PeerTask => ({ ...shared, end }));
  const [first] = await Promise.all(pool.start(tasks, new AbortController().signal));
  return first as PeerResult;
}

async function taskRoundTripNs(): Promise<number> {
  const signal = new AbortController().signal;
  const echo = { how: "echo" };
  for (let round = 0; round < 500; round++) await pool.run(echo, signal);
  const times: number[] = [];
  for (let round = 0; round < 2000; round++) {
    const began = performance.now();
    await pool.run(echo, signal);
    times.push((performance.now() - began) * 1e6);
  }
  return median(times);
}
