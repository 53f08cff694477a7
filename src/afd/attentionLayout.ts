import { allocatePacked, allocateRows, type PackedRows, type Rows } from "../kernels/activations.ts";
import { type Arena, createArena } from "../kernels/arena.ts";
import { allocateCoreScratch, type CoreBuffers } from "../kernels/attentionBuffers.ts";
import { type CoreDims, resolveCore } from "../kernels/attentionShape.ts";
import { allocateKvCache, type KvCache } from "../kernels/kvCache.ts";
import { kvFormats } from "../kernels/kvFormat.ts";
import type { Share } from "../kernels/program.ts";
import { allocateRouterRows, allocateRouterWeights, type Router, type RouterWeights } from "../kernels/router.ts";
import { allocateUnpackScratch, allocateWeight, type PackedWeight, packScratchBytes } from "../kernels/weights.ts";
import { InvalidInputError } from "../units/errors.ts";
import { kindsOf } from "./decodeModel.ts";
import { type DecodeAttention, type DecodeFfn, type DecodeModel, type DecodeWork, sequencesOf } from "./decodeWork.ts";
import { allocateSums, allocateTokens, type SumTensors, type TokenTensors } from "./messageTensors.ts";
import { type Preparation, preparationOf } from "./preparation.ts";
import type { AttentionLayout } from "./stages.ts";

/** An attention instance's memory, with all that its programs are made of. */
export interface AttentionPlan extends AttentionLayout {
  readonly work: DecodeWork;
  readonly layers: readonly AttentionLayerWeights[];
  readonly finalNorm: Rows;
  readonly shares: readonly AttentionShare[];
  /** Working rows that all layers and micro-batches share. */
  readonly rows: SharedRows;
  /** Working rows of layers whose attention has one shape. */
  readonly kinds: readonly AttentionKind[];
  readonly preparation: Preparation;
}

export interface AttentionLayerWeights {
  /** Index among the kinds of attention. */
  readonly kind: number;
  readonly inputNorm: Rows;
  readonly ffnNorm: Rows;
  /** The query projection, or its low-rank part. */
  readonly query: PackedWeight;
  readonly keyValue: PackedWeight;
  /** Both absent without a query rank. */
  readonly queryNorm: Rows | undefined;
  readonly queryUp: PackedWeight | undefined;
  readonly output: PackedWeight;
  readonly router: (RouterWeights & { readonly ffn: MoeFfn }) | undefined;
}

export type MoeFfn = Extract<DecodeFfn, { kind: "moe" }>;

/** What an instance keeps of one micro-batch. */
export interface AttentionShare {
  readonly sequences: Share;
  /** Rows of the input of a layer and of x + attention, which alternate from layer to layer. */
  readonly states: readonly [Rows, Rows];
  readonly tokens: TokenTensors;
  /** [FFN instance] */
  readonly sums: readonly SumTensors[];
  /** [layer]; undefined where the share is empty. */
  readonly caches: readonly (KvCache | undefined)[];
  /** [kind of attention]: cosines and sines of each sequence's position. */
  readonly ropeTables: readonly number[];
}

export interface SharedRows {
  readonly normed: Rows;
  readonly normedPacked: PackedRows;
  /** The same for a router, which is float32. */
  readonly routerPacked: PackedRows;
  readonly routerRows: Omit<Router, "shape" | keyof RouterWeights> | undefined;
  /** Partial sums on their way from a message to the state. */
  readonly received: Rows;
}

export interface AttentionKind {
  readonly attention: DecodeAttention;
  readonly projected: Rows;
  readonly latent: Rows | undefined;
  readonly latentPacked: PackedRows | undefined;
  /** Rows of heads: sequences x queryHeads. */
  readonly q: Rows;
  readonly attended: Rows;
  readonly attendedPacked: PackedRows;
  readonly coreScratch: Pick<CoreBuffers, "states" | "parts" | "scratch">;
}

/** Where tensors stand already: the one-thread model lays all instances out in one arena. */
export interface GivenSums {
  readonly arena: Arena;
  /** [micro-batch][FFN instance] */
  readonly sums: readonly (readonly SumTensors[])[];
}

/**
 * Lays out an attention instance: weights of all layers, caches of its own sequences, messages, and working rows for its largest share.
 *
 * @throws InvalidInputError where a size is not what kernels take, InfeasibleError where layers don't fit into one message.
 */
export function layOutAttention(work: DecodeWork, instance: number, given?: GivenSums): AttentionPlan {
  const { model } = work;
  checkAttention(model);
  const arena = given?.arena ?? createArena();
  const begin = arena.buffers.length;
  const sequences = work.microBatches.map((_, microBatch) => sequencesOf(work, microBatch, instance));
  const { kinds, kindOf } = kindsOf(model.layers.map(({ attention }) => attention));
  const mostRows = Math.max(1, ...sequences.map(({ first, last }) => last - first));
  const mostTokens = work.steps + Math.max(...work.kvTokens);
  const layers = allocateLayers(arena, model, kindOf);
  const finalNorm = allocateRows(arena, "finalNorm", 1, model.hidden, "weights");
  const rows = allocateShared(arena, model, mostRows);
  const kindRows = kinds.map((attention) => allocateKind(arena, model, attention, mostRows, mostTokens));
  const shares = sequences.map((share, microBatch): AttentionShare => {
    const count = share.last - share.first;
    const state = (): Rows => allocateRows(arena, "state", count, model.hidden);
    return {
      sequences: share,
      states: [state(), state()],
      tokens: allocateTokens(arena, work, count),
      sums:
        given?.sums[microBatch] ?? Array.from({ length: work.ffnInstances }, () => allocateSums(arena, work, count)),
      caches: model.layers.map(({ attention }) =>
        count === 0 ? undefined : allocateKvCache(arena, coreDims(work, attention, share, work.steps).cache),
      ),
      ropeTables: kinds.map(({ headDim }) => arena.allocate("ropeTables", "activations", count * headDim * 4).address),
    };
  });
  const sends = shares.map(({ tokens }) => tokens.wire);
  const receives = shares.map(({ sums }) => sums.map(({ wire }) => wire));
  const preparation = preparationOf(arena, begin, receives.flat(2), packScratchBytes(widest(model)));
  return {
    ...{ work, layers, finalNorm, rows, kinds: kindRows, shares, preparation, sends, receives },
    memoryBytes: arena.totalBytes(),
  };
}

