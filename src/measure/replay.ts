import type { KernelCase } from "../kernels/case.ts";
import { readKernelModule } from "../kernels/files.ts";
import { compileKernels, createGrowingMemory, createMemory, instantiateKernels } from "../kernels/load.ts";
import { runSteps } from "../kernels/program.ts";
import type { Target } from "../kernels/target.ts";
import {
  type AddressRange,
  type CacheExports,
  type CacheGeometry,
  type CacheTraffic,
  readCache,
  startCache,
} from "./cacheModel.ts";
import { type Counts, readCounts, resetCounts } from "./counts.ts";

/** What one call did to the caches, and what it executed. */
export interface Replay {
  readonly traffic: CacheTraffic;
  /** Every segment once, whatever its weight. */
  readonly counts: Counts;
}

/**
 * Runs one call on one thread and feeds every address to cold caches as it is accessed; the trace is stored nowhere. Changed
 * lines are written to memory at the end.
 *
 * @throws {RangeError} as startCache.
 */
export function replayCase(
  target: Target,
  kernelCase: KernelCase,
  levels: readonly CacheGeometry[],
  ranges: readonly AddressRange[],
): Replay {
  const memory = createMemory(kernelCase.totalBytes);
  const plain = compileKernels(readKernelModule(target, "plain"));
  kernelCase.prepare(instantiateKernels(plain, memory), memory);
  const cache = instantiateKernels(plain, createGrowingMemory()) as unknown as CacheExports;
  startCache(cache, levels, ranges, memory.buffer.byteLength);
  const traced = instantiateKernels(compileKernels(readKernelModule(target, "traced")), memory, cache.cacheAccess);
  resetCounts(traced);
  runSteps(traced, kernelCase.steps(0, 1));
  cache.cacheFlush();
  return { traffic: readCache(cache, levels, ranges), counts: readCounts(traced) };
}
