import { columnsOf, type Rows } from "../kernels/activations.ts";
import type { CoreBuffers } from "../kernels/attentionBuffers.ts";
import { coreSteps } from "../kernels/attentionSteps.ts";
import { appendArguments } from "../kernels/kvCache.ts";
import { addSteps, matmulSteps, packSteps, rmsNormSteps, rowSteps } from "../kernels/linear.ts";
import { barrier, call, type Share, type Step, shareOf } from "../kernels/program.ts";
import { routerSteps } from "../kernels/router.ts";
import type { AttentionKind, AttentionLayerWeights, AttentionPlan, AttentionShare } from "./attentionLayout.ts";
import { coreDims } from "./attentionLayout.ts";
import { layerSeed } from "./decodeModel.ts";
import { addMessageSteps, madeIn, sendSteps } from "./messageTensors.ts";

/** One thread's part in what an attention instance does with one micro-batch. */
export interface AttentionThread {
  readonly plan: AttentionPlan;
  readonly share: AttentionShare;
  readonly rank: number;
  readonly ranks: number;
}

/** state += the partial sums of every FFN instance, in their order. */
export function combineSteps({ plan, share, rank, ranks }: AttentionThread, state: Rows): Step[] {
  const own = shareOf(state.rows, rank, ranks);
  return share.sums.flatMap(({ sums }) => addMessageSteps(sums, plan.rows.received, state, own));
}

/** state = RMSNorm(state), in place: the model's last norm. */
export function finalNormSteps({ plan, rank, ranks }: AttentionThread, state: Rows): Step[] {
  return rmsNormSteps(state, plan.finalNorm, state, plan.work.model.epsilon, rank, ranks);
}

/** From a layer's input to its keys and values, turned by their positions and ready to be appended. */
export function keyValueSteps(thread: AttentionThread, layer: number, input: Rows): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const { normed, normedPacked } = plan.rows;
  const own = rowsOf(normed, count);
  return [
    ...rmsNormSteps(input, weights.inputNorm, own, plan.work.model.epsilon, rank, ranks),
    ...packSteps(own, normedPacked, rank, ranks),
    barrier,
    ...matmulSteps(weights.keyValue, normedPacked, keyValueOf(kind), count, rank, ranks),
  ];
}

/** The query projection, or its low-rank part: after keyValueSteps, before what these wait for. */
export function queryDownSteps(thread: AttentionThread, layer: number): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const low = weights.queryUp === undefined ? headsOf(kind.q, kind, count) : queryOf(kind);
  return matmulSteps(weights.query, plan.rows.normedPacked, low, count, rank, ranks);
}

/** RoPE of the keys, by sequences. */
export function keyRopeSteps(thread: AttentionThread, layer: number): Step[] {
  const { kind } = layerOf(thread, layer);
  return ropeSteps(thread, layer, keyValueOf(kind), kind.attention.kvHeads);
}

/** The new token's keys and values to the caches, by sequences; addresses are those of the layer's cache. */
export function appendSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { kind, count } = layerOf(thread, layer);
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const { kvHeads, headDim } = kind.attention;
  const keys = keyValueOf(kind);
  const own = shareOf(count, rank, ranks);
  const steps: Step[] = [];
  for (let sequence = own.first; sequence < own.last; sequence++) {
    const position = (plan.work.kvTokens[share.sequences.first + sequence] as number) + step;
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const key = keys.address + sequence * keys.strideBytes + kvHead * headDim * 4;
      const value = key + kvHeads * headDim * 4;
      steps.push(call("appendToken", ...appendArguments(cache, sequence, kvHead, position, key, value)));
    }
  }
  return steps;
}

/** From the projected queries to those that the core reads. */
export function querySteps(thread: AttentionThread, layer: number): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const { latent, latentPacked, q } = kind;
  const queries = headsOf(q, kind, count);
  const turned = ropeSteps(thread, layer, queries, kind.attention.queryHeads);
  if (weights.queryUp === undefined || weights.queryNorm === undefined || !latent || !latentPacked)
    return [...turned, barrier];
  const own = rowsOf(latent, count);
  return [
    ...rmsNormSteps(rowsOf(queryOf(kind), count), weights.queryNorm, own, plan.work.model.epsilon, rank, ranks),
    ...packSteps(own, latentPacked, rank, ranks),
    barrier,
    ...matmulSteps(weights.queryUp, latentPacked, queries, count, rank, ranks),
    barrier,
    ...turned,
    barrier,
  ];
}

