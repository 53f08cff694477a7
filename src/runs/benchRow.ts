import type { HostCaches } from "../host/caches.ts";
import type { ResidentPool } from "../host/pool.ts";
import type { VectorBits } from "../host/vectorWidth.ts";
import type { KernelCase } from "../kernels/case.ts";
import { createMemory, instantiateKernels, type KernelModule } from "../kernels/load.ts";
import type { Target } from "../kernels/target.ts";
import { cacheGeometry } from "../measure/cacheModel.ts";
import { countCase, type Traffic, traceCase } from "../measure/counting.ts";
import type { Counts } from "../measure/counts.ts";
import type { PassedRoof } from "../measure/roofPasses.ts";
import type { CacheSizes } from "../measure/roofPlan.ts";
import { type HostRoofs, levelOf } from "../measure/roofs.ts";
import { startRunner, TimedOutError } from "../measure/runner.ts";
import { type SamplePlan, type Samples, sampleCall } from "../measure/sample.ts";
import type { KernelRow } from "../record/benchRows.ts";
import { attainableFlopsPerSecond, boundOf } from "../theory/roofline.ts";
import { InfeasibleError } from "../units/errors.ts";
import { revectorized, suspectReason } from "./benchRoofs.ts";
import { scaleBetween } from "./benchTrace.ts";
import type { Modeled, PlannedRow, TracedShape } from "./plannedRow.ts";

/** What every row of a run is measured with. */
export interface Bench {
  readonly target: Target;
  readonly vectorBits: VectorBits;
  readonly module: KernelModule;
  readonly caches: HostCaches;
  readonly sizes: CacheSizes;
  readonly cores: number;
  readonly plan: SamplePlan;
  readonly signal: AbortSignal;
}

/**
 * Measures one planned row: prepares it, runs it once, checks it against the reference, samples it, counts and traces it.
 * Whatever goes wrong with the kernel becomes the row's status; an interruption throws.
 */
export async function measureRow(
  bench: Bench,
  planned: PlannedRow,
  pool: ResidentPool,
  roofs: HostRoofs,
): Promise<KernelRow> {
  const base = {
    row: "kernel" as const,
    kind: "measured" as const,
    ...planned.fields,
    target: bench.target,
    ...revectorized(bench.vectorBits),
    ...modeledFields(planned.modeled),
  };
  if (planned.build === undefined) return { ...base, status: "unsupported", ...reason(planned.unsupported) };
  try {
    const kernelCase = planned.build();
    const memory = createMemory(kernelCase.totalBytes);
    kernelCase.prepare(instantiateKernels(bench.module, memory), memory);
    const timed = await sampleCase(bench, kernelCase, memory, pool);
    if (timed.samples === undefined) {
      return {
        ...base,
        status: "failedCheck",
        statusReason: "an output is farther from the float64 reference than the tolerance",
        ...(Number.isFinite(timed.maxErrorFraction) ? { maxErrorFraction: timed.maxErrorFraction } : {}),
      };
    }
    const counts = countCase(bench.target, kernelCase, memory);
    if (planned.movedBytes !== undefined)
      return {
        ...base,
        ...movedFields(planned.movedBytes, counts, timed.samples),
        maxErrorFraction: timed.maxErrorFraction,
      };
    const { l2 } = bench.caches;
    const trace: TracedShape = planned.trace?.() ?? { kernelCase };
    const scaleOf = scaleBetween(kernelCase, trace.kernelCase, l2.lineBytes);
    const geometry = cacheGeometry(l2.sizeBytes, l2.ways, l2.lineBytes);
    const traffic = traceCase(bench.target, { kernelCase: trace.kernelCase, scaleOf }, geometry);
    const workingSetBytes = kernelCase.buffers
      .filter(({ kind }) => kind === "kv" || kind === "weights")
      .reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      ...base,
      maxErrorFraction: timed.maxErrorFraction,
      ...(trace.shape === undefined ? {} : { traceShape: trace.shape }),
      workingSetBytes,
      ...sampleFields(timed.samples),
      ...countFields(counts),
      ...intensityFields(counts, traffic, planned.modeled),
      ...roofFields(bench, roofs, counts, traffic, timed.samples, workingSetBytes),
    };
  } catch (error) {
    if (bench.signal.aborted) throw error;
    return { ...base, ...failure(error) };
  }
}

/** A row without products: its rate is that of the bytes it reads and writes. */
function movedFields(
  movedBytes: number,
  counts: Counts,
  samples: Samples,
): Pick<KernelRow, "status"> & Partial<KernelRow> {
  const { elementwiseFlops, conversions, loadBytes: countedLoadBytes, storeBytes: countedStoreBytes } = counts;
  return {
    ...steadiness(samples),
    ...sampleFields(samples),
    elementwiseFlops,
    conversions,
    countedLoadBytes,
    countedStoreBytes,
    bytesPerSecond: (movedBytes / samples.medianNs) * 1e9,
  };
}

interface Timed {
  readonly maxErrorFraction: number;
  /** Absent where the check failed: no time without a right answer. */
  readonly samples?: Samples;
}

async function sampleCase(
  bench: Bench,
  kernelCase: KernelCase,
  memory: WebAssembly.Memory,
  pool: ResidentPool,
): Promise<Timed> {
  const programs = Array.from({ length: pool.threads }, (_, rank) => kernelCase.steps(rank, pool.threads));
  const runner = startRunner(pool, bench.module, memory, programs, bench.cores, bench.signal);
  try {
    await runner.run(1);
    const { ok, maxErrorFraction } = kernelCase.check(memory);
    if (!ok) return { maxErrorFraction };
    const callNs = async (calls: number): Promise<number> => {
      const segments = await runner.run(calls);
      return kernelCase.segmentWeights.reduce((sum, weight, segment) => sum + weight * (segments[segment] ?? 0), 0);
    };
    return { maxErrorFraction, samples: await sampleCall(callNs, bench.plan, bench.signal) };
  } finally {
    await runner.stop();
  }
}

