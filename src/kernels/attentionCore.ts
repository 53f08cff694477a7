import { fillRows, readRow } from "./activations.ts";
import { createArena } from "./arena.ts";
import { allocateCore, type CoreBuffers } from "./attentionBuffers.ts";
import { type AttentionCoreShape, resolveCore } from "./attentionShape.ts";
import { coreSteps } from "./attentionSteps.ts";
import { type Check, compare, float32Tolerance, type KernelCase, requantizedTolerance, worst } from "./case.ts";
import { requireFits } from "./fit.ts";
import { fillKvCache, fillScratchBytes, zeroPadding } from "./kvCache.ts";
import { attend, attendRounded } from "./reference/attention.ts";
import { round7 } from "./reference/linear.ts";
import { readKv, type StoredKv } from "./reference/storedKv.ts";

/** softmax(Q K^T x scale) V over a seeded cache, as a case. @throws InvalidInputError as resolveCore. */
export function attentionCoreCase(shape: AttentionCoreShape): KernelCase {
  const dims = resolveCore(shape);
  const arena = createArena();
  const core = allocateCore(arena, dims);
  const fillScratch = arena.allocate("fillScratch", "scratch", fillScratchBytes(core.cache));
  return {
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

/** Samples heads of the first and the last sequence (all of them where there are few) against the float64 reference. */
function checkCore(memory: WebAssembly.Memory, core: CoreBuffers): Check {
  const { batch, kvHeads, queryHeads, groupHeads, dtype } = core.dims;
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
        const expected = coreReference(memory, core, stored, row, readRow(memory, core.q, row));
        const tolerance = dtype === "f32" ? float32Tolerance(keyDim + stored.keys.length) : requantizedTolerance;
        checks.push(compare(readRow(memory, core.out, row), expected, tolerance));
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
  const { dtype, scale, queryHeads, attended } = core.dims;
  const { first, last } = attended[Math.floor(row / queryHeads)] as { readonly first: number; readonly last: number };
  const keys = stored.keys.slice(first, last);
  const values = stored.values.slice(first, last);
  const sink = core.sinks === undefined ? -Infinity : (readRow(memory, core.sinks, 0)[row % queryHeads] as number);
  if (last === first) return new Float64Array(core.cache.valueDim);
  if (dtype === "f32") return attend(query, keys, values, scale, sink);
  const valueScales = stored.valueScales.slice(first, last);
  return attendRounded(round7(query), keys, values, valueScales, scale, sink, first);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
