import { availableParallelism } from "node:os";
import { median } from "simple-statistics";
import { readCaches } from "../src/host/caches.ts";
import { type ResidentPool, startResidentPool } from "../src/host/pool.ts";
import { settleVectorBits } from "../src/host/vectorWidth.ts";
import type { KernelCase } from "../src/kernels/case.ts";
import { readKernelModule } from "../src/kernels/files.ts";
import { createMemory, instantiateKernels, type KernelModule } from "../src/kernels/load.ts";
import { pickTarget, type Target } from "../src/kernels/target.ts";
import type { Dtype } from "../src/kernels/weights.ts";
import { compileForHost } from "../src/measure/calibration.ts";
import type { PassCount } from "../src/measure/roofPasses.ts";
import { type HostRoofs, measureRoofs } from "../src/measure/roofs.ts";
import { startRunner, workerUrl } from "../src/measure/runner.ts";
import { type SamplePlan, type Samples, sampleCall } from "../src/measure/sample.ts";
import { formatDuration, formatPercent, formatRate } from "../src/units/format.ts";

/** This machine with so many kernel threads, its roofs measured. */
export interface BenchHost {
  readonly target: Target;
  readonly roofs: HostRoofs;
  /** Samples a kernel with tinybench, after its check. @throws Error where it is off its reference. */
  sample(kernelCase: KernelCase): Promise<Samples>;
  /** Puts a kernel on threads of its own, ready to be called, after its check. @throws Error where it is off its reference. */
  start(kernelCase: KernelCase): Promise<StartedCase>;
}

/** A kernel on the threads of a host. */
export interface StartedCase {
  readonly memory: WebAssembly.Memory;
  /** Calls it and gives the mean nanoseconds of a call. */
  callNs(calls: number): Promise<number>;
  stop(): Promise<void>;
}

const PLAN: SamplePlan = {
  minSamples: 10,
  minSlowSamples: 5,
  slowNs: 5e8,
  minTimeNs: 5e8,
  warmups: 3,
  minSampleNs: 5e6,
};

const PASSES: PassCount = { least: 4, most: 16, passNs: 4e7 };

/** Starts the threads, measures the roofs, and ends the threads after `body`. */
export async function onHost<Result>(threads: number, body: (host: BenchHost) => Promise<Result>): Promise<Result> {
  // 256 where Node was started with the flag.
  const vectorBits = settleVectorBits(128);
  const target = await pickTarget(undefined);
  const module = compileForHost(readKernelModule(target, "plain"), target);
  const { l1d, l2, l3 } = readCaches();
  const sizes = { l1Bytes: l1d.sizeBytes, l2Bytes: l2.sizeBytes, l3Bytes: l3?.sizeBytes ?? 0 };
  const { signal } = new AbortController();
  const pool = startResidentPool(workerUrl, threads);
  try {
    const run = { pool, cores: availableParallelism(), vectorBits, signal };
    const roofs = await measureRoofs(run, { target, module }, sizes, PASSES);
    const start = (kernelCase: KernelCase): Promise<StartedCase> => startAlone(threads, module, kernelCase, signal);
    return await body({
      target,
      roofs,
      start,
      sample: async (kernelCase) => sampled(await startOn(pool, module, kernelCase, signal), signal),
    });
  } finally {
    await pool.destroy();
  }
}

async function sampled({ callNs, stop }: StartedCase, signal: AbortSignal): Promise<Samples> {
  try {
    return await sampleCall(callNs, PLAN, signal);
  } finally {
    await stop();
  }
}

/** A thread keeps the kernel that it was given, so several at a time need threads of their own. */
async function startAlone(
  threads: number,
  module: KernelModule,
  kernelCase: KernelCase,
  signal: AbortSignal,
): Promise<StartedCase> {
  const pool = startResidentPool(workerUrl, threads);
  try {
    const started = await startOn(pool, module, kernelCase, signal);
    const stop = async (): Promise<void> => {
      await started.stop();
      await pool.destroy();
    };
    return { ...started, stop };
  } catch (error) {
    await pool.destroy();
    throw error;
  }
}

async function startOn(
  pool: ResidentPool,
  module: KernelModule,
  kernelCase: KernelCase,
  signal: AbortSignal,
): Promise<StartedCase> {
  const memory = createMemory(kernelCase.totalBytes);
  kernelCase.prepare(instantiateKernels(module, memory), memory);
  const programs = Array.from({ length: pool.threads }, (_, rank) => kernelCase.steps(rank, pool.threads));
  const runner = startRunner(pool, module, memory, programs, availableParallelism(), signal);
  await runner.run(1);
  const { ok, maxErrorFraction } = kernelCase.check(memory);
  if (!ok) {
    await runner.stop();
    throw new Error(`off its reference: ${maxErrorFraction} times the tolerance`);
  }
  const callNs = async (calls: number): Promise<number> => {
    const segments = await runner.run(calls);
    return kernelCase.segmentWeights.reduce((sum, weight, segment) => sum + weight * (segments[segment] ?? 0), 0);
  };
  return { memory, callNs, stop: () => runner.stop() };
}

/** A kernel's rate as a share of the multiply-add (f32) or dot (int8) roof of the same run; undefined where the f32 roof is suspect. */
export function shareOfRoof(
  host: BenchHost,
  dtype: Dtype,
  flops: number,
  samples: Pick<Samples, "medianNs">,
): number | undefined {
  const { float32, int8, suspect } = host.roofs;
  if (dtype === "f32" && suspect) return undefined;
  return ((flops / samples.medianNs) * 1e9) / (dtype === "f32" ? float32 : int8).perSecond;
}

/** The roofs that the lines after this one refer to. */
export function roofLine({ target, roofs }: BenchHost): string {
  const { threads, float32, int8, clockHz, suspect } = roofs;
  const doubt = suspect ? ", suspect: more than 15% below clock x width" : "";
  return (
    `target ${target}, ${threads} thread${threads === 1 ? "" : "s"}: ` +
    `multiply-add ${formatRate(float32.perSecond)} (tile ${float32.form}, ${formatDuration(1e9 / clockHz)} a cycle${doubt}), ` +
    `int8 dot ${formatRate(int8.perSecond)} (tile ${int8.form})`
  );
}

/** One kernel: time, rate, share of the roof. */
export function sampleLine(
  name: string,
  flops: number,
  samples: Pick<Samples, "medianNs" | "madNs">,
  share: number | undefined,
): string {
  const { medianNs, madNs } = samples;
  const time = `${formatDuration(medianNs)} ± ${formatDuration(madNs, 2)}`;
  const ofRoof = share === undefined ? "no share: suspect roof" : `${formatPercent(share)} of the roof`;
  return `  ${name.padEnd(40)}${time.padEnd(24)}${formatRate((flops / medianNs) * 1e9).padEnd(16)}${ofRoof}`;
}

/** The median of a few numbers. */
export function medianOf(values: readonly number[]): number {
  return median([...values]);
}
