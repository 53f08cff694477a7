import { allocateRows, fillNormWeight, fillRows, type Rows } from "../kernels/activations.ts";
import type { Arena } from "../kernels/arena.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { allocateRouterWeights, packRouter, type RouterWeights } from "../kernels/router.ts";
import {
  allocateUnpackScratch,
  allocateWeight,
  type PackedWeight,
  packSeededWeight,
  weightSource,
} from "../kernels/weights.ts";
import { attentionWidths } from "./attentionWidths.ts";
import { layerSeed, layerTensors } from "./decodeModel.ts";
import type { DecodeAttention, DecodeFfn, DecodeModel, GroupedAttention, LatentAttention } from "./decodeWork.ts";
import type { PreparationTask } from "./preparation.ts";
import { bitsOf } from "./seeded.ts";

/** What an attention instance keeps of a layer. */
export interface AttentionLayerWeights {
  /** Index among the kinds of attention. */
  readonly kind: number;
  readonly inputNorm: Rows;
  readonly ffnNorm: Rows;
  /** The low-rank part of the query projection, and its norm; absent without a query rank. */
  readonly queryDown: { readonly weight: PackedWeight; readonly norm: Rows } | undefined;
  readonly keyValue: Projection;
  readonly output: Projection;
  readonly heads: HeadWeights;
  readonly router: (RouterWeights & { readonly ffn: MoeFfn }) | undefined;
}

export type MoeFfn = Extract<DecodeFfn, { kind: "moe" }>;

export interface Projection {
  readonly weight: PackedWeight;
  readonly bias: Rows | undefined;
}

/** What the heads of a layer have of their own. */
export type HeadWeights = GroupedWeights | LatentWeights;

export interface GroupedWeights {
  readonly kind: "grouped";
  readonly query: Projection;
  /** Of one head's query, and of one head's key. */
  readonly norms: { readonly query: Rows; readonly key: Rows } | undefined;
  readonly sinks: Rows | undefined;
}

/** The query stands in two weights, so that both parts of it are made where they are read. */
export interface LatentWeights {
  readonly kind: "latent";
  readonly latentNorm: Rows;
  /** All heads' elements without positions: what keyUp is multiplied with. */
  readonly queryNope: PackedWeight;
  /** A weight a head, as are the next two: straight to the core's queries. */
  readonly queryRope: PackedWeight;
  /** nopeHeadDim to kvRank: the key's up-projection, absorbed into the query. */
  readonly keyUp: PackedWeight;
  /** kvRank to valueHeadDim: the value's. */
  readonly valueUp: PackedWeight;
}

export function allocateAttentionWeights(
  arena: Arena,
  model: DecodeModel,
  kindOf: readonly number[],
): AttentionLayerWeights[] {
  const { hidden, weightDtype: dtype, seed } = model;
  const unpackScratch = dtype === "int4" ? allocateUnpackScratch(arena, "projections") : undefined;
  const allocate: Allocate = {
    weight: (name, columns, k, experts = 1) =>
      allocateWeight(arena, name, {
        ...{ dtype, columns, k, experts },
        ...(unpackScratch === undefined ? {} : { unpackScratch }),
      }),
    vector: (name, width) => allocateRows(arena, name, 1, width, "weights"),
  };
  return model.layers.map(({ attention, ffn }, layer) => {
    const { weight, vector } = allocate;
    const { queryRank } = attention;
    const { keyValue, attended } = attentionWidths(attention);
    return {
      kind: kindOf[layer] as number,
      inputNorm: vector("inputNorm", hidden),
      ffnNorm: vector("ffnNorm", hidden),
      queryDown:
        queryRank === undefined
          ? undefined
          : { weight: weight("queryDown", queryRank, hidden), norm: vector("queryNorm", queryRank) },
      keyValue: {
        weight: weight("keyValue", keyValue, hidden),
        bias: biasOf(attention, allocate, "keyValue", keyValue),
      },
      output: { weight: weight("output", hidden, attended), bias: biasOf(attention, allocate, "output", hidden) },
      heads: allocateHeads(attention, hidden, allocate),
      router:
        ffn.kind === "dense"
          ? undefined
          : { ffn, ...allocateRouterWeights(arena, { hidden, experts: ffn.experts, router: ffn.router, seed }) },
    };
  });
}

