import type { KernelCase } from "../kernels/case.ts";
import type { Target } from "../kernels/target.ts";
import type { AddressRange, CacheGeometry } from "./cacheModel.ts";
import { countParts, totalCounts } from "./countParts.ts";
import type { Counts } from "./counts.ts";
import { replayCase } from "./replay.ts";

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
  const ranges: AddressRange[] = plan.kernelCase.buffers
    .filter((buffer) => buffer.kind === "kv" || buffer.kind === "weights")
    .map(({ name, address, bytes }) => ({ name, begin: address, end: address + bytes }));
  const { traffic } = replayCase(target, plan.kernelCase, [geometry], ranges);
  const buffers = traffic.ranges.map(({ name, levels, distinctLines }) => {
    const lineBytes = geometry.lineBytes * plan.scaleOf(name);
    return {
      name,
      missedBytes: (levels[0]?.fetchedLines ?? 0) * lineBytes,
      distinctBytes: distinctLines * lineBytes,
    };
  });
  return {
    missedBytes: buffers.reduce((sum, { missedBytes }) => sum + missedBytes, 0),
    distinctBytes: buffers.reduce((sum, { distinctBytes }) => sum + distinctBytes, 0),
    buffers,
  };
}
