import { startResidentPool } from "../host/pool.ts";
import type { VectorBits } from "../host/vectorWidth.ts";
import type { RatedRoof } from "../measure/judgeRoofs.ts";
import { measurePasses, type PassCount, type PassedRoof } from "../measure/roofPasses.ts";
import { type CacheSizes, planClock, planPeaks, planReads, type RoofPlan } from "../measure/roofPlan.ts";
import { isBelowClock } from "../measure/roofs.ts";
import { workerUrl } from "../measure/runner.ts";
import type { Environment } from "../record/document.ts";
import type { RoofRow } from "../record/rooflineRows.ts";
import { formatBytes } from "../units/format.ts";
import { revectorized, suspectReason } from "./benchRoofs.ts";
import type { KernelsHere } from "./kernelsHere.ts";
import { fingerprintOf, openRoofCache } from "./roofCache.ts";
import type { ProgressEvent } from "./settings.ts";

/** Passes over all roofs; docs/roofline.md derives them. */
const PASSES: PassCount = { least: 6, most: 30, passNs: 4e7 };
const QUICK_PASSES: PassCount = { least: 3, most: 8, passNs: 1.5e7 };

/** Above this many cores, threads are doubled and not counted up. */
const MOST_COUNTED_THREADS = 8;

/** Which roofs, and how. */
export interface RoofSettings {
  /** Absent: 1 to the number of cores; of more than eight, powers of two. */
  readonly threads?: readonly number[];
  /** Fewer passes; what they give is not kept. */
  readonly quick: boolean;
  /** Whether roofs may come from the cache, or are all measured; measured ones are kept in either case. */
  readonly calibration: "cached" | "anew";
  /** Ends the run after the loop or kernel at work; what was measured is kept. */
  readonly signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
}

/** What roofs are measured with. */
export interface RoofHost {
  /** The best target first; it reads, too. */
  readonly builds: readonly [KernelsHere, ...KernelsHere[]];
  readonly environment: Environment;
  readonly vectorBits: VectorBits;
}

export interface HostRoofRows {
  readonly rows: readonly RoofRow[];
  readonly notes: readonly string[];
}

/** This host's roofs: those of the cache that stand, the others measured and then kept there. */
export async function hostRoofs(settings: RoofSettings, host: RoofHost): Promise<HostRoofRows> {
  const { builds, environment, vectorBits } = host;
  const passes = settings.quick ? QUICK_PASSES : PASSES;
  const targets = builds.map(({ target }) => target);
  const cache = await openRoofCache(fingerprintOf(environment, targets));
  const cached = settings.calibration === "anew" ? { rows: [], notes: [] } : cache.read();
  const { plans, notes } = affordable(plansOf(settings, host), environment.availableMemoryBytes);
  const kept = plans.map((plan) => cached.rows.find((row) => isUsable(row, plan, vectorBits, passes)));
  const missing = plans.filter((_, index) => kept[index] === undefined);
  const known = kept.filter((row) => row !== undefined);
  const measured = missing.length === 0 ? [] : await measureMissing(settings, host, missing, known, passes);
  const rows = plans.flatMap((plan, index) => {
    const row = kept[index] ?? measured.find((one) => isOf(one, plan, vectorBits));
    return row === undefined ? [] : [row];
  });
  const toKeep = settings.quick ? [] : measured.filter((row) => isSteady(row, passes));
  return { rows, notes: [...cached.notes, ...notes, ...(toKeep.length === 0 ? [] : cache.write(toKeep))] };
}

function plansOf({ threads }: RoofSettings, { builds, environment }: RoofHost): readonly RoofPlan[] {
  const { l1dBytes, l2Bytes, l3Bytes = 0, cpuCores } = environment;
  const sizes: CacheSizes = { l1Bytes: l1dBytes, l2Bytes, l3Bytes };
  const counts =
    threads === undefined ? threadCounts(cpuCores) : [...new Set(threads)].sort((one, other) => one - other);
  const [best] = builds;
  return [
    ...builds.flatMap((build) => counts.flatMap((count) => planPeaks(builtFor(build, count)))),
    // Reads are the same instructions in every target.
    ...counts.flatMap((count) => planReads(builtFor(best, count), sizes)),
  ];
}

function builtFor({ target, kernels }: KernelsHere, threads: number) {
  return { target, module: kernels, threads };
}

/** 1 to the number of cores, or 1, 2, 4 … and that number. */
function threadCounts(cores: number): readonly number[] {
  if (cores <= MOST_COUNTED_THREADS) return Array.from({ length: cores }, (_, index) => index + 1);
  const doubled = Array.from({ length: Math.ceil(Math.log2(cores)) }, (_, power) => 2 ** power);
  return [...doubled, cores];
}

/** Leaves out what does not fit into half of the memory that there is. */
function affordable(
  plans: readonly RoofPlan[],
  availableBytes: number,
): { plans: readonly RoofPlan[]; notes: readonly string[] } {
  const bytesOf = ({ loops }: RoofPlan): number => Math.max(...loops.map(({ totalBytes }) => totalBytes));
  const fits = (plan: RoofPlan): boolean => bytesOf(plan) <= availableBytes / 2;
  const notes = plans
    .filter((plan) => !fits(plan))
    .map(
      (plan) =>
        `${roofName(plan)} was not measured: it needs ${formatBytes(bytesOf(plan))}, and half of the ${formatBytes(availableBytes)} that are free is less.`,
    );
  return { plans: plans.filter(fits), notes };
}