interface Allocate {
  readonly weight: (name: string, columns: number, k: number, experts?: number) => PackedWeight;
  readonly vector: (name: string, width: number) => Rows;
}

function biasOf(attention: DecodeAttention, { vector }: Allocate, of: string, width: number): Rows | undefined {
  return attention.kind === "grouped" && attention.bias ? vector(`${of}Bias`, width) : undefined;
}

function allocateHeads(attention: DecodeAttention, hidden: number, allocate: Allocate): HeadWeights {
  switch (attention.kind) {
    case "grouped":
      return groupedHeads(attention, hidden, allocate);
    case "latent":
      return latentHeads(attention, hidden, allocate);
  }
}

function groupedHeads(attention: GroupedAttention, hidden: number, allocate: Allocate): GroupedWeights {
  const { queryHeads, headDim, queryRank = hidden, qkNorm, sinks } = attention;
  const { weight, vector } = allocate;
  const width = queryHeads * headDim;
  return {
    kind: "grouped",
    query: { weight: weight("query", width, queryRank), bias: biasOf(attention, allocate, "query", width) },
    norms: qkNorm ? { query: vector("queryHeadNorm", headDim), key: vector("keyHeadNorm", headDim) } : undefined,
    sinks: sinks ? vector("sinks", queryHeads) : undefined,
  };
}

function latentHeads(attention: LatentAttention, hidden: number, { weight, vector }: Allocate): LatentWeights {
  const { queryHeads, queryRank = hidden, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
  return {
    kind: "latent",
    latentNorm: vector("latentNorm", kvRank),
    queryNope: weight("queryNope", queryHeads * nopeHeadDim, queryRank),
    queryRope: weight("queryRope", ropeHeadDim, queryRank, queryHeads),
    keyUp: weight("keyUp", kvRank, nopeHeadDim, queryHeads),
    valueUp: weight("valueUp", valueHeadDim, kvRank, queryHeads),
  };
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
  const { heads, queryDown, keyValue, output } = weights;
  const tensors = layerTensors;
  const pack = (weight: PackedWeight, tensor: number): PreparationTask => {
    return (scratch) => packSeededWeight(exports, weight, weightSource(seed, tensor, weight.k), scratch);
  };
  const norm = (rows: Rows, tensor: number): void => fillNormWeight(exports, memory, rows, seed, tensor);
  const bias = (rows: Rows | undefined, tensor: number): void => {
    if (rows !== undefined) fillRows(exports, rows, seed, tensor, 0.5);
  };
  return [
    ...(queryDown === undefined ? [] : [pack(queryDown.weight, tensors.queryDown)]),
    pack(keyValue.weight, tensors.keyValue),
    pack(output.weight, tensors.output),
    ...(heads.kind === "grouped"
      ? [pack(heads.query.weight, tensors.query)]
      : [
          pack(heads.queryNope, tensors.query),
          pack(heads.queryRope, tensors.queryRope),
          pack(heads.keyUp, tensors.keyUp),
          pack(heads.valueUp, tensors.valueUp),
        ]),
    (scratch) => {
      norm(weights.inputNorm, tensors.inputNorm);
      norm(weights.ffnNorm, tensors.ffnNorm);
      if (queryDown !== undefined) norm(queryDown.norm, tensors.queryNorm);
      if (heads.kind === "latent") norm(heads.latentNorm, tensors.latentNorm);
      else {
        bias(heads.query.bias, tensors.queryBias);
        if (heads.norms !== undefined) norm(heads.norms.query, tensors.queryHeadNorm);
        if (heads.norms !== undefined) norm(heads.norms.key, tensors.keyHeadNorm);
        if (heads.sinks !== undefined) fillRows(exports, heads.sinks, seed, tensors.sinks);
      }
      bias(keyValue.bias, tensors.keyValueBias);
      bias(output.bias, tensors.outputBias);
      if (weights.router === undefined) return;
      const { ffn, ...router } = weights.router;
      const shape = { hidden: model.hidden, experts: ffn.experts, router: ffn.router, seed };
      packRouter(exports, { shape, ...router }, tensors.router, scratch);
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
