import { firstAddress } from "../kernels/arena.ts";
import type { KernelCase } from "../kernels/case.ts";
import { kernelFunction } from "../kernels/exports.ts";
import { readKernelModule } from "../kernels/files.ts";
import { compileKernels, createPrivateMemory, instantiateKernels } from "../kernels/load.ts";
import type { Target } from "../kernels/target.ts";
import { COUNT_NAMES, type Counts, readCounts, resetCounts, zeroCounts } from "./counts.ts";
import {
  ARENA_CHUNK_SHIFT,
  type RangeBytes,
  rangeMemoryBytes,
  startRangeCounts,
  takeRangeCounts,
} from "./rangeCounts.ts";

/** What the calls of one kernel function executed for one term of the workload. */
export interface CountedPart {
  /** Label of the term: of a step that stands behind no mark, the case's own. */
  readonly term: string;
  /** The exported function. */
  readonly kernel: string;
  readonly counts: Counts;
  /** Bytes by buffer of the case, in its order. */
  readonly buffers: readonly RangeBytes[];
  /** Bytes of the module's own data: tables, what it keeps of its locals in memory. */
  readonly ownData: RangeBytes;
}

/**
 * What one call executes on one thread, by the instrumented module, told apart by term, function and buffer: the program runs once on
 * the case's own memory, and each segment counts as often as its weight says.
 *
 * @throws Error where an access lies in no buffer and not in the module's own data.
 */
export function countParts(target: Target, kernelCase: KernelCase, memory: WebAssembly.Memory): CountedPart[] {
  const { buffers, segmentWeights } = kernelCase;
  const ranges = [
    { name: "own data", begin: 0, end: firstAddress },
    ...buffers.map(({ name, address, bytes }) => ({ name, begin: address, end: address + bytes })),
  ];
  const map = { chunkShift: ARENA_CHUNK_SHIFT };
  const rangeMemory = createPrivateMemory(rangeMemoryBytes(memory.buffer.byteLength / 2 ** ARENA_CHUNK_SHIFT));
  startRangeCounts(rangeMemory, map, ranges);
  const counted = compileKernels(readKernelModule(target, "counted"));
  const exports = instantiateKernels(counted, memory, undefined, rangeMemory);
  const parts = new Map<string, CountedPart>();
  let [term, kernel, segment] = [kernelCase.work?.term ?? "", "", 0];
  resetCounts(exports);
  const take = (): void => {
    if (kernel === "") return;
    const { ranges: taken, other } = takeRangeCounts(rangeMemory, ranges.length);
    if (other.loadBytes + other.storeBytes > 0) throw new Error(`${kernel} touches no buffer of its case`);
    const [ownData = NO_BYTES, ...bytes] = taken;
    const part = { term, kernel, counts: readCounts(exports), buffers: bytes, ownData };
    const key = `${term} ${kernel}`;
    parts.set(key, sumOf(parts.get(key), part, segmentWeights[segment] ?? 1));
    resetCounts(exports);
    kernel = "";
  };
  for (const step of kernelCase.steps(0, 1)) {
    switch (step.kind) {
      case "barrier":
        break;
      case "term":
        take();
        term = step.term;
        break;
      case "segment":
        take();
        segment = step.segment;
        break;
      case "call":
        if (step.name !== kernel) take();
        kernel = step.name;
        kernelFunction(exports, step.name)(...step.args);
        break;
    }
  }
  take();
  return [...parts.values()];
}

const NO_BYTES: RangeBytes = { loadBytes: 0, storeBytes: 0 };

/** A part, and another one of the same function as often as its weight says. */
function sumOf(sum: CountedPart | undefined, part: CountedPart, weight: number): CountedPart {
  const counts = zeroCounts();
  for (const name of COUNT_NAMES) counts[name] = (sum?.counts[name] ?? 0) + part.counts[name] * weight;
  const bytes = (before: RangeBytes = NO_BYTES, added: RangeBytes): RangeBytes => ({
    loadBytes: before.loadBytes + added.loadBytes * weight,
    storeBytes: before.storeBytes + added.storeBytes * weight,
  });
  const buffers = part.buffers.map((added, index) => bytes(sum?.buffers[index], added));
  return { ...part, counts, buffers, ownData: bytes(sum?.ownData, part.ownData) };
}

/** All parts together. */
export function totalCounts(parts: readonly CountedPart[]): Counts {
  const total = zeroCounts();
  for (const { counts } of parts) for (const name of COUNT_NAMES) total[name] += counts[name];
  return total;
}
