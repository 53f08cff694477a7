import { ropeFrequencies } from "../workload/ropeFrequencies.ts";
import { allocateRows, fillRows } from "./activations.ts";
import { createArena } from "./arena.ts";
import { workOf } from "./attentionCore.ts";
import { checkLayer, type LaidOutLayer } from "./attentionLayerCheck.ts";
import {
  appendSteps,
  attentionOutputSteps,
  coreOf,
  keySteps,
  keyValueSteps,
  layerCoreSteps,
  queryDownSteps,
  querySteps,
} from "./attentionLayerSteps.ts";
import { allocateAttentionRows, allocateNormed, coreDimsOf, type StoredAttention } from "./attentionRows.ts";
import { type AttentionWeights, allocateAttentionWeights, attentionTasks } from "./attentionWeights.ts";
import { widestRow } from "./attentionWidths.ts";
import type { KernelCase } from "./case.ts";
import { checkAttention, type DecodeAttention } from "./decodeAttention.ts";
import { requireFits } from "./fit.ts";
import { layerTerms } from "./headSteps.ts";
import { allocateKvCache, fillKvCache, fillScratchBytes } from "./kvCache.ts";
import { barrier } from "./program.ts";
import { fillRopeTable } from "./rope.ts";
import { allocateUnpackScratch, type PackedWeight, packScratchBytes } from "./weights.ts";
import { type CaseWork, vectorWork, weightWork } from "./work.ts";

/** A layer's attention with its projections. Ranks and widths of heads are multiples of 8. */
export interface AttentionLayerShape extends StoredAttention {
  readonly attention: DecodeAttention;
  readonly batch: number;
  /** Cached tokens of every sequence, the new one among them. */
  readonly kvTokens: number;
  readonly hidden: number;
  readonly epsilon: number;
}

/**
 * A whole attention layer of one decode step, out = x + Attention(RMSNorm(x)): norm, projections (of low rank, with biases, norms and
 * RoPE of heads, as the attention has them), cache append, core, output projection, residual; latent attention is absorbed. It runs the
 * steps that instances of the pipeline run. The new token stands at the last of kvTokens positions.
 *
 * @throws InvalidInputError where a width is none that the kernels take.
 * @source Step-3 report, section 3.1 and Table 1; order of operations as in the released modeling code.
 */
export function attentionLayerCase(shape: AttentionLayerShape): KernelCase {
  const { attention, batch, hidden, epsilon, weightDtype: dtype, seed } = shape;
  checkAttention(attention);
  const arena = createArena();
  const kvTokens = Array<number>(batch).fill(shape.kvTokens);
  const dims = coreDimsOf(shape, attention, kvTokens);
  const x = allocateRows(arena, "x", batch, hidden);
  const unpackScratch = dtype === "int4" ? allocateUnpackScratch(arena, "projections") : undefined;
  const weights = allocateAttentionWeights(arena, attention, { hidden, dtype, unpackScratch });
  const normed = allocateNormed(arena, dtype, batch, hidden);
  const rows = allocateAttentionRows(arena, attention, shape, normed, kvTokens);
  const ropeDims = attention.rope.dims;
  const ropeTables = arena.allocate("ropeTables", "activations", batch * ropeDims * 4);
  const cache = allocateKvCache(arena, dims.cache);
  const out = allocateRows(arena, "out", batch, hidden);
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(widestRow(attention, hidden)), fillScratchBytes(cache)),
  );
  const position = shape.kvTokens - 1;
  const core = coreOf({ weights, rows }, cache, dims);
  const layer: LaidOutLayer = { weights, rows, core, input: x, output: out, epsilon, position };
  return {
    work: layerWork(weights, batch, workOf(core)),
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports, memory) {
      requireFits(arena.buffers, memory);
      fillRows(exports, x, seed, 1);
      for (const task of attentionTasks(exports, memory, weights, seed)) task(scratch.address);
      fillKvCache(exports, memory, cache, dims.elements, seed, scratch.address);
      const table = new Float32Array(memory.buffer, ropeTables.address, batch * ropeDims);
      const frequencies = ropeFrequencies(attention.rope)(position + 1);
      for (let row = 0; row < batch; row++)
        fillRopeTable(table.subarray(row * ropeDims, (row + 1) * ropeDims), position, frequencies);
    },
    steps(rank, ranks) {
      const part = { weights, rows, count: batch, ropeTable: ropeTables.address, epsilon, rank, ranks };
      return [
        ...keyValueSteps(part, x),
        ...queryDownSteps(part),
        barrier,
        ...keySteps(part),
        ...appendSteps(part, cache, () => position),
        ...querySteps(part),
        ...layerCoreSteps(part, cache, dims),
        ...attentionOutputSteps(part, x, out),
      ];
    },
    check: (memory) => checkLayer(memory, layer),
  };
}

/** Products and weights of the projections and the core; vectors are in no formula. */
function layerWork(
  { inputNorm, queryDown, keyValue, output, heads }: AttentionWeights,
  batch: number,
  core: ReturnType<typeof workOf>,
): CaseWork {
  const ofBatch = (weight: PackedWeight) => weightWork(layerTerms.projections, weight, batch);
  const ofHeads = (weight: PackedWeight) => weightWork(layerTerms.projections, weight, batch * weight.experts);
  const isGrouped = heads.kind === "grouped";
  const products = [
    ...[queryDown?.weight, keyValue.weight, output.weight].filter((weight) => weight !== undefined).map(ofBatch),
    ...(isGrouped
      ? [ofBatch(heads.query.weight)]
      : [ofBatch(heads.queryNope), ...[heads.queryRope, heads.keyUp, heads.valueUp].map(ofHeads)]),
  ];
  const biases = [keyValue.bias, output.bias, isGrouped ? heads.query.bias : undefined];
  const norms = isGrouped ? [heads.norms?.query, heads.norms?.key] : [heads.latentNorm];
  const sinks = isGrouped ? [heads.sinks] : [];
  const vectors = [
    ...[inputNorm, queryDown?.norm, ...norms].map((rows) => ({ term: layerTerms.rest, rows })),
    ...biases.map((rows) => ({ term: layerTerms.projections, rows })),
    ...sinks.map((rows) => ({ term: layerTerms.core, rows })),
  ];
  return {
    term: layerTerms.rest,
    products: [...products.map(({ product }) => product), ...core.products],
    tensors: [
      ...products.map(({ tensor }) => tensor),
      ...vectors.flatMap(({ term, rows }) => (rows === undefined ? [] : [vectorWork(term, rows)])),
      core.tensor,
    ],
  };
}