/** The core over caches with `step + 1` tokens more than at the start; addresses are those of the layer's cache. */
export function attentionCoreSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { kind } = layerOf(thread, layer);
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const dims = coreDims(plan.work, kind.attention, share.sequences, step + 1);
  const core: CoreBuffers = { dims, cache, q: kind.q, out: kind.attended, sinks: undefined, ...kind.coreScratch };
  return coreSteps(core, rank, ranks);
}

/** From the core's outputs to the message: output projection, residual, norm, router where there is one. */
export function outputSteps(thread: AttentionThread, layer: number, input: Rows, output: Rows): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const normed = rowsOf(madeIn(share.tokens.tokens, plan.rows.normed), count);
  return [
    barrier,
    ...packSteps(headsOf(kind.attended, kind, count), kind.attendedPacked, rank, ranks),
    barrier,
    ...matmulSteps(weights.output, kind.attendedPacked, output, count, rank, ranks),
    barrier,
    ...addSteps(input, output, rank, ranks),
    ...rmsNormSteps(output, weights.ffnNorm, normed, plan.work.model.epsilon, rank, ranks),
    ...sendSteps(normed, share.tokens.tokens, shareOf(count, rank, ranks)),
    ...layerRouterSteps(thread, layer, normed),
    barrier,
  ];
}

/** The router writes ids and weights into the message itself. */
function layerRouterSteps({ plan, share, rank, ranks }: AttentionThread, layer: number, normed: Rows): Step[] {
  const { router } = plan.layers[layer] as AttentionLayerWeights;
  const { expertIds: ids, expertWeights: weights } = share.tokens;
  const { routerRows, routerPacked } = plan.rows;
  if (router === undefined || routerRows === undefined || ids === undefined || weights === undefined) return [];
  const { ffn, ...kept } = router;
  const { model } = plan.work;
  const shape = {
    ...{ tokens: normed.rows, hidden: model.hidden, experts: ffn.experts, router: ffn.router },
    seed: layerSeed(model, layer),
  };
  return [
    ...packSteps(normed, routerPacked, rank, ranks),
    barrier,
    ...routerSteps({ shape, ...kept, ...routerRows, ids, weights }, routerPacked, rank, ranks),
  ];
}

function ropeSteps({ plan, share, rank, ranks }: AttentionThread, layer: number, rows: Rows, heads: number): Step[] {
  const { kind } = plan.layers[layer] as AttentionLayerWeights;
  const { headDim } = (plan.kinds[kind] as AttentionKind).attention;
  const table = share.ropeTables[kind] as number;
  return rowSteps(countOf(share.sequences), rank, ranks, ({ first, last }) =>
    call("ropeRows", rows.address, rows.strideBytes, table, first, last, heads, headDim, headDim),
  );
}

function layerOf({ plan, share }: AttentionThread, layer: number) {
  const weights = plan.layers[layer] as AttentionLayerWeights;
  return { weights, kind: plan.kinds[weights.kind] as AttentionKind, count: countOf(share.sequences) };
}

function countOf({ first, last }: Share): number {
  return last - first;
}

/** The first of rows that were laid out for the largest share. */
function rowsOf(rows: Rows, count: number): Rows {
  return { ...rows, rows: count };
}

function queryOf({ projected, attention: { queryRank = 0 } }: AttentionKind): Rows {
  return columnsOf(projected, 0, queryRank);
}

function keyValueOf({ projected, attention: { queryRank = 0, kvHeads, headDim } }: AttentionKind): Rows {
  return columnsOf(projected, queryRank, 2 * kvHeads * headDim);
}

/** Heads of a sequence lie one after the other: rows of the core are columns of these. */
function headsOf(heads: Rows, { attention: { queryHeads, headDim } }: AttentionKind, rows: number): Rows {
  const width = queryHeads * headDim;
  return { ...heads, rows, width, strideBytes: width * 4 };
}
