import type { HostCaches } from "../host/caches.ts";
import { cacheGeometry } from "./cacheModel.ts";
import type { CacheLevel } from "./levelTraffic.ts";

/**
 * Ways and line of an accelerator's L2 cache, which data sheets do not print: those that were measured on NVIDIA's. Streams
 * through a cache of many megabytes hardly depend on them (docs/measuring.md).
 *
 * @source Jia et al., Dissecting the NVIDIA Volta GPU Architecture via Microbenchmarking (2018): 16 ways; CUDA's best
 *   practices guide: lines of 128 bytes in sectors of 32
 */
const ACCELERATOR_WAYS = 16;
const ACCELERATOR_LINE_BYTES = 128;

/** This host's caches as one core sees them, all with the lines of its L2. */
export function hostLevels({ l1d, l2, l3 }: HostCaches): readonly CacheLevel[] {
  const found = [{ name: "L1", ...l1d }, { name: "L2", ...l2 }, ...(l3 === undefined ? [] : [{ name: "L3", ...l3 }])];
  return found.map(({ name, sizeBytes, ways }) => ({ name, geometry: cacheGeometry(sizeBytes, ways, l2.lineBytes) }));
}

/**
 * An accelerator's L2 cache alone: what stands before it is shared memory that kernels fill themselves.
 *
 * @param elementScale how many bytes here stand for one there: a cache of as many elements is as many times larger.
 */
export function acceleratorLevels(l2Bytes: number, elementScale = 1): readonly CacheLevel[] {
  const lineBytes = ACCELERATOR_LINE_BYTES * elementScale;
  return [{ name: "L2", geometry: cacheGeometry(l2Bytes * elementScale, ACCELERATOR_WAYS, lineBytes) }];
}
