import { allocateRows, type Rows } from "./activations.ts";
import type { Arena, Buffer } from "./arena.ts";
import { mostRanks, partsOf } from "./attentionParts.ts";
import type { CoreDims } from "./attentionShape.ts";
import { allocateKvCache, blockTokens, type KvCache } from "./kvCache.ts";

/** The buffers of an attention core inside a case. */
export interface CoreBuffers {
  readonly dims: CoreDims;
  readonly cache: KvCache;
  /** batch x queryHeads rows of keyDim. */
  readonly q: Rows;
  /** batch x queryHeads rows of valueDim. */
  readonly out: Rows;
  /** One row of queryHeads; absent where there are no sinks. */
  readonly sinks: Rows | undefined;
  /** Largest score and sum of every query head of every sequence. */
  readonly states: Buffer;
  /** Outputs and states of parts that other threads fold: `slots` caches, each with all parts but the first. */
  readonly parts: Buffer;
  readonly scratch: Buffer;
}

/** Lays out cache, queries, outputs and scratch of a core. */
export function allocateCore(arena: Arena, dims: CoreDims): CoreBuffers {
  const cache = allocateKvCache(arena, dims.cache);
  const q = allocateRows(arena, "q", dims.batch * dims.queryHeads, cache.keyDim);
  const out = allocateRows(arena, "attentionOut", dims.batch * dims.queryHeads, cache.valueDim);
  const sinks = dims.hasSinks ? allocateRows(arena, "sinks", 1, dims.queryHeads) : undefined;
  return { dims, cache, q, out, sinks, ...allocateCoreScratch(arena, dims) };
}

/**
 * What a core works in beside its queries and outputs; cores that run one after the other may share it.
 *
 * @param later - parts beside its first that any context of theirs has.
 */
export function allocateCoreScratch(
  arena: Arena,
  dims: CoreDims,
  later = laterParts(dims),
): Pick<CoreBuffers, "states" | "parts" | "scratch"> {
  const { batch, queryHeads, kvHeads } = dims;
  const states = arena.allocate("coreStates", "scratch", batch * queryHeads * 8);
  // A thread shares its first and its last context with others: at most one for each boundary between threads.
  const slots = Math.min(batch * kvHeads, mostRanks - 1);
  const parts = arena.allocate("coreParts", "scratch", slots * later * partBytes(dims));
  const scratch = arena.allocate("coreScratch", "scratch", mostRanks * scratchBytes(dims));
  return { states, parts, scratch };
}

/** Parts of the longest context beside its first. */
export function laterParts({ attended }: CoreDims): number {
  return Math.max(...attended.map((each) => partsOf(each).length)) - 1;
}

/** Bytes of states, then outputs, of one part of all query heads of a KV head. */
export function partBytes(dims: CoreDims): number {
  return stateBytes(dims) + paddedTo64(dims.groupHeads * dims.cache.valueDim * 4);
}

export function stateBytes({ groupHeads }: CoreDims): number {
  return paddedTo64(groupHeads * 8);
}

/** Bytes of one thread's scratch: the kernel's own, then a part's. */
export function scratchBytes(dims: CoreDims): number {
  return kernelScratchBytes(dims) + partBytes(dims);
}

/** Bytes of scratch that a call of the kernel needs (assembly/attention/coreF32.ts, coreInt8.ts). */
export function kernelScratchBytes({ dtype, groupHeads, cache }: CoreDims): number {
  const { keyDim, valueDim } = cache;
  const panels = 4 * 8 * Math.max(keyDim, blockTokens);
  const turned = cache.layout === "latent" ? blockTokens * valueDim : 0;
  const words = groupHeads * (keyDim + 2 * blockTokens) + panels + turned;
  const bytes = groupHeads * (keyDim + 9 * blockTokens + 4 * valueDim + 4) + 16 + 8 * blockTokens + panels + turned;
  return paddedTo64(dtype === "f32" ? words * 4 : bytes);
}

function paddedTo64(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
