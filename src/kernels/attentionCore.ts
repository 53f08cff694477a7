import { allocateRows, fillRows, type Rows, readRow } from "./activations.ts";
import { type Arena, type Buffer, createArena } from "./arena.ts";
import { type Check, compare, float32Tolerance, type KernelCase, requantizedTolerance, worst } from "./case.ts";
import {
  allocateKvCache,
  blockTokens,
  cacheAddress,
  fillKvCache,
  fillScratchBytes,
  type KvCache,
  readKv,
} from "./kvCache.ts";
import { call, type Step, shareOf } from "./program.ts";
import { attend, attendRounded } from "./reference/attention.ts";
import { round7 } from "./reference/linear.ts";
import type { Dtype } from "./weights.ts";

/** Attention of one decode step without its projections: any grouping of queryHeads over kvHeads (MHA, GQA, MQA, the MFA core). */
export interface AttentionCoreShape {
  readonly batch: number;
  readonly kvTokens: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly dtype: Dtype;
  readonly seed: number;
}

/** The buffers of an attention core inside a case. */
export interface CoreBuffers {
  readonly shape: AttentionCoreShape;
  readonly cache: KvCache;
  /** batch x queryHeads rows of headDim (rounded up to 8). */
  readonly q: Rows;
  readonly out: Rows;
  readonly scratch: Buffer;
}

/** Query heads that one call handles: all that share a KV head, or fewer where several threads share a sequence. */
const scratchCalls = 64;

/** softmax(Q K^T / sqrt(headDim)) V over a seeded cache, as a case. */
export function attentionCoreCase(shape: AttentionCoreShape): KernelCase {
  const arena = createArena();
  const core = allocateCore(arena, shape);
  const fillScratch = arena.allocate("fillScratch", "scratch", fillScratchBytes(core.cache));
  return {
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports, memory) {
      fillRows(exports, { ...core.q, width: shape.headDim }, shape.seed, 1);
      fillKvCache(exports, memory, core.cache, shape.headDim, shape.seed, fillScratch.address);
    },
    steps: (rank, ranks) => coreSteps(core, rank, ranks),
    check: (memory) => checkCore(memory, core),
  };
}

/** Lays out cache, queries, outputs and scratch of a core. */
export function allocateCore(arena: Arena, shape: AttentionCoreShape): CoreBuffers {
  const { batch, queryHeads } = shape;
  const cache = allocateKvCache(arena, shape);
  const q = allocateRows(arena, "q", batch * queryHeads, cache.headDim);
  const out = allocateRows(arena, "attentionOut", batch * queryHeads, cache.headDim);
  const scratch = arena.allocate("coreScratch", "scratch", scratchCalls * scratchBytes(shape, cache));
  return { shape, cache, q, out, scratch };
}

/** The core, split by sequence, KV head and, with threads to spare, groups of heads. */
export function coreSteps(core: CoreBuffers, rank: number, ranks: number): Step[] {
  const { shape, cache, q, out } = core;
  const kernel = shape.dtype === "f32" ? "attentionCoreF32" : "attentionCoreInt8";
  const groupHeads = shape.queryHeads / shape.kvHeads;
  const caches = shape.batch * shape.kvHeads;
  const splits = Math.min(groupHeads, Math.ceil(ranks / caches));
  const scale = shape.headDim ** -0.5;
  const scratch = core.scratch.address + (rank % scratchCalls) * scratchBytes(shape, cache);
  const steps: Step[] = [];
  const { first, last } = shareOf(caches * splits, rank, ranks);
  for (let item = first; item < last; item++) {
    const index = Math.floor(item / splits);
    const heads = shareOf(groupHeads, item % splits, splits);
    const count = heads.last - heads.first;
    const row = index * groupHeads + heads.first;
    const cacheAt = cacheAddress(cache, Math.floor(index / shape.kvHeads), index % shape.kvHeads);
    const outAt = out.address + row * out.strideBytes;
    const dims = [count, cache.headDim, shape.kvTokens, blockTokens, scale];
    const qAt = q.address + row * q.strideBytes;
    steps.push(call(kernel, qAt, q.strideBytes, cacheAt, outAt, out.strideBytes, scratch, ...dims));
  }
  return steps;
}

/** Samples heads of the first and the last sequence (all of them where there are few) against the float64 reference. */
function checkCore(memory: WebAssembly.Memory, core: CoreBuffers): Check {
  const { batch, kvHeads, queryHeads, headDim, kvTokens, dtype } = core.shape;
  const groupHeads = queryHeads / kvHeads;
  const work = batch * queryHeads * kvTokens * headDim;
  const few = work <= 4e6;
  const sequences = few ? range(batch) : [...new Set([0, batch - 1])];
  const checks: Check[] = [];
  for (const sequence of sequences) {
    for (const kvHead of few ? range(kvHeads) : [...new Set([0, kvHeads - 1])]) {
      const stored = readKv(memory, core.cache, sequence, kvHead);
      for (const head of few ? range(groupHeads) : [...new Set([0, groupHeads - 1])]) {
        const row = sequence * queryHeads + kvHead * groupHeads + head;
        const expected = coreReference(core, stored, readRow(memory, core.q, row));
        const tolerance = dtype === "f32" ? float32Tolerance(headDim + kvTokens) : requantizedTolerance;
        checks.push(compare(readRow(memory, core.out, row), expected, tolerance));
      }
    }
  }
  return worst(checks);
}

/** The reference's output of one head, given its query in float64. */
export function coreReference(core: CoreBuffers, stored: ReturnType<typeof readKv>, query: Float64Array): Float64Array {
  const scale = core.shape.headDim ** -0.5;
  if (core.shape.dtype === "f32") return attend(query, stored.keys, stored.values, scale);
  return attendRounded(round7(query), stored.keys, stored.values, stored.valueScales, scale, blockTokens);
}

function scratchBytes(shape: AttentionCoreShape, cache: KvCache): number {
  const heads = shape.queryHeads / shape.kvHeads;
  const bytes = heads * (4 * cache.headDim + 8 * blockTokens + 8 + cache.headDim + 4) + 4 * blockTokens;
  return Math.ceil(bytes / 64) * 64;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