/** A core over a share of the sequences, when `steps` tokens were appended to each. */
export function coreDims(work: DecodeWork, attention: DecodeAttention, share: Share, steps: number): CoreDims {
  const kvTokens = work.kvTokens.slice(share.first, share.last).map((tokens) => tokens + steps);
  return coreDimsOf(work.model, attention, kvTokens);
}

function coreDimsOf({ kvDtype, seed }: DecodeModel, attention: DecodeAttention, kvTokens: readonly number[]): CoreDims {
  const { queryHeads, kvHeads, headDim } = attention;
  const { dtype } = kvFormats[kvDtype];
  return resolveCore({ batch: kvTokens.length, kvTokens, queryHeads, kvHeads, headDim, dtype, kvDtype, seed });
}

function allocateLayers(arena: Arena, model: DecodeModel, kindOf: readonly number[]): AttentionLayerWeights[] {
  const { hidden, weightDtype: dtype, seed } = model;
  const unpackScratch = dtype === "int4" ? allocateUnpackScratch(arena, "projections") : undefined;
  const weight = (name: string, columns: number, k: number): PackedWeight =>
    allocateWeight(arena, name, { dtype, columns, k, ...(unpackScratch === undefined ? {} : { unpackScratch }) });
  const norm = (name: string, width: number): Rows => allocateRows(arena, name, 1, width, "weights");
  return model.layers.map(({ attention, ffn }, layer) => {
    const { queryHeads, kvHeads, headDim, queryRank } = attention;
    const queryWidth = queryHeads * headDim;
    return {
      kind: kindOf[layer] as number,
      inputNorm: norm("inputNorm", hidden),
      ffnNorm: norm("ffnNorm", hidden),
      query: weight("query", queryRank ?? queryWidth, hidden),
      keyValue: weight("keyValue", 2 * kvHeads * headDim, hidden),
      queryNorm: queryRank === undefined ? undefined : norm("queryNorm", queryRank),
      queryUp: queryRank === undefined ? undefined : weight("queryUp", queryWidth, queryRank),
      output: weight("output", hidden, queryWidth),
      router:
        ffn.kind === "dense"
          ? undefined
          : { ffn, ...allocateRouterWeights(arena, { hidden, experts: ffn.experts, router: ffn.router, seed }) },
    };
  });
}

function allocateShared(arena: Arena, model: DecodeModel, rows: number): SharedRows {
  const { hidden, weightDtype } = model;
  const routed = model.layers.flatMap(({ ffn }) => (ffn.kind === "moe" ? [ffn] : []));
  const most = (of: (ffn: MoeFfn) => number): number => Math.max(1, ...routed.map(of));
  const experts = most((ffn) => ffn.experts);
  const groups = most(({ router }) => router.groups);
  const rule = routed[0]?.router;
  return {
    normed: allocateRows(arena, "normed", rows, hidden),
    normedPacked: allocatePacked(arena, "normed", weightDtype, rows, hidden),
    routerPacked: allocatePacked(arena, "router", "f32", rows, hidden),
    routerRows:
      rule === undefined
        ? undefined
        : allocateRouterRows(arena, { tokens: rows, experts, router: { ...rule, groups } }),
    received: allocateRows(arena, "received", rows, hidden),
  };
}

function allocateKind(
  arena: Arena,
  model: DecodeModel,
  attention: DecodeAttention,
  rows: number,
  tokens: number,
): AttentionKind {
  const { queryHeads, kvHeads, headDim, queryRank } = attention;
  const { weightDtype } = model;
  const queryWidth = queryHeads * headDim;
  const largest = coreDimsOf(model, attention, Array<number>(rows).fill(tokens));
  return {
    attention,
    projected: allocateRows(arena, "projected", rows, (queryRank ?? 0) + 2 * kvHeads * headDim),
    latent: queryRank === undefined ? undefined : allocateRows(arena, "latent", rows, queryRank),
    latentPacked: queryRank === undefined ? undefined : allocatePacked(arena, "latent", weightDtype, rows, queryRank),
    q: allocateRows(arena, "q", rows * queryHeads, headDim),
    attended: allocateRows(arena, "attended", rows * queryHeads, headDim),
    attendedPacked: allocatePacked(arena, "attended", weightDtype, rows, queryWidth),
    coreScratch: allocateCoreScratch(arena, largest),
  };
}

/** The longest row that is packed, or made before it is appended to a cache. */
function widest({ hidden, layers }: DecodeModel): number {
  const widths = layers.map(({ attention: { queryHeads, headDim, queryRank = 0 } }) =>
    Math.max(queryHeads * headDim, queryRank),
  );
  return Math.max(hidden, ...widths);
}

function checkAttention({ hidden, layers }: DecodeModel): void {
  requireEights("hidden", hidden);
  for (const { attention } of layers) {
    requireEights("headDim", attention.headDim);
    if (attention.queryRank !== undefined) requireEights("queryRank", attention.queryRank);
  }
}

function requireEights(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 8 && value % 8 === 0) return;
  throw new InvalidInputError({ field, value, expected: "a multiple of 8" });
}
