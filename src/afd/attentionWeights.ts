import { allocateRows, fillNormWeight, type Rows } from "../kernels/activations.ts";
import type { Arena } from "../kernels/arena.ts";
import { type AttentionWeights, allocateAttentionWeights, attentionTasks } from "../kernels/attentionWeights.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { allocateRouterWeights, packRouter, type RouterWeights } from "../kernels/router.ts";
import { allocateUnpackScratch, type PreparationTask } from "../kernels/weights.ts";
import { layerSeed, layerTensors } from "./decodeModel.ts";
import type { DecodeFfn, DecodeModel } from "./decodeWork.ts";
import { bitsOf } from "./seeded.ts";

/** What an attention instance keeps of a layer. */
export interface AttentionLayerWeights extends AttentionWeights {
  /** Index among the kinds of attention. */
  readonly kind: number;
  readonly ffnNorm: Rows;
  readonly router: (RouterWeights & { readonly ffn: MoeFfn }) | undefined;
}

export type MoeFfn = Extract<DecodeFfn, { kind: "moe" }>;

export function allocateLayerWeights(
  arena: Arena,
  model: DecodeModel,
  kindOf: readonly number[],
): AttentionLayerWeights[] {
  const { hidden, weightDtype: dtype, seed } = model;
  const unpackScratch = dtype === "int4" ? allocateUnpackScratch(arena, "projections") : undefined;
  return model.layers.map(({ attention, ffn }, layer) => ({
    ...allocateAttentionWeights(arena, attention, { hidden, dtype, unpackScratch }),
    kind: kindOf[layer] as number,
    ffnNorm: allocateRows(arena, "ffnNorm", 1, hidden, "weights"),
    router:
      ffn.kind === "dense"
        ? undefined
        : { ffn, ...allocateRouterWeights(arena, { hidden, experts: ffn.experts, router: ffn.router, seed }) },
  }));
}

/** What makes a layer's weights from its seed, in pieces that threads share out. */
export function weightTasks(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  model: DecodeModel,
  layer: number,
  weights: AttentionLayerWeights,
): PreparationTask[] {
  const seed = layerSeed(model, layer);
  return [
    ...attentionTasks(exports, memory, weights, seed),
    (scratch) => {
      fillNormWeight(exports, memory, weights.ffnNorm, seed, layerTensors.ffnNorm);
      if (weights.router === undefined) return;
      const { ffn, ...router } = weights.router;
      const shape = { hidden: model.hidden, experts: ffn.experts, router: ffn.router, seed };
      packRouter(exports, { shape, ...router }, layerTensors.router, scratch);
      if (router.logitBias !== undefined && model.zipfExponent !== undefined)
        new Float32Array(memory.buffer, router.logitBias.address, ffn.experts).set(
          zipfLogits(ffn.experts, model.zipfExponent, seed),
        );
    },
  ];
}

/**
 * What is added to logits so that experts are favoured: the logarithm of Zipf's law, in a seeded order of experts. Logits are spread by
 * the tokens beside it, so that shares of tokens follow the law about, not exactly.
 */
function zipfLogits(experts: number, exponent: number, seed: number): readonly number[] {
  const order = Array.from({ length: experts }, (_, expert) => expert);
  order.sort((one, other) => bitsOf(seed, one) - bitsOf(seed, other) || one - other);
  const logits = new Array<number>(experts);
  for (const [rank, expert] of order.entries()) logits[expert] = -exponent * Math.log(rank + 1);
  return logits;
}
