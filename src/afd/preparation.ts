import type { Arena, Buffer } from "../kernels/arena.ts";

import { type KernelExports, kernelFunction } from "../kernels/exports.ts";
import { shareOf } from "../kernels/program.ts";
import type { PreparationTask } from "../kernels/weights.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { WireTensor } from "./stages.ts";

/** Threads of an instance that make its weights at most; each needs scratch of its own. */
const mostPreparers = 4;

/** What preparing takes: what is cleared before, and where rows are made before they are packed. */
export interface Preparation {
  readonly cleared: readonly Buffer[];
  readonly scratch: readonly Buffer[];
}

/**
 * All that was allocated since `begin` is cleared, but for weights, which are made whole, and for what peers write, who may be ahead.
 * So what lies between a message's rows is the same in every life of an instance, too.
 *
 * @param begin - buffers of the arena before the instance's own.
 */
export function preparationOf(
  arena: Arena,
  begin: number,
  receives: readonly WireTensor[],
  scratchBytes: number,
): Preparation {
  const received = new Set(receives.map(({ address }) => address));
  const cleared = arena.buffers
    .slice(begin)
    .filter(({ kind, name, address }) => (kind !== "weights" || name.endsWith("Bias")) && !received.has(address));
  const scratch = Array.from({ length: mostPreparers }, () => arena.allocate("packScratch", "scratch", scratchBytes));
  return { cleared, scratch };
}

/** Clears, then shares the tasks out among the instance's threads. */
export function prepareShared(
  { cleared, scratch }: Preparation,
  exports: KernelExports,
  tasks: readonly PreparationTask[],
  rank: number,
  ranks: number,
  meet: () => void,
): void {
  const clear = kernelFunction(exports, "clearBytes");
  for (const { address, bytes } of cleared) {
    const { first, last } = shareOf(bytes, rank, ranks);
    clear(address + first, last - first);
  }
  meet();
  const preparers = Math.min(ranks, mostPreparers);
  const own = scratch[rank];
  if (own !== undefined)
    for (let task = rank; task < tasks.length; task += preparers) (tasks[task] as PreparationTask)(own.address);
  meet();
}

/** Refuses a memory that ends before an instance does: kernels check no address. */
export function requireMemory(
  { memoryBytes }: { readonly memoryBytes: number },
  { buffer: { byteLength } }: WebAssembly.Memory,
): void {
  if (memoryBytes > byteLength)
    throw new InfeasibleError(`an instance needs ${memoryBytes} bytes, and its memory has ${byteLength}`);
}