function modeledFields({ flops, valueBytes }: Modeled): Partial<KernelRow> {
  return valueBytes === 0 ? {} : { modeledFlops: flops, modeledFlopsPerByte: flops / valueBytes };
}

function reason(text: string | undefined): Partial<KernelRow> {
  return text === undefined ? {} : { statusReason: text };
}

function sampleFields({ samplesNs, medianNs, madNs, p99Ns }: Samples): Partial<KernelRow> {
  return {
    medianNs,
    madNs,
    ...(p99Ns === undefined ? {} : { p99Ns }),
    samples: samplesNs.length,
    samplesNs: [...samplesNs],
  };
}

/** FLOPs (or int8 operations) of the matrix products. */
function matrixOps(counts: Counts): number {
  return counts.matrixFlops + counts.matrixInt8Ops;
}

function countFields(counts: Counts): Partial<KernelRow> {
  return {
    flops: matrixOps(counts),
    elementwiseFlops: counts.elementwiseFlops,
    conversions: counts.conversions,
    countedLoadBytes: counts.loadBytes,
    countedStoreBytes: counts.storeBytes,
  };
}

/**
 * Measured intensity and the steps that lead to it from the modeled one: each factor is exchanged in turn (bytes of values for bytes as
 * stored, modeled FLOPs for executed ones, stored bytes for whole lines, lines once for lines as often as they came), so the steps add up to modeled - measured. A step is what intensity loses by it: padding that executes more FLOPs is negative.
 */
export function intensityFields(counts: Counts, traffic: Traffic, modeled: Modeled): Partial<KernelRow> {
  const flops = matrixOps(counts);
  if (traffic.missedBytes === 0 || modeled.valueBytes === 0) return {};
  const measured = flops / traffic.missedBytes;
  const values = modeled.flops / modeled.valueBytes;
  const stored = modeled.flops / modeled.storedBytes;
  const executed = flops / modeled.storedBytes;
  const lines = flops / traffic.distinctBytes;
  const gaps = {
    gapScalesFlopsPerByte: values - stored,
    gapPaddingFlopsPerByte: stored - executed,
    gapPartialLinesFlopsPerByte: executed - lines,
    gapRereadFlopsPerByte: lines - measured,
  };
  const explained = Object.values(gaps).reduce((sum, gap) => sum + gap, 0);
  return {
    measuredFlopsPerByte: measured,
    intensityRatio: measured / values,
    ...gaps,
    gapResidualFlopsPerByte: values - measured - explained,
  };
}

function roofFields(
  bench: Bench,
  roofs: HostRoofs,
  counts: Counts,
  traffic: Traffic,
  samples: Samples,
  workingSetBytes: number,
): Pick<KernelRow, "status"> & Partial<KernelRow> {
  const isInt8 = counts.matrixInt8Ops > counts.matrixFlops;
  const peak = isInt8 ? roofs.int8 : roofs.float32;
  const flops = matrixOps(counts);
  const flopsPerSecond = (flops / samples.medianNs) * 1e9;
  const level = levelOf(roofs, bench.sizes, workingSetBytes);
  const machine = { flopsPerSecond: peak.perSecond, bytesPerSecond: level.perSecond };
  const roofFlopsPerSecond =
    traffic.missedBytes === 0 ? peak.perSecond : attainableFlopsPerSecond(machine, flops / traffic.missedBytes);
  const isCompute = roofFlopsPerSecond === peak.perSecond;
  const doubt = doubtOf(bench, roofs, isCompute ? peak : level);
  return {
    ...(doubt === undefined ? steadiness(samples) : { status: "roofSuspect", statusReason: doubt }),
    flopsPerSecond,
    bytesPerSecond: (traffic.missedBytes / samples.medianNs) * 1e9,
    roofFlopsPerSecond,
    ...(doubt === undefined ? { roofFraction: flopsPerSecond / roofFlopsPerSecond } : {}),
    bound: boundOf(machine, { flops, bytes: traffic.missedBytes }),
    level: level.level,
  };
}

/** Why the roof that limits a row says little; undefined where it stands. */
function doubtOf({ target, vectorBits }: Bench, roofs: HostRoofs, limit: PassedRoof): string | undefined {
  if (limit === roofs.float32 && roofs.suspect) return suspectReason(target, vectorBits);
  return limit.unstable === undefined ? undefined : `its roof is unstable: ${limit.unstable}`;
}

/**
 * A median that lies farther above the fastest sample than this share of it says more about the machine than about the kernel
 * (docs/measuring.md).
 */
const steadyShare = 0.15;

function steadiness({ medianNs, samplesNs }: Samples): Pick<KernelRow, "status" | "statusReason"> {
  const share = 1 - samplesNs.reduce((one, other) => Math.min(one, other), medianNs) / medianNs;
  if (share <= steadyShare) return { status: "ok" };
  const [percent, limit] = [share, steadyShare].map((fraction) => `${Math.round(fraction * 100)}%`);
  return {
    status: "unstable",
    statusReason: `the fastest sample took ${percent} less than the median, above ${limit}: the machine was disturbed`,
  };
}

/** What went wrong with a kernel, as its status. */
export function failure(error: unknown): Pick<KernelRow, "status" | "statusReason"> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InfeasibleError || error instanceof RangeError)
    return { status: "outOfMemory", statusReason: message };
  if (error instanceof TimedOutError) return { status: "timedOut", statusReason: message };
  return { status: "trapped", statusReason: message };
}
