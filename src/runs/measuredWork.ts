import { setImmediate } from "node:timers/promises";
import type { Target } from "../kernels/target.ts";
import { acceleratorLevels } from "../measure/cacheLevels.ts";
import { type HierarchyTraffic, MEMORY_LEVEL, traceLevels } from "../measure/levelTraffic.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type KernelShape, kernelWork, shapeText } from "../workload/kernelShape.ts";
import type { ProgressEvent } from "./settings.ts";
import { type StandIn, standInFor } from "./standIn.ts";

/** What our kernels execute and bring from memory in place of an accelerator's. */
export interface MeasuredWork {
  /** FLOPs of the matrix products, a multiply-add being two. */
  readonly flops: number;
  /** KV cache and weights that come from memory through the accelerator's L2 cache. */
  readonly streamedBytes: number;
  /** What ran. */
  readonly text: string;
}

/** A kernel to count for an accelerator. */
export interface CountedKernel {
  readonly shape: KernelShape;
  /** Absent: an endless cache, since the accelerator's is not known. */
  readonly l2Bytes: number | undefined;
  /** For what is said while it is counted. */
  readonly text: string;
}

/** What a kernel came to; undefined where it was not counted by the time the run ended. */
export type CountedWork = (shape: KernelShape, l2Bytes: number | undefined) => MeasuredWork | undefined;

/**
 * Counts kernels on a target, each kernel and cache once.
 * @throws InvalidInputError, InfeasibleError as `measureWork`
 */
export async function countWorks(
  target: Target,
  kernels: readonly CountedKernel[],
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (event: ProgressEvent) => void },
): Promise<CountedWork> {
  const distinct = new Map<string, CountedKernel>();
  for (const kernel of kernels) {
    const key = keyOf(kernel.shape, kernel.l2Bytes);
    distinct.set(key, distinct.get(key) ?? kernel);
  }
  const counted = new Map<string, MeasuredWork>();
  for (const [key, { shape, l2Bytes, text }] of distinct) {
    onProgress({ text, done: counted.size, total: distinct.size });
    // Counting holds this thread: a moment to hear of Ctrl-C, and to print.
    await setImmediate();
    if (signal.aborted) break;
    counted.set(key, measureWork(target, shape, l2Bytes));
  }
  return (shape, l2Bytes) => counted.get(keyOf(shape, l2Bytes));
}

function keyOf(shape: KernelShape, l2Bytes: number | undefined): string {
  return JSON.stringify([shape, l2Bytes]);
}

/**
 * Runs our kernels at a shape, counts their products and feeds their addresses to a model of the accelerator's L2 cache.
 *
 * @param l2Bytes absent: an endless cache, since the accelerator's is not known.
 * @throws InvalidInputError where no kernel here has the shape, InfeasibleError where it does not fit into memory.
 */
export function measureWork(target: Target, shape: KernelShape, l2Bytes: number | undefined): MeasuredWork {
  const standIn = requireStandIn(shape);
  const { elementScale } = standIn;
  const levels = l2Bytes === undefined ? [] : acceleratorLevels(l2Bytes, elementScale);
  const counted = standIn.cases.map(({ build, times }) => {
    const traffic = traceLevels(target, buildCase(build, shape), levels);
    const { matrixFlops, matrixInt8Ops } = traffic.counts;
    return {
      flops: (matrixFlops + matrixInt8Ops) * times,
      bytes: (streamedBytes(traffic) / elementScale) * times,
    };
  });
  return {
    flops: counted.reduce((sum, { flops }) => sum + flops, 0),
    streamedBytes: counted.reduce((sum, { bytes }) => sum + bytes, 0),
    text: standIn.text,
  };
}

/** The shape's work with counted FLOPs and streamed bytes; activations stay modeled, as the fitted constants take them. */
export function withMeasured(shape: KernelShape, { flops, streamedBytes }: MeasuredWork) {
  return { ...kernelWork(shape), flops, streamedBytes };
}

function streamedBytes({ levels, touchedBytes }: HierarchyTraffic): number {
  const memory = levels.find(({ level }) => level === MEMORY_LEVEL);
  if (memory === undefined) return touchedBytes.kv + touchedBytes.weights;
  return memory.kinds.kv.loadBytes + memory.kinds.weights.loadBytes;
}

function requireStandIn(shape: KernelShape): StandIn {
  const found = standInFor(shape);
  if ("unsupported" in found) throw unsupported(shape, found.unsupported);
  return found;
}

function buildCase<Case>(build: () => Case, shape: KernelShape): Case {
  try {
    return build();
  } catch (error) {
    if (error instanceof InvalidInputError) throw unsupported(shape, error.message);
    throw error;
  }
}

function unsupported(shape: KernelShape, why: string): InvalidInputError {
  const value = `${shape.kind} ${shapeText(shape)}`;
  return new InvalidInputError({ field: "--measured", value, expected: `a shape that a kernel here has (${why})` });
}
