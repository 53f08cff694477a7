import type { Arena, Buffer } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { type KvDtype, kvFormats } from "./kvFormat.ts";
import { tensorSeed } from "./weights.ts";

/** Tokens of a cache block. Measured as a step of the online softmax: 256 keeps the softmax and the sums of a block below 6% of the two products. */
export const blockTokens = 256;

/** Bytes of the float32 scales beside a block of int8 or int4: two a token. */
const scaleBytes = blockTokens * 8;

export interface KvCacheShape {
  readonly kvDtype: KvDtype;
  readonly kvHeads: number;
  /** Cached tokens of each sequence. */
  readonly kvTokens: readonly number[];
  /** Multiples of 8; padding is zero. Elements below keyRanges and valueRange are real. */
  readonly keyDim: number;
  readonly valueDim: number;
  /** Whether values are kept beside the keys, or are the first valueDim elements of them (MLA). */
  readonly layout: "keysAndValues" | "latent";
  /** Whether a sequence's blocks lie one after the other, or in seeded disorder behind a block table. */
  readonly paging: "contiguous" | "permuted";
}

/** Caches of all sequences and KV heads, in blocks (assembly/attention/cache.ts draws them). */
export interface KvCache extends KvCacheShape {
  readonly buffer: Buffer;
  /** uint32 page numbers of each sequence's blocks in turn; a page holds one block of every KV head. Absent where contiguous. */
  readonly table: Buffer | undefined;
  readonly blockBytes: number;
  /** 0 for a latent cache. */
  readonly valueOffset: number;
  readonly scaleOffset: number;
  /** Blocks of the sequences before each. */
  readonly firstBlocks: readonly number[];
  readonly blocks: number;
}

export function allocateKvCache(arena: Arena, shape: KvCacheShape): KvCache {
  const { kvDtype, keyDim, valueDim, kvHeads, kvTokens, layout } = shape;
  const { bits, dtype } = kvFormats[kvDtype];
  const keyBytes = (keyDim * blockTokens * bits) / 8;
  const scaleOffset = keyBytes + (layout === "latent" ? 0 : (valueDim * blockTokens * bits) / 8);
  const blockBytes = scaleOffset + (dtype === "int8" ? scaleBytes : 0);
  const firstBlocks: number[] = [];
  let blocks = 0;
  for (const tokens of kvTokens) {
    firstBlocks.push(blocks);
    blocks += Math.ceil(tokens / blockTokens);
  }
  const buffer = arena.allocate("kvCache", "kv", blocks * kvHeads * blockBytes);
  const table = shape.paging === "permuted" ? arena.allocate("blockTable", "activations", blocks * 4) : undefined;
  const valueOffset = layout === "latent" ? 0 : keyBytes;
  return { ...shape, buffer, table, blockBytes, valueOffset, scaleOffset, firstBlocks, blocks };
}

/** Where the cache of one sequence and KV head lies, as the kernels take it: block b at cache + (table ? table[b] : b) x blockStride. */
export interface CacheView {
  readonly cache: number;
  readonly blockStride: number;
  readonly table: number;
}

export function viewOf(cache: KvCache, sequence: number, kvHead: number): CacheView {
  const { buffer, table, blockBytes, kvHeads } = cache;
  const firstBlock = cache.firstBlocks[sequence] as number;
  if (table !== undefined) {
    const blockStride = kvHeads * blockBytes;
    return { cache: buffer.address + kvHead * blockBytes, blockStride, table: table.address + firstBlock * 4 };
  }
  const blocks = Math.ceil((cache.kvTokens[sequence] as number) / blockTokens);
  const before = firstBlock * kvHeads + kvHead * blocks;
  return { cache: buffer.address + before * blockBytes, blockStride: blockBytes, table: 0 };
}

/** Arguments of appendToken for one sequence and KV head: k and v are addresses of keyDim and valueDim float32. */
export function appendArguments(
  cache: KvCache,
  sequence: number,
  kvHead: number,
  position: number,
  k: number,
  v: number,
): number[] {
  const view = viewOf(cache, sequence, kvHead);
  const where = [view.cache, view.blockStride, view.table, cache.valueOffset, cache.scaleOffset];
  return [...where, position, k, v, cache.keyDim, cache.valueDim, kvFormats[cache.kvDtype].code];
}

/** Elements of a key, or of a value, that are no padding: ranges of [first, last). */
export interface TrueElements {
  readonly key: readonly (readonly [number, number])[];
  readonly value: readonly (readonly [number, number])[];
}

/**
 * Fills every cache with seeded keys and values (uniform, variance 1), token by token through the append kernel.
 *
 * @param filled - sequences of the cache to fill with how many tokens, and which number they have among all sequences there are: what is
 * stored follows from that number, whichever cache holds it. Absent: all, as full as they may be.
 */
export function fillKvCache(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  cache: KvCache,
  elements: TrueElements,
  seed: number,
  scratch: number,
  filled: FilledTokens = { firstSequence: 0, kvTokens: cache.kvTokens },
): void {
  const fill = kernelFunction(exports, "fillUniform");
  const append = kernelFunction(exports, "appendToken");
  const { keyDim, valueDim, kvHeads } = cache;
  if (cache.table !== undefined) fillTable(memory, cache.table, cache.blocks, seed);
  const width = cache.layout === "latent" ? keyDim : keyDim + valueDim;
  const row = new Float32Array(memory.buffer, scratch, keyDim + valueDim);
  for (const [sequence, tokens] of filled.kvTokens.entries()) {
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const tensor = tensorSeed(seed, 1000 + (filled.firstSequence + sequence) * kvHeads + kvHead);
      for (let token = 0; token < tokens; token++) {
        fill(scratch, width, tensor, token * width, Math.sqrt(3));
        zeroPadding(row.subarray(0, keyDim), elements.key);
        zeroPadding(row.subarray(keyDim), elements.value);
        append(...appendArguments(cache, sequence, kvHead, token, scratch, scratch + keyDim * 4));
      }
    }
  }
}

/** Tokens of each of a cache's sequences, and the number of its first sequence among all that there are. */
export interface FilledTokens {
  readonly firstSequence: number;
  readonly kvTokens: readonly number[];
}

/** Sets what stands outside the ranges to zero. */
export function zeroPadding(row: Float32Array, ranges: readonly (readonly [number, number])[]): void {
  let end = 0;
  for (const [first, last] of ranges) {
    row.fill(0, end, first);
    end = last;
  }
  row.fill(0, end);
}

/** Bytes of scratch that fillKvCache needs. */
export function fillScratchBytes(cache: KvCache): number {
  return (cache.keyDim + cache.valueDim) * 4;
}

/** A seeded permutation of the pages (Fisher and Yates). */
function fillTable(memory: WebAssembly.Memory, table: Buffer, blocks: number, seed: number): void {
  const pages = new Uint32Array(memory.buffer, table.address, blocks);
  for (let at = 0; at < blocks; at++) pages[at] = at;
  for (let at = blocks - 1; at > 0; at--) {
    const other = (tensorSeed(seed, 2000 + at) >>> 0) % (at + 1);
    const page = pages[at] as number;
    pages[at] = pages[other] as number;
    pages[other] = page;
  }
}
