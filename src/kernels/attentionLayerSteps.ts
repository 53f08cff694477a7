import { columnsOf, type Rows } from "./activations.ts";
import type { CoreBuffers } from "./attentionBuffers.ts";
import type { AttentionRows } from "./attentionRows.ts";
import type { CoreDims } from "./attentionShape.ts";
import { coreSteps } from "./attentionSteps.ts";
import { attentionWidths } from "./attentionWidths.ts";
import {
  type AttentionPart,
  attendedSteps,
  finishQuerySteps,
  headKeySteps,
  headQuerySteps,
  layerTerms,
  projections,
} from "./headSteps.ts";
import { appendArguments, type KvCache } from "./kvCache.ts";
import { addSteps, matmulSteps, packSteps, projectSteps, rmsNormSteps } from "./linear.ts";
import { barrier, call, type Step, shareOf, term } from "./program.ts";

/*
 * The attention of a layer in one decode step, out = x + Attention(RMSNorm(x)), in pieces that run in this order: keyValueSteps,
 * queryDownSteps, a wait, keySteps, appendSteps, querySteps, coreSteps, attentionOutputSteps.
 */

/** From a layer's input to what is appended to its caches, but for norms and RoPE. */
export function keyValueSteps({ weights, rows, count, epsilon, rank, ranks }: AttentionPart, input: Rows): Step[] {
  const { normed, normedPacked } = rows;
  const own = rowsOf(normed, count);
  return [
    ...rmsNormSteps(rowsOf(input, count), weights.inputNorm, own, epsilon, rank, ranks),
    ...packSteps(own, normedPacked, rank, ranks),
    barrier,
    ...projections(projectSteps(weights.keyValue, normedPacked, keyValueOf(rows), count, rank, ranks)),
  ];
}

/** The query projection, or its low-rank part: after keyValueSteps, before what these wait for. */
export function queryDownSteps(part: AttentionPart): Step[] {
  const { weights, rows, count, rank, ranks } = part;
  if (weights.queryDown === undefined) return headQuerySteps(part, rows.normedPacked);
  return projections(matmulSteps(weights.queryDown.weight, rows.normedPacked, lowQueryOf(rows), count, rank, ranks));
}

/** Norms and RoPE of what is appended, by sequences. */
export function keySteps(part: AttentionPart): Step[] {
  return headKeySteps(part, keyValueOf(part.rows));
}

/**
 * The new token's rows to the caches, by sequences.
 *
 * @param positions - of each sequence, where in its cache the new token stands.
 */
export function appendSteps(
  { rows, count, rank, ranks }: AttentionPart,
  cache: KvCache,
  positions: (sequence: number) => number,
): Step[] {
  const { attention } = rows;
  const { address, strideBytes } = keyValueOf(rows);
  // Of a latent, the value is a part of the key.
  const [kvHeads, keyDim] = attention.kind === "grouped" ? [attention.kvHeads, attention.headDim] : [1, 0];
  const own = shareOf(count, rank, ranks);
  const steps: Step[] = [];
  for (let sequence = own.first; sequence < own.last; sequence++) {
    const position = positions(sequence);
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const key = address + sequence * strideBytes + kvHead * keyDim * 4;
      const value = key + kvHeads * keyDim * 4;
      steps.push(call("appendToken", ...appendArguments(cache, sequence, kvHead, position, key, value)));
    }
  }
  return steps;
}

/** From the projected queries to those that the core reads, and a wait for them. */
export function querySteps(part: AttentionPart): Step[] {
  const { weights, rows, count, epsilon, rank, ranks } = part;
  const { lowQuery, lowQueryPacked } = rows;
  const finished = [...finishQuerySteps(part), barrier];
  if (weights.queryDown === undefined || !lowQuery || !lowQueryPacked) return finished;
  const own = rowsOf(lowQuery, count);
  return [
    ...rmsNormSteps(rowsOf(lowQueryOf(rows), count), weights.queryDown.norm, own, epsilon, rank, ranks),
    ...packSteps(own, lowQueryPacked, rank, ranks),
    barrier,
    ...headQuerySteps(part, lowQueryPacked),
    barrier,
    ...finished,
  ];
}

/** The core over a cache as full as `dims` says. */
export function layerCoreSteps(part: AttentionPart, cache: KvCache, dims: CoreDims): Step[] {
  const core = coreOf(part, cache, dims);
  return [term(layerTerms.core), ...coreSteps(core, part.rank, part.ranks), term(layerTerms.rest)];
}

/** A layer's core: its rows, over a cache as full as `dims` says. */
export function coreOf(
  { weights: { heads }, rows: { q, out, coreScratch } }: Pick<AttentionPart, "weights" | "rows">,
  cache: KvCache,
  dims: CoreDims,
): CoreBuffers {
  return { dims, cache, q, out, sinks: heads.kind === "grouped" ? heads.sinks : undefined, ...coreScratch };
}

/** From the core's outputs, which are waited for, to input + attention: output projection and residual. */
export function attentionOutputSteps(part: AttentionPart, input: Rows, output: Rows): Step[] {
  const { weights, rows, count, rank, ranks } = part;
  return [
    barrier,
    ...attendedSteps(part),
    ...packSteps(rowsOf(rows.attended, count), rows.attendedPacked, rank, ranks),
    barrier,
    ...projections(projectSteps(weights.output, rows.attendedPacked, output, count, rank, ranks)),
    barrier,
    ...addSteps(rowsOf(input, count), output, rank, ranks),
  ];
}

/** The first of rows that were laid out for the most sequences. */
export function rowsOf(rows: Rows, count: number): Rows {
  return { ...rows, rows: count };
}

/** Of the projected rows, the query of low rank before its norm. */
export function lowQueryOf({ projected, attention: { queryRank = 0 } }: AttentionRows): Rows {
  return columnsOf(projected, 0, queryRank);
}

/** Of the projected rows, what is appended. */
export function keyValueOf({ projected, attention }: AttentionRows): Rows {
  return columnsOf(projected, attention.queryRank ?? 0, attentionWidths(attention).keyValue);
}
