import type { ResidentPool } from "../host/pool.ts";
import type { VectorBits } from "../host/vectorWidth.ts";
import { createMemory, instantiateKernels, type KernelModule } from "../kernels/load.ts";
import { clockLoop, float32Forms, int8Forms, type RoofLoop, readLoop } from "../kernels/roofs.ts";
import type { Target } from "../kernels/target.ts";
import { dotsOf } from "./calibration.ts";
import { startRunner } from "./runner.ts";

/** A roof with the spread of its samples. */
export interface Roof {
  /** The tile or working set that reached it. */
  readonly form: string;
  /** FLOP/s, int8 operations a second, or bytes a second, over all threads. */
  readonly perSecond: number;
  readonly samplesNs: readonly number[];
  readonly workPerCall: number;
}

export interface BandwidthRoof extends Roof {
  readonly level: "L1" | "L2" | "L3" | "DRAM";
  /** Bytes of one thread's working set. */
  readonly workingSetBytes: number;
}

/** What this host can do with so many threads. */
export interface HostRoofs {
  readonly threads: number;
  readonly clockHz: number;
  readonly float32: Roof;
  readonly int8: Roof;
  readonly bandwidth: readonly BandwidthRoof[];
  /** The float32 peak is more than 15% below what the clock allows: calibration was disturbed, or the engine is slow. */
  readonly suspect: boolean;
}

/** Sizes of this host's caches. */
export interface CacheSizes {
  readonly l1Bytes: number;
  readonly l2Bytes: number;
  readonly l3Bytes: number;
}

/** Calls of each calibration loop; the fastest counts, since disturbance only slows. */
const callsPerForm = 7;

/**
 * Measures the roofs: the best of several float32 and int8 tiles over operands in L1, read bandwidth at a working set of each cache
 * level and of memory, and the clock.
 */
export async function measureRoofs(
  pool: ResidentPool,
  target: Target,
  module: KernelModule,
  caches: CacheSizes,
  cores: number,
  signal: AbortSignal,
  vectorBits: VectorBits = 128,
): Promise<HostRoofs> {
  const { threads } = pool;
  const measure = (loop: RoofLoop, ranks: number): Promise<Roof> => runLoop(pool, module, loop, ranks, cores, signal);
  const best = async (loops: readonly RoofLoop[]): Promise<Roof> => {
    let found: Roof | undefined;
    for (const loop of loops) {
      const roof = await measure(loop, threads);
      if (found === undefined || roof.perSecond > found.perSecond) found = roof;
    }
    if (found === undefined) throw new Error("no calibration form");
    return found;
  };
  const clockBefore = await measure(clockLoop(), 1);
  const float32 = await best(float32Forms(threads));
  const int8 = await best(int8Forms(threads, dotsOf(target)));
  const clockAfter = await measure(clockLoop(), 1);
  const clockHz = Math.max(clockBefore.perSecond, clockAfter.perSecond);
  const bandwidth: BandwidthRoof[] = [];
  for (const { level, bytes } of workingSets(caches, threads)) {
    const roof = await measure(readLoop(bytes, threads), threads);
    bandwidth.push({ ...roof, level, workingSetBytes: bytes });
  }
  const suspect = float32.perSecond < 0.85 * clockHz * flopsPerCycle(target, vectorBits) * threads;
  return { threads, clockHz, float32, int8, bandwidth, suspect };
}

/** Two vector units: of four lanes, 16 FLOP a cycle with a fused multiply-add, 8 where multiply and add are apart; twice that of eight. */
export function flopsPerCycle(target: Target, vectorBits: VectorBits): number {
  return (target === "relaxed" ? 16 : 8) * (vectorBits / 128);
}

/** The level whose bandwidth feeds a working set: the smallest cache that holds it. */
export function levelOf(roofs: HostRoofs, caches: CacheSizes, workingSetBytes: number): BandwidthRoof {
  const level =
    workingSetBytes <= caches.l1Bytes
      ? "L1"
      : workingSetBytes <= caches.l2Bytes
        ? "L2"
        : workingSetBytes <= caches.l3Bytes
          ? "L3"
          : "DRAM";
  const found = roofs.bandwidth.find((roof) => roof.level === level) ?? roofs.bandwidth.at(-1);
  if (found === undefined) throw new Error("no bandwidth was measured");
  return found;
}

/** One working set a level and thread, well inside the level; four times the last cache for memory, at most 1 GiB in all. */
function workingSets(
  { l1Bytes, l2Bytes, l3Bytes }: CacheSizes,
  threads: number,
): { level: BandwidthRoof["level"]; bytes: number }[] {
  return [
    { level: "L1", bytes: l1Bytes / 2 },
    { level: "L2", bytes: l2Bytes / 2 },
    ...(l3Bytes > 0 ? [{ level: "L3" as const, bytes: Math.max(2 * l2Bytes, l3Bytes / 4 / threads) }] : []),
    { level: "DRAM", bytes: Math.min(4 * Math.max(l2Bytes, l3Bytes), 2 ** 30 / threads) },
  ];
}

async function runLoop(
  pool: ResidentPool,
  module: KernelModule,
  loop: RoofLoop,
  ranks: number,
  cores: number,
  signal: AbortSignal,
): Promise<Roof> {
  const memory = createMemory(loop.totalBytes);
  loop.prepare(instantiateKernels(module, memory));
  const programs = Array.from({ length: ranks }, (_, rank) => loop.steps(rank));
  const runner = startRunner(pool, module, memory, programs, cores, signal);
  try {
    // The engine compiles a loop anew once it is hot: the first calls do not count.
    await runner.run(3);
    const samplesNs: number[] = [];
    for (let sample = 0; sample < callsPerForm; sample++) samplesNs.push((await runner.run(1))[0] as number);
    const workPerCall = loop.work * ranks;
    return { form: loop.form, perSecond: (workPerCall / Math.min(...samplesNs)) * 1e9, samplesNs, workPerCall };
  } finally {
    await runner.stop();
  }
}
