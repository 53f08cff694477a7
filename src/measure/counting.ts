import type { KernelCase } from "../kernels/case.ts";
import { readKernelModule } from "../kernels/files.ts";
import { compileKernels, createGrowingMemory, createMemory, instantiateKernels } from "../kernels/load.ts";
import { runSteps } from "../kernels/program.ts";
import type { Target } from "../kernels/target.ts";
import { type AddressRange, type CacheExports, type CacheGeometry, readCache, startCache } from "./cacheModel.ts";
import { countParts, totalCounts } from "./countParts.ts";
import type { Counts } from "./counts.ts";

/** A case that is traced in place of a larger one: each buffer's bytes stand for `scale` times as many. */
export interface TracePlan {
  readonly kernelCase: KernelCase;
  readonly scaleOf: (bufferName: string) => number;
}

/** Bytes that one call brings from memory through the modeled L2. */
interface BroughtBytes {
  readonly missedBytes: number;
  /** Every line once: what an endless cache would bring. */
  readonly distinctBytes: number;
}

/** What the buffers of KV cache and weights bring, together and each, scaled. */
export interface Traffic extends BroughtBytes {
  readonly buffers: readonly (BroughtBytes & { readonly name: string })[];
}

/**
 * What one call executes on one thread, by the instrumented module: the program runs once on the case's own memory, and each
 * segment counts as often as its weight says.
 */
export function countCase(target: Target, kernelCase: KernelCase, memory: WebAssembly.Memory): Counts {
  return totalCounts(countParts(target, kernelCase, memory));
}

/**
 * Traces one call on one thread and replays its addresses through a cold cache of the given geometry; sums what the buffers of KV
 * cache and weights cost, scaled as the plan says.
 */
export function traceCase(target: Target, plan: TracePlan, geometry: CacheGeometry): Traffic {
  const { kernelCase } = plan;
  const memory = createMemory(kernelCase.totalBytes);
  const plain = compileKernels(readKernelModule(target, "plain"));
  kernelCase.prepare(instantiateKernels(plain, memory), memory);
  const cache = instantiateKernels(plain, createGrowingMemory()) as unknown as CacheExports;
  const ranges: AddressRange[] = kernelCase.buffers
    .filter((buffer) => buffer.kind === "kv" || buffer.kind === "weights")
    .map(({ name, address, bytes }) => ({ name, begin: address, end: address + bytes }));
  startCache(cache, geometry, ranges, memory.buffer.byteLength);
  const traced = instantiateKernels(compileKernels(readKernelModule(target, "traced")), memory, cache.cacheAccess);
  runSteps(traced, kernelCase.steps(0, 1));
  const traffic = readCache(cache, geometry, ranges);
  const buffers = traffic.ranges.map(({ name, missedBytes, distinctLines }) => ({
    name,
    missedBytes: missedBytes * plan.scaleOf(name),
    distinctBytes: distinctLines * geometry.lineBytes * plan.scaleOf(name),
  }));
  return {
    missedBytes: buffers.reduce((sum, { missedBytes }) => sum + missedBytes, 0),
    distinctBytes: buffers.reduce((sum, { distinctBytes }) => sum + distinctBytes, 0),
    buffers,
  };
}
