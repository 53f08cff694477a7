import type { Arena, Buffer } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { type Dtype, tensorSeed } from "./weights.ts";

/** Tokens of a cache block (and of one step of the online softmax). Measured: 256 keeps the softmax and the sums of a block below 6% of the two products. */
export const blockTokens = 256;

/** Caches of `batch` sequences x kvHeads heads, one after the other, each of whole blocks (assembly/attention/cache.ts draws them). */
export interface KvCache {
  readonly buffer: Buffer;
  readonly dtype: Dtype;
  readonly batch: number;
  readonly kvHeads: number;
  /** Rounded up to a multiple of 8; the padding is zero. */
  readonly headDim: number;
  readonly kvTokens: number;
  readonly strideBytes: number;
}

export function allocateKvCache(
  arena: Arena,
  shape: { dtype: Dtype; batch: number; kvHeads: number; headDim: number; kvTokens: number },
): KvCache {
  const headDim = Math.ceil(shape.headDim / 8) * 8;
  const blocks = Math.ceil(shape.kvTokens / blockTokens);
  const strideBytes = blocks * blockBytes(shape.dtype, headDim);
  const buffer = arena.allocate("kvCache", "kv", strideBytes * shape.batch * shape.kvHeads);
  return { ...shape, buffer, headDim, strideBytes };
}

/** Where the cache of one sequence and KV head begins. */
export function cacheAddress(cache: KvCache, sequence: number, kvHead: number): number {
  return cache.buffer.address + (sequence * cache.kvHeads + kvHead) * cache.strideBytes;
}

/** Fills every cache with seeded keys and values (uniform, variance 1), token by token through the append kernel. */
export function fillKvCache(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  cache: KvCache,
  trueHeadDim: number,
  seed: number,
  scratch: number,
): void {
  const fill = kernelFunction(exports, "fillUniform");
  const append = kernelFunction(exports, cache.dtype === "f32" ? "appendF32" : "appendInt8");
  const { headDim } = cache;
  const rows = new Float32Array(memory.buffer, scratch, headDim * 2);
  for (let index = 0; index < cache.batch * cache.kvHeads; index++) {
    for (let token = 0; token < cache.kvTokens; token++) {
      fill(scratch, headDim * 2, tensorSeed(seed, 1000 + index), token * headDim * 2, Math.sqrt(3));
      if (trueHeadDim < headDim) {
        rows.fill(0, trueHeadDim, headDim);
        rows.fill(0, headDim + trueHeadDim);
      }
      append(
        cache.buffer.address + index * cache.strideBytes,
        token,
        scratch,
        scratch + headDim * 4,
        headDim,
        blockTokens,
      );
    }
  }
}

/** Bytes of scratch that fillKvCache needs. */
export function fillScratchBytes(cache: KvCache): number {
  return cache.headDim * 8;
}

/** Keys and values of one sequence and KV head as stored, read by their own index arithmetic: the reference's view. */
export interface StoredKv {
  readonly keys: readonly Float64Array[];
  /** int8: whole numbers, to be multiplied with valueScales. */
  readonly values: readonly Float64Array[];
  readonly valueScales: Float64Array;
}

export function readKv(memory: WebAssembly.Memory, cache: KvCache, sequence: number, kvHead: number): StoredKv {
  const { headDim, kvTokens, dtype } = cache;
  const start = cacheAddress(cache, sequence, kvHead);
  const perBlock = headDim * blockTokens;
  const valueScales = new Float64Array(kvTokens).fill(1);
  const keys: Float64Array[] = [];
  const values: Float64Array[] = [];
  for (let position = 0; position < kvTokens; position++) {
    const block = start + Math.floor(position / blockTokens) * blockBytes(dtype, headDim);
    const token = position % blockTokens;
    const key = new Float64Array(headDim);
    const value = new Float64Array(headDim);
    if (dtype === "f32") {
      const data = new Float32Array(memory.buffer, block, perBlock * 2);
      for (let i = 0; i < headDim; i++) {
        key[i] = data[(token >> 3) * headDim * 8 + i * 8 + (token & 7)] as number;
        value[i] = data[perBlock + (i >> 3) * blockTokens * 8 + token * 8 + (i & 7)] as number;
      }
    } else {
      const data = new Int8Array(memory.buffer, block, perBlock * 2);
      const scales = new Float32Array(memory.buffer, block + perBlock * 2, blockTokens * 2);
      const keyScale = scales[token] as number;
      valueScales[position] = scales[blockTokens + token] as number;
      for (let i = 0; i < headDim; i++) {
        const keyUnits = data[(token >> 3) * headDim * 8 + (i >> 2) * 32 + (token & 7) * 4 + (i & 3)] as number;
        key[i] = keyUnits * keyScale;
        value[i] = data[
          perBlock + (i >> 3) * blockTokens * 8 + (token >> 2) * 32 + (i & 7) * 4 + (token & 3)
        ] as number;
      }
    }
    keys.push(key);
    values.push(value);
  }
  return { keys, values, valueScales };
}

function blockBytes(dtype: Dtype, headDim: number): number {
  return dtype === "f32" ? headDim * blockTokens * 8 : headDim * blockTokens * 2 + blockTokens * 8;
}
