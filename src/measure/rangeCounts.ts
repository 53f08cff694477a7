import type { AddressRange } from "./cacheModel.ts";

/*
 * The memory beside the kernel's own in which an instrumented module counts bytes by range:
 *
 *   0            counters of loads:  SLOTS x 256 ranges x u64
 *   …            counters of stores: the same
 *   MAP_OFFSET   the map: for each chunk of the kernel's memory, the number of its range; 0 is none of them
 */

/** Where the instrumented module imports that memory from. */
export const RANGES_IMPORT = { module: "ranges", name: "memory" } as const;

/** Counters that each range has for loads, and for stores: accesses that stand close together add to different ones. */
export const SLOTS = 8;

export const COUNTER_BYTES = 8;
/** Number 0 and 255 named ones. */
const MOST_RANGES = 256;
const SLOT_BYTES = MOST_RANGES * COUNTER_BYTES;

export const MAP_OFFSET = 2 * SLOTS * SLOT_BYTES;

/** Chunks of our own modules: buffers begin at multiples of 128 and share none (src/kernels/arena.ts). */
export const ARENA_CHUNK_SHIFT = 7;

/** How addresses become ranges: a map says for each chunk of 2^chunkShift bytes which range it belongs to. */
export interface RangeMap {
  readonly chunkShift: number;
  /** The last chunk of the map, which stands for all behind it, too; absent where every address has a chunk of its own. */
  readonly lastChunk?: number;
}

/** Bytes that executed loads and stores asked of one range, caches not regarded. */
export interface RangeBytes {
  readonly loadBytes: number;
  readonly storeBytes: number;
}

/** Where the counters of a slot begin. */
export function slotOffset(isStore: 0 | 1, slot: number): number {
  return (isStore * SLOTS + slot) * SLOT_BYTES;
}

/** Bytes of the memory for a map of so many chunks. */
export function rangeMemoryBytes(chunks: number): number {
  return MAP_OFFSET + chunks;
}

/**
 * Writes the map, and sets all counters to zero. Where ranges overlap, the first wins.
 *
 * @param ranges whole chunks, but for an end that rounds up into bytes that nothing else uses.
 * @throws {RangeError} above 255 ranges, where one begins inside a chunk, or beyond the map.
 */
export function startRangeCounts(
  memory: WebAssembly.Memory,
  { chunkShift }: RangeMap,
  ranges: readonly AddressRange[],
): void {
  if (ranges.length >= MOST_RANGES)
    throw new RangeError(`${ranges.length} ranges: expected at most ${MOST_RANGES - 1}`);
  const map = new Uint8Array(memory.buffer, MAP_OFFSET);
  map.fill(0);
  const chunkBytes = 2 ** chunkShift;
  for (const [index, { name, begin, end }] of [...ranges.entries()].reverse()) {
    const last = Math.ceil(end / chunkBytes);
    if (begin % chunkBytes !== 0 || begin > end || last > map.length)
      throw new RangeError(`range ${name}: ${begin}..${end} does not fit a map of ${map.length} x ${chunkBytes} bytes`);
    map.fill(index + 1, begin / chunkBytes, last);
  }
  new Uint8Array(memory.buffer, 0, MAP_OFFSET).fill(0);
}

/** What was counted since the last call, for `count` ranges in the order given, and for everything outside them; counting begins anew. */
export function takeRangeCounts(
  memory: WebAssembly.Memory,
  count: number,
): { readonly ranges: readonly RangeBytes[]; readonly other: RangeBytes } {
  const [other = { loadBytes: 0, storeBytes: 0 }, ...ranges] = Array.from({ length: count + 1 }, (_, range) => ({
    loadBytes: takeSlots(memory, 0, range),
    storeBytes: takeSlots(memory, 1, range),
  }));
  return { ranges, other };
}

function takeSlots(memory: WebAssembly.Memory, isStore: 0 | 1, range: number): number {
  let bytes = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    const counter = new BigUint64Array(memory.buffer, slotOffset(isStore, slot) + range * COUNTER_BYTES, 1);
    bytes += Number(counter[0]);
    counter[0] = 0n;
  }
  return bytes;
}
