import type { KernelCase } from "../kernels/case.ts";
import { kernelFunction } from "../kernels/exports.ts";
import { readKernelModule } from "../kernels/files.ts";
import { compileKernels, instantiateKernels } from "../kernels/load.ts";
import type { Target } from "../kernels/target.ts";
import type { AddressRange, CacheGeometry, RangeTraffic } from "./cacheModel.ts";
import { COUNT_NAMES, type Counts, readCounts, resetCounts, zeroCounts } from "./counts.ts";
import { replayCase } from "./replay.ts";

/** A case that is traced in place of a larger one: each buffer's bytes stand for `scale` times as many. */
export interface TracePlan {
  readonly kernelCase: KernelCase;
  readonly scaleOf: (bufferName: string) => number;
}

/** Bytes that one call brings from memory through the modeled L2, by what they hold. */
export interface Traffic {
  readonly missedBytes: number;
  /** Every line once: what an endless cache would bring. */
  readonly distinctBytes: number;
}

/**
 * What one call executes on one thread, by the instrumented module: the program runs once on the case's own memory, and each
 * segment counts as often as its weight says.
 */
export function countCase(target: Target, kernelCase: KernelCase, memory: WebAssembly.Memory): Counts {
  const exports = instantiateKernels(compileKernels(readKernelModule(target, "counted")), memory);
  const total = zeroCounts();
  let segment = 0;
  resetCounts(exports);
  const flush = (): void => {
    const counts = readCounts(exports);
    const weight = kernelCase.segmentWeights[segment] ?? 1;
    for (const name of COUNT_NAMES) total[name] += counts[name] * weight;
    resetCounts(exports);
  };
  for (const step of kernelCase.steps(0, 1)) {
    if (step.kind === "call") kernelFunction(exports, step.name)(...step.args);
    if (step.kind !== "segment") continue;
    flush();
    segment = step.segment;
  }
  flush();
  return total;
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
  const sum = (lines: (range: RangeTraffic) => number): number =>
    traffic.ranges.reduce((total, range) => total + lines(range) * geometry.lineBytes * plan.scaleOf(range.name), 0);
  return {
    missedBytes: sum(({ levels }) => levels[0]?.fetchedLines ?? 0),
    distinctBytes: sum(({ distinctLines }) => distinctLines),
  };
}
