import { fillRows, readRow } from "./activations.ts";
import { createArena } from "./arena.ts";
import { allocateCore, type CoreBuffers } from "./attentionBuffers.ts";
import { type AttentionCoreShape, resolveCore } from "./attentionShape.ts";
import { coreSteps } from "./attentionSteps.ts";
import { type Check, compareBounded, type KernelCase, worst } from "./case.ts";
import { requireFits } from "./fit.ts";
import { fillKvCache, fillScratchBytes, zeroPadding } from "./kvCache.ts";
import { attend, attendErrors, attendRounded, roundedErrors } from "./reference/attention.ts";
import { round7 } from "./reference/linear.ts";
import { readKv, type StoredKv } from "./reference/storedKv.ts";
import { coreWork } from "./work.ts";

/** softmax(Q K^T x scale) V over a seeded cache, as a case. @throws InvalidInputError as resolveCore. */
export function attentionCoreCase(shape: AttentionCoreShape): KernelCase {
  const dims = resolveCore(shape);
  const arena = createArena();
  const core = allocateCore(arena, dims);
  const fillScratch = arena.allocate("fillScratch", "scratch", fillScratchBytes(core.cache));
  const work = workOf(core);
  return {
    work: { term: "attention.core", products: work.products, tensors: [work.tensor] },
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports, memory) {
      requireFits(arena.buffers, memory);
      fillRows(exports, core.q, dims.seed, 1);
      for (let row = 0; row < core.q.rows; row++)
        zeroPadding(
          new Float32Array(memory.buffer, core.q.address + row * core.q.strideBytes, core.q.width),
          dims.elements.key,
        );
      if (core.sinks !== undefined) fillRows(exports, core.sinks, dims.seed, 2);
      fillKvCache(exports, memory, core.cache, dims.elements, dims.seed, fillScratch.address);
    },
    steps: (rank, ranks) => coreSteps(core, rank, ranks),
    check: (memory) => checkCore(memory, core),
  };
}

/** Products and cache of a core, for the term attention.core. */
export function workOf({ dims, cache }: CoreBuffers): ReturnType<typeof coreWork> {
  const { attended, groupHeads, elements } = dims;
  const widthOf = (ranges: readonly (readonly [number, number])[]): number =>
    ranges.reduce((sum, [first, last]) => sum + last - first, 0);
  return coreWork("attention.core", {
    cache,
    attended,
    queryHeadsPerKvHead: groupHeads,
    keyElements: widthOf(elements.key),
    valueElements: widthOf(elements.value),
  });
}

/** Samples heads of the first and the last sequence (all of them where there are few) against the float64 reference. */
export function checkCore(memory: WebAssembly.Memory, core: CoreBuffers): Check {
  const { batch, kvHeads, queryHeads, groupHeads } = core.dims;
  const { keyDim, kvTokens } = core.cache;
  const work = queryHeads * keyDim * kvTokens.reduce((sum, tokens) => sum + tokens, 0);
  const few = work <= 4e6;
  const sequences = few ? range(batch) : [...new Set([0, batch - 1])];
  const checks: Check[] = [];
  for (const sequence of sequences) {
    for (const kvHead of few ? range(kvHeads) : [...new Set([0, kvHeads - 1])]) {
      const stored = readKv(memory, core.cache, sequence, kvHead);
      for (const head of few ? range(groupHeads) : [...new Set([0, groupHeads - 1])]) {
        const row = sequence * queryHeads + kvHead * groupHeads + head;
        const query = readRow(memory, core.q, row);
        const values = coreReference(memory, core, stored, row, query);
        const errors = coreErrors(memory, core, stored, row, query, values);
        checks.push(compareBounded(readRow(memory, core.out, row), { values, errors }));
      }
    }
  }
  return worst(checks);
}

/** The reference's output of row `row` of the queries, given its query in float64. */
export function coreReference(
  memory: WebAssembly.Memory,
  core: CoreBuffers,
  stored: StoredKv,
  row: number,
  query: Float64Array,
): Float64Array {
  const { keys, values, valueScales, first, sink } = attendedBy(memory, core, stored, row);
  const { dtype, scale } = core.dims;
  if (keys.length === 0) return new Float64Array(core.cache.valueDim);
  if (dtype === "f32") return attend(query, keys, values, scale, sink);
  return attendRounded(round7(query), keys, values, valueScales, scale, sink, first);
}

/** How far a right kernel may be from `out`, the reference's output of that row. */
function coreErrors(
  memory: WebAssembly.Memory,
  core: CoreBuffers,
  stored: StoredKv,
  row: number,
  query: Float64Array,
  out: Float64Array,
): Float64Array {
  const { keys, values, valueScales, first, sink } = attendedBy(memory, core, stored, row);
  const { dtype, scale } = core.dims;
  if (keys.length === 0) return new Float64Array(out.length);
  if (dtype === "f32") return attendErrors(query, keys, values, scale, sink, out);
  const q = round7(query);
  const scaled = values.map((value, token) => value.map((unit) => unit * (valueScales[token] as number)));
  const rounding = roundedErrors(q, keys, values, valueScales, scale, sink, first);
  return attendErrors(q, keys, scaled, scale, sink, out).map((error, i) => error + (rounding[i] as number));
}

/** What a query attends to: some of its sequence's tokens, of which `first` is the first, and its head's sink. */
function attendedBy(
  memory: WebAssembly.Memory,
  core: CoreBuffers,
  stored: StoredKv,
  row: number,
): StoredKv & { readonly first: number; readonly sink: number } {
  const { queryHeads, attended } = core.dims;
  const { first, last } = attended[Math.floor(row / queryHeads)] as { readonly first: number; readonly last: number };
  return {
    keys: stored.keys.slice(first, last),
    values: stored.values.slice(first, last),
    valueScales: stored.valueScales.slice(first, last),
    first,
    sink: core.sinks === undefined ? -Infinity : (readRow(memory, core.sinks, 0)[row % queryHeads] as number),
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
