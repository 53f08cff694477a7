import { columnsOf, type Rows } from "../kernels/activations.ts";
import type { CoreBuffers } from "../kernels/attentionBuffers.ts";
import { coreSteps } from "../kernels/attentionSteps.ts";
import { appendArguments } from "../kernels/kvCache.ts";
import { addSteps, matmulSteps, packSteps, projectSteps, rmsNormSteps } from "../kernels/linear.ts";
import { barrier, call, type Step, shareOf } from "../kernels/program.ts";
import { routerSteps } from "../kernels/router.ts";
import type { AttentionKind, AttentionPlan, AttentionShare } from "./attentionLayout.ts";
import { coreDims } from "./attentionLayout.ts";
import type { AttentionLayerWeights } from "./attentionWeights.ts";
import { attentionWidths } from "./attentionWidths.ts";
import { layerSeed } from "./decodeModel.ts";
import { attendedSteps, finishQuerySteps, type HeadThread, headKeySteps, headQuerySteps } from "./headSteps.ts";
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

/** From a layer's input to what is appended to its caches, but for norms and RoPE. */
export function keyValueSteps(thread: AttentionThread, layer: number, input: Rows): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const { normed, normedPacked } = plan.rows;
  const own = rowsOf(normed, count);
  return [
    ...rmsNormSteps(input, weights.inputNorm, own, plan.work.model.epsilon, rank, ranks),
    ...packSteps(own, normedPacked, rank, ranks),
    barrier,
    ...projectSteps(weights.keyValue, normedPacked, keyValueOf(kind), count, rank, ranks),
  ];
}

/** The query projection, or its low-rank part: after keyValueSteps, before what these wait for. */
export function queryDownSteps(thread: AttentionThread, layer: number): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const { normedPacked } = plan.rows;
  if (weights.queryDown === undefined) return headQuerySteps(headThread(thread, layer), normedPacked);
  return matmulSteps(weights.queryDown.weight, normedPacked, lowQueryOf(kind), count, rank, ranks);
}

/** Norms and RoPE of what is appended, by sequences. */
export function keySteps(thread: AttentionThread, layer: number): Step[] {
  return headKeySteps(headThread(thread, layer), keyValueOf(layerOf(thread, layer).kind));
}

/** The new token's rows to the caches, by sequences; addresses are those of the layer's cache. */
export function appendSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { kind, count } = layerOf(thread, layer);
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const { attention } = kind;
  const rows = keyValueOf(kind);
  // Of a latent, the value is a part of the key.
  const [kvHeads, keyDim] = attention.kind === "grouped" ? [attention.kvHeads, attention.headDim] : [1, 0];
  const own = shareOf(count, rank, ranks);
  const steps: Step[] = [];
  for (let sequence = own.first; sequence < own.last; sequence++) {
    const position = (plan.work.kvTokens[share.sequences.first + sequence] as number) + step;
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const key = rows.address + sequence * rows.strideBytes + kvHead * keyDim * 4;
      const value = key + kvHeads * keyDim * 4;
      steps.push(call("appendToken", ...appendArguments(cache, sequence, kvHead, position, key, value)));
    }
  }
  return steps;
}

/** From the projected queries to those that the core reads. */
export function querySteps(thread: AttentionThread, layer: number): Step[] {
  const { plan, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const { lowQuery, lowQueryPacked } = kind;
  const heads = headThread(thread, layer);
  const finished = [...finishQuerySteps(heads), barrier];
  if (weights.queryDown === undefined || !lowQuery || !lowQueryPacked) return finished;
  const own = rowsOf(lowQuery, count);
  const projected = rowsOf(lowQueryOf(kind), count);
  return [
    ...rmsNormSteps(projected, weights.queryDown.norm, own, plan.work.model.epsilon, rank, ranks),
    ...packSteps(own, lowQueryPacked, rank, ranks),
    barrier,
    ...headQuerySteps(heads, lowQueryPacked),
    barrier,
    ...finished,
  ];
}

/** The core over caches with `step + 1` tokens more than at the start; addresses are those of the layer's cache. */
export function attentionCoreSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { kind, weights } = layerOf(thread, layer);
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const dims = coreDims(plan.work, kind.attention, share.sequences, step + 1);
  const sinks = weights.heads.kind === "grouped" ? weights.heads.sinks : undefined;
  const core: CoreBuffers = { dims, cache, q: kind.q, out: kind.out, sinks, ...kind.coreScratch };
  return coreSteps(core, rank, ranks);
}

/** From the core's outputs to the message: output projection, residual, norm, router where there is one. */
export function outputSteps(thread: AttentionThread, layer: number, input: Rows, output: Rows): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const normed = rowsOf(madeIn(share.tokens.tokens, plan.rows.normed), count);
  return [
    barrier,
    ...attendedSteps(headThread(thread, layer)),
    ...packSteps(rowsOf(kind.attended, count), kind.attendedPacked, rank, ranks),
    barrier,
    ...projectSteps(weights.output, kind.attendedPacked, output, count, rank, ranks),
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

function layerOf({ plan, share }: AttentionThread, layer: number) {
  const weights = plan.layers[layer] as AttentionLayerWeights;
  return {
    weights,
    kind: plan.kinds[weights.kind] as AttentionKind,
    count: share.sequences.last - share.sequences.first,
  };
}

function headThread(thread: AttentionThread, layer: number): HeadThread {
  const { plan, share, rank, ranks } = thread;
  const { weights, kind, count } = layerOf(thread, layer);
  const ropeTable = share.ropeTables[weights.kind] as number;
  return { weights: weights.heads, kind, count, ropeTable, epsilon: plan.work.model.epsilon, rank, ranks };
}

/** The first of rows that were laid out for the largest share. */
function rowsOf(rows: Rows, count: number): Rows {
  return { ...rows, rows: count };
}

function lowQueryOf({ projected, attention: { queryRank = 0 } }: AttentionKind): Rows {
  return columnsOf(projected, 0, queryRank);
}

function keyValueOf({ projected, attention }: AttentionKind): Rows {
  return columnsOf(projected, attention.queryRank ?? 0, attentionWidths(attention).keyValue);
}