function isUsable(row: RoofRow, plan: RoofPlan, vectorBits: VectorBits, passes: PassCount): boolean {
  return isSteady(row, passes) && isOf(row, plan, vectorBits);
}

/** One that is unstable is measured anew the next time. */
function isSteady({ status, passes }: RoofRow, { least }: PassCount): boolean {
  return status !== "unstable" && passes >= least;
}

function isOf(row: RoofRow, { kernel, target, threads, level }: RoofPlan, vectorBits: VectorBits): boolean {
  return (
    row.kernel === kernel &&
    row.target === target &&
    row.threads === threads &&
    row.level === level &&
    (row.revectorized === true) === (vectorBits === 256)
  );
}

async function measureMissing(
  { signal, onProgress }: RoofSettings,
  { builds, environment, vectorBits }: RoofHost,
  missing: readonly RoofPlan[],
  known: readonly RoofRow[],
  passes: PassCount,
): Promise<readonly RoofRow[]> {
  const [best] = builds;
  const pool = startResidentPool(workerUrl, Math.max(...missing.map(({ threads }) => threads)));
  let shown = 0;
  const onRoof = (plan: RoofPlan, pass: number, roofs: number): void => {
    const again = pass > passes.least;
    if (pass === shown || (again && pass % 4 !== 0)) return;
    shown = pass;
    const what = roofs > 1 || plan.kernel === "clock" ? `${roofs} roofs` : roofName(plan);
    const text = again ? `pass ${pass}, again over ${what}: passes do not agree` : `pass ${pass} over ${what}`;
    onProgress({ text, done: pass - 1, total: again ? passes.most : passes.least });
  };
  try {
    const clock = planClock({ target: best.target, module: best.kernels });
    const run = { pool, cores: environment.cpuCores, vectorBits, signal, onRoof };
    const roofs = await measurePasses(run, [clock, ...missing], passes, known.map(ratedRoof));
    const clockHz = roofs.find(({ plan }) => plan === clock)?.perSecond ?? 0;
    const measuredAt = new Date().toISOString();
    return roofs.filter(({ plan }) => plan !== clock).map((roof) => roofRow(roof, clockHz, vectorBits, measuredAt));
  } finally {
    await pool.destroy();
  }
}

function ratedRoof({ kernel, target, threads, level, spread, flopsPerSecond, bytesPerSecond }: RoofRow): RatedRoof {
  return {
    ...{ kernel, target, threads, perSecond: flopsPerSecond ?? bytesPerSecond ?? 0 },
    ...(level === undefined ? {} : { level }),
    ...(spread === undefined ? {} : { spread }),
  };
}

function roofRow(roof: PassedRoof, clockHz: number, vectorBits: VectorBits, measuredAt: string): RoofRow {
  const { plan, form, perSecond, passes, spread, samplesNs } = roof;
  const { kernel, target, threads, level, workingSetBytes } = plan;
  if (kernel === "clock") throw new Error("the clock is no roof");
  const common = {
    row: "roof" as const,
    kind: "measured" as const,
    kernel,
    ...(level === undefined ? { dtype: kernel === "roof.int8Dot" ? "int8" : "f32" } : { level }),
    target,
    ...revectorized(vectorBits),
    threads,
    ...statusOf(roof, clockHz, vectorBits),
    ...(level === undefined ? { flopsPerSecond: perSecond } : { bytesPerSecond: perSecond }),
    ...(spread === undefined ? {} : { spread }),
    passes,
    samples: samplesNs.length,
    form: level === undefined ? `tile=${form}` : `level=${level}`,
    ...(workingSetBytes === undefined ? {} : { workingSetBytes }),
    ...(kernel === "roof.multiplyAdd" && clockHz > 0 ? { clockHz } : {}),
  };
  return { ...common, measuredAt, cached: false };
}

function statusOf(roof: PassedRoof, clockHz: number, vectorBits: VectorBits): Pick<RoofRow, "status" | "statusReason"> {
  if (roof.unstable !== undefined) return { status: "unstable", statusReason: roof.unstable };
  if (roof.plan.kernel !== "roof.multiplyAdd" || !isBelowClock(roof, clockHz, vectorBits)) return { status: "ok" };
  return { status: "roofSuspect", statusReason: suspectReason(roof.plan.target, vectorBits) };
}

/** Such as `f32 relaxed, 2 threads` or `DRAM, 1 thread`. */
export function roofName(
  roof: Pick<RoofRow, "target" | "threads"> & { readonly kernel: string; readonly level?: string | undefined },
): string {
  const { kernel, target, threads, level } = roof;
  const what = level ?? `${kernel === "roof.int8Dot" ? "int8" : "f32"} ${target}`;
  return `${what}, ${threads} thread${threads === 1 ? "" : "s"}`;
}
