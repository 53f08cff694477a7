import type { Rows } from "../kernels/activations.ts";
import {
  attentionOutputSteps,
  appendSteps as layerAppendSteps,
  layerCoreSteps,
  rowsOf,
} from "../kernels/attentionLayerSteps.ts";
import { coreDimsOf } from "../kernels/attentionRows.ts";
import type { AttentionPart } from "../kernels/headSteps.ts";
import { packSteps, rmsNormSteps } from "../kernels/linear.ts";
import { barrier, type Step, shareOf } from "../kernels/program.ts";
import { routerSteps } from "../kernels/router.ts";
import type { AttentionPlan, AttentionShare } from "./attentionLayout.ts";
import { cachedTokens } from "./attentionLayout.ts";
import type { AttentionLayerWeights } from "./attentionWeights.ts";
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

/** The thread's part in a layer's attention. */
export function partOf({ plan, share, rank, ranks }: AttentionThread, layer: number): AttentionPart {
  const weights = plan.layers[layer] as AttentionLayerWeights;
  return {
    ...{ weights, rank, ranks },
    rows: plan.kinds[weights.kind] as AttentionPart["rows"],
    count: share.sequences.last - share.sequences.first,
    ropeTable: share.ropeTables[weights.kind] as number,
    epsilon: plan.work.model.epsilon,
  };
}

/** The new token's rows to the caches, by sequences; addresses are those of the layer's cache. */
export function appendSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share } = thread;
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const positionOf = (sequence: number): number =>
    (plan.work.kvTokens[share.sequences.first + sequence] as number) + step;
  return layerAppendSteps(partOf(thread, layer), cache, positionOf);
}

/** The core over caches with `step + 1` tokens more than at the start; addresses are those of the layer's cache. */
export function attentionCoreSteps(thread: AttentionThread, layer: number, step: number): Step[] {
  const { plan, share } = thread;
  const cache = share.caches[layer];
  if (cache === undefined) return [];
  const part = partOf(thread, layer);
  const dims = coreDimsOf(plan.work.model, part.rows.attention, cachedTokens(plan.work, share.sequences, step + 1));
  return layerCoreSteps(part, cache, dims);
}

/** From the core's outputs to the message: output projection, residual, norm, router where there is one. */
export function outputSteps(thread: AttentionThread, layer: number, input: Rows, output: Rows): Step[] {
  const { plan, share, rank, ranks } = thread;
  const { ffnNorm } = plan.layers[layer] as AttentionLayerWeights;
  const part = partOf(thread, layer);
  const normed = rowsOf(madeIn(share.tokens.tokens, plan.rows.normed), part.count);
  return [
    ...attentionOutputSteps(part, input, output),
    ...rmsNormSteps(output, ffnNorm, normed, plan.work.model.epsilon, rank, ranks),
    ...sendSteps(normed, share.tokens.tokens, shareOf(part.count, rank, ranks)),
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
