import type { Rows } from "./activations.ts";
import {
  type CoreBuffers,
  kernelScratchBytes,
  laterParts,
  partBytes,
  scratchBytes,
  stateBytes,
} from "./attentionBuffers.ts";
import { mostRanks, type Strand, strandsOf } from "./attentionParts.ts";
import { viewOf } from "./kvCache.ts";
import { kvFormats } from "./kvFormat.ts";
import { barrier, call, type Step, shareOf } from "./program.ts";

/**
 * The core, shared out by sequence, KV head, part of the context and, with threads to spare, groups of heads. A context that several
 * threads work on is folded after a barrier, in the order of its parts, as one thread folds it on the way.
 */
export function coreSteps(core: CoreBuffers, rank: number, ranks: number): Step[] {
  const workers = Math.min(ranks, mostRanks);
  const strands = strandsOf(core.dims, workers);
  const steps: Step[] = [];
  const merges: Step[] = [];
  let slot = -1;
  let slotCache = "";
  for (const strand of strands) {
    if (strand.isWhole) {
      if (strand.owners[0] === rank) steps.push(...wholeSteps(core, strand, rank));
      continue;
    }
    const cacheName = `${strand.sequence} ${strand.kvHead}`;
    if (cacheName !== slotCache) slot++;
    slotCache = cacheName;
    steps.push(...sharedSteps(core, strand, rank, slot));
    merges.push(...mergeSteps(core, strand, rank, workers, slot));
  }
  return slot < 0 ? steps : [...steps, barrier, ...merges];
}

/** All parts of a strand, each folded as soon as it is made. */
function wholeSteps(core: CoreBuffers, strand: Strand, rank: number): Step[] {
  const { state, rows } = targetOf(core, strand);
  const count = strand.heads.last - strand.heads.first;
  const scratch = core.scratch.address + rank * scratchBytes(core.dims);
  const partState = scratch + kernelScratchBytes(core.dims);
  const partOut = partState + stateBytes(core.dims);
  const { valueDim } = core.cache;
  return [
    queriesStep(core, strand, rank),
    ...strand.parts.flatMap((_, part) =>
      part === 0
        ? [partStep(core, strand, part, rank, rows, state)]
        : [
            partStep(core, strand, part, rank, { address: partOut, strideBytes: valueDim * 4 }, partState),
            call("mergeAttentionPart", rows.address, rows.strideBytes, state, partOut, partState, count, valueDim),
          ],
    ),
    call("finishAttention", rows.address, rows.strideBytes, state, count, valueDim),
  ];
}

/** A rank's parts of a strand that others work on, too: the first goes to its place, the others to the strand's slot. */
function sharedSteps(core: CoreBuffers, strand: Strand, rank: number, slot: number): Step[] {
  const target = targetOf(core, strand);
  if (!strand.owners.includes(rank)) return [];
  const steps = strand.parts.flatMap((_, part) => {
    if (strand.owners[part] !== rank) return [];
    if (part === 0) return [partStep(core, strand, part, rank, target.rows, target.state)];
    const stored = storedPart(core, strand, slot, part);
    return [
      partStep(core, strand, part, rank, { address: stored.out, strideBytes: core.cache.valueDim * 4 }, stored.state),
    ];
  });
  return [queriesStep(core, strand, rank), ...steps];
}

/** A share of the heads of a strand whose parts are all made: folded in order, and divided by their sums. */
function mergeSteps(core: CoreBuffers, strand: Strand, rank: number, workers: number, slot: number): Step[] {
  if (rank >= workers) return [];
  const { state, rows } = targetOf(core, strand);
  const { valueDim } = core.cache;
  const { first, last } = shareOf(strand.heads.last - strand.heads.first, rank, workers);
  if (first === last) return [];
  const outAt = rows.address + first * rows.strideBytes;
  const count = last - first;
  return [
    ...strand.parts.slice(1).map((_, index) => {
      const stored = storedPart(core, strand, slot, index + 1);
      const partOut = stored.out + first * valueDim * 4;
      const states = [state + first * 8, partOut, stored.state + first * 8];
      return call("mergeAttentionPart", outAt, rows.strideBytes, ...states, count, valueDim);
    }),
    call("finishAttention", outAt, rows.strideBytes, state + first * 8, count, valueDim),
  ];
}

/** Where a strand's outputs and states end up. */
function targetOf(
  core: CoreBuffers,
  strand: Strand,
): { readonly rows: RowsAt; readonly state: number; readonly row: number } {
  const { queryHeads, groupHeads } = core.dims;
  const row = strand.sequence * queryHeads + strand.kvHead * groupHeads + strand.heads.first;
  const { address, strideBytes } = core.out;
  return { rows: { address: address + row * strideBytes, strideBytes }, state: core.states.address + row * 8, row };
}

type RowsAt = Pick<Rows, "address" | "strideBytes">;

/** Where a part other than the first waits to be folded. */
function storedPart(
  core: CoreBuffers,
  strand: Strand,
  slot: number,
  part: number,
): { readonly out: number; readonly state: number } {
  const at = core.parts.address + (slot * laterParts(core.dims) + part - 1) * partBytes(core.dims);
  const { first } = strand.heads;
  return { state: at + first * 8, out: at + stateBytes(core.dims) + first * core.cache.valueDim * 4 };
}

/** Lays a strand's queries out in the rank's scratch, where its parts read them. */
function queriesStep(core: CoreBuffers, strand: Strand, rank: number): Step {
  const { dims, cache, q } = core;
  const { row } = targetOf(core, strand);
  const scratch = core.scratch.address + rank * scratchBytes(dims);
  const heads = strand.heads.last - strand.heads.first;
  const kernel = dims.dtype === "f32" ? "attentionQueriesF32" : "attentionQueriesInt8";
  const [from, stride] = [q.address + row * q.strideBytes, q.strideBytes];
  return call(kernel, from, stride, scratch, heads, cache.keyDim, dims.scale);
}

function partStep(core: CoreBuffers, strand: Strand, part: number, rank: number, rows: RowsAt, state: number): Step {
  const { dims, cache } = core;
  const { row } = targetOf(core, strand);
  const { first, last } = strand.parts[part] as Strand["parts"][number];
  const view = viewOf(cache, strand.sequence, strand.kvHead);
  const sinks = core.sinks === undefined || part > 0 ? 0 : core.sinks.address + (row % dims.queryHeads) * 4;
  const scratch = core.scratch.address + rank * scratchBytes(dims);
  const { code } = kvFormats[cache.kvDtype];
  const isFloat = dims.dtype === "f32";
  return call(
    isFloat ? "attentionPartF32" : "attentionPartInt8",
    ...[rows.address, rows.strideBytes, state, sinks, scratch],
    ...[view.cache, view.blockStride, view.table, cache.valueOffset, ...(isFloat ? [] : [cache.scaleOffset]), code],
    ...[strand.heads.last - strand.heads.first, cache.keyDim, cache.valueDim, first, last],
  );
}
