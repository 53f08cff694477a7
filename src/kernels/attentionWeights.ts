import { allocateRows, fillNormWeight, fillRows, type Rows } from "./activations.ts";
import type { Arena } from "./arena.ts";
import { attentionWidths } from "./attentionWidths.ts";
import type { DecodeAttention, GroupedAttention, LatentAttention } from "./decodeAttention.ts";
import type { KernelExports } from "./exports.ts";
import {
  allocateWeight,
  type PackedWeight,
  type PreparationTask,
  packSeededWeight,
  type WeightDtype,
  weightSource,
} from "./weights.ts";

/** What a layer's attention keeps. */
export interface AttentionWeights {
  readonly inputNorm: Rows;
  /** The low-rank part of the query projection, and its norm; absent without a query rank. */
  readonly queryDown: { readonly weight: PackedWeight; readonly norm: Rows } | undefined;
  readonly keyValue: Projection;
  readonly output: Projection;
  readonly heads: HeadWeights;
}

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

/** Number of each seeded tensor of a layer's attention among all of the layer's (those of the FFN: src/afd/decodeModel.ts). */
const attentionTensors = {
  inputNorm: 2,
  queryNorm: 3,
  queryDown: 4,
  /** Key and value projection, or that of the latent and the key beside it. */
  keyValue: 5,
  /** Up from the query's rank, or directly; of latent attention the part that RoPE leaves. */
  query: 6,
  output: 7,
  queryHeadNorm: 16,
  keyHeadNorm: 17,
  sinks: 18,
  queryBias: 19,
  keyValueBias: 20,
  outputBias: 21,
  latentNorm: 22,
  queryRope: 23,
  /** What latent attention multiplies each head's query and output with. */
  keyUp: 24,
  valueUp: 25,
} as const;

/** @param unpackScratch - of int4 weights, where they are unpacked. */
export function allocateAttentionWeights(
  arena: Arena,
  attention: DecodeAttention,
  {
    hidden,
    dtype,
    unpackScratch,
  }: { hidden: number; dtype: WeightDtype; unpackScratch: PackedWeight["unpackScratch"] },
): AttentionWeights {
  const allocate: Allocate = {
    weight: (name, columns, k, experts = 1) =>
      allocateWeight(arena, name, {
        ...{ dtype, columns, k, experts },
        ...(unpackScratch === undefined ? {} : { unpackScratch }),
      }),
    vector: (name, width) => allocateRows(arena, name, 1, width, "weights"),
  };
  const { weight, vector } = allocate;
  const { queryRank } = attention;
  const { keyValue, attended } = attentionWidths(attention);
  return {
    inputNorm: vector("inputNorm", hidden),
    queryDown:
      queryRank === undefined
        ? undefined
        : { weight: weight("queryDown", queryRank, hidden), norm: vector("queryNorm", queryRank) },
    keyValue: {
      weight: weight("keyValue", keyValue, hidden),
      bias: hasBias(attention, "keyValue") ? vector("keyValueBias", keyValue) : undefined,
    },
    output: {
      weight: weight("output", hidden, attended),
      bias: hasBias(attention, "output") ? vector("outputBias", hidden) : undefined,
    },
    heads: allocateHeads(attention, hidden, allocate),
  };
}

interface Allocate {
  readonly weight: (name: string, columns: number, k: number, experts?: number) => PackedWeight;
  readonly vector: (name: string, width: number) => Rows;
}

function hasBias(attention: DecodeAttention, projection: "query" | "keyValue" | "output"): boolean {
  if (attention.kind === "latent") return false;
  switch (attention.bias) {
    case "none":
      return false;
    case "queryKeyValue":
      return projection !== "output";
    case "all":
      return true;
  }
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
    query: {
      weight: weight("query", width, queryRank),
      bias: hasBias(attention, "query") ? vector("queryBias", width) : undefined,
    },
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

/** Packed weights of a layer, with the number of the tensor that each is made from. */
export function packedWeights({ queryDown, keyValue, output, heads }: AttentionWeights): [PackedWeight, number][] {
  const tensors = attentionTensors;
  return [
    ...(queryDown === undefined ? [] : [[queryDown.weight, tensors.queryDown] satisfies [PackedWeight, number]]),
    [keyValue.weight, tensors.keyValue],
    [output.weight, tensors.output],
    ...(heads.kind === "grouped"
      ? ([[heads.query.weight, tensors.query]] satisfies [PackedWeight, number][])
      : ([
          [heads.queryNope, tensors.query],
          [heads.queryRope, tensors.queryRope],
          [heads.keyUp, tensors.keyUp],
          [heads.valueUp, tensors.valueUp],
        ] satisfies [PackedWeight, number][])),
  ];
}

/** What makes a layer's weights from its seed, in pieces that threads may share out. */
export function attentionTasks(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  weights: AttentionWeights,
  seed: number,
): PreparationTask[] {
  const { heads, queryDown, keyValue, output } = weights;
  const tensors = attentionTensors;
  const norm = (rows: Rows | undefined, tensor: number): void => {
    if (rows !== undefined) fillNormWeight(exports, memory, rows, seed, tensor);
  };
  const bias = (rows: Rows | undefined, tensor: number): void => {
    if (rows !== undefined) fillRows(exports, rows, seed, tensor, 0.5);
  };
  return [
    ...packedWeights(weights).map(
      ([weight, tensor]): PreparationTask =>
        (scratch) =>
          packSeededWeight(exports, weight, weightSource(seed, tensor, weight.k), scratch),
    ),
    () => {
      norm(weights.inputNorm, tensors.inputNorm);
      norm(queryDown?.norm, tensors.queryNorm);
      if (heads.kind === "latent") norm(heads.latentNorm, tensors.latentNorm);
      else {
        bias(heads.query.bias, tensors.queryBias);
        norm(heads.norms?.query, tensors.queryHeadNorm);
        norm(heads.norms?.key, tensors.keyHeadNorm);
        if (heads.sinks !== undefined) fillRows(exports, heads.sinks, seed, tensors.sinks);
      }
      bias(keyValue.bias, tensors.keyValueBias);
      bias(output.bias, tensors.outputBias);
    },
  ];
}
