import type { VectorBits } from "../host/vectorWidth.ts";
import { CLOCK_SHARE } from "./judgeRoofs.ts";
import { measurePasses, type PassCount, type PassedRoof, type RoofRun } from "./roofPasses.ts";
import {
  type CacheSizes,
  flopsPerCycle,
  type Level,
  levelHolding,
  planClock,
  planPeaks,
  planReads,
  type RoofName,
  type RoofPlan,
} from "./roofPlan.ts";

export interface BandwidthRoof extends PassedRoof {
  readonly level: Level;
  /** Bytes of one thread's working set. */
  readonly workingSetBytes: number;
}

/** What this host can do with so many threads. */
export interface HostRoofs {
  readonly threads: number;
  readonly clockHz: number;
  readonly float32: PassedRoof;
  readonly int8: PassedRoof;
  readonly bandwidth: readonly BandwidthRoof[];
  /** The float32 peak is more than 15% below what the clock allows: calibration was disturbed, or the engine is slow. */
  readonly suspect: boolean;
}

/**
 * Measures the roofs of one target on all threads of a pool: the best of several float32 and int8 tiles over operands in L1, read
 * bandwidth at a working set of each cache level and of memory, and the clock.
 *
 * @throws whatever the signal aborts with.
 */
export async function measureRoofs(
  run: RoofRun,
  built: Pick<RoofPlan, "target" | "module">,
  caches: CacheSizes,
  passes: PassCount,
): Promise<HostRoofs> {
  const { threads } = run.pool;
  const build = { ...built, threads };
  const plans = [planClock(build), ...planPeaks(build), ...planReads(build, caches)];
  const roofs = await measurePasses(run, plans, passes);
  run.signal.throwIfAborted();
  const named = (kernel: RoofName["kernel"]): PassedRoof => {
    const found = roofs.find(({ plan }) => plan.kernel === kernel);
    if (found === undefined) throw new Error(`${kernel} was not measured`);
    return found;
  };
  const clockHz = named("clock").perSecond;
  const float32 = named("roof.multiplyAdd");
  const bandwidth = roofs.flatMap((roof): BandwidthRoof[] => {
    const { level, workingSetBytes } = roof.plan;
    return level === undefined || workingSetBytes === undefined ? [] : [{ ...roof, level, workingSetBytes }];
  });
  const suspect = isBelowClock(float32, clockHz, run.vectorBits);
  return { threads, clockHz, float32, int8: named("roof.int8Dot"), bandwidth, suspect };
}

/** Whether a float32 roof is more than 15% below what the clock allows. */
export function isBelowClock({ plan, perSecond }: PassedRoof, clockHz: number, vectorBits: VectorBits): boolean {
  return perSecond < CLOCK_SHARE * clockHz * flopsPerCycle(plan.target, vectorBits) * plan.threads;
}

/** The level whose bandwidth feeds a working set: the smallest cache that holds it. */
export function levelOf(roofs: HostRoofs, caches: CacheSizes, workingSetBytes: number): BandwidthRoof {
  const level = levelHolding(workingSetBytes, caches);
  const found = roofs.bandwidth.find((roof) => roof.level === level) ?? roofs.bandwidth.at(-1);
  if (found === undefined) throw new Error("no bandwidth was measured");
  return found;
}
