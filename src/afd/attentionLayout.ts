import { allocatePacked, allocateRows, type PackedRows, type Rows } from "../kernels/activations.ts";
import { type Arena, createArena } from "../kernels/arena.ts";
import { allocateCoreScratch, type CoreBuffers } from "../kernels/attentionBuffers.ts";
import { mostPartsOf } from "../kernels/attentionParts.ts";
import { type CoreDims, resolveCore } from "../kernels/attentionShape.ts";
import { allocateKvCache, type KvCache } from "../kernels/kvCache.ts";
import { kvFormats } from "../kernels/kvFormat.ts";
import type { Share } from "../kernels/program.ts";
import { allocateRouterRows, type Router, type RouterWeights } from "../kernels/router.ts";
import { packScratchBytes } from "../kernels/weights.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type AttentionLayerWeights, allocateAttentionWeights, type MoeFfn } from "./attentionWeights.ts";
import { attentionWidths } from "./attentionWidths.ts";
import { kindsOf } from "./decodeModel.ts";
import {
  type DecodeAttention,
  type DecodeModel,
  type DecodeWork,
  type LatentAttention,
  sequencesOf,
} from "./decodeWork.ts";
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
  /** A query of low rank, then what is appended: keys and values, or the latent and the key beside it. */
  readonly projected: Rows;
  /** The query of low rank, normed. */
  readonly lowQuery: Rows | undefined;
  readonly lowQueryPacked: PackedRows | undefined;
  /** Queries and outputs of the core, rows of heads: sequences x queryHeads. */
  readonly q: Rows;
  readonly out: Rows;
  /** What the output projection reads: sequences, each with all heads. */
  readonly attended: Rows;
  readonly attendedPacked: PackedRows;
  readonly coreScratch: Pick<CoreBuffers, "states" | "parts" | "scratch">;
  readonly latent: LatentRows | undefined;
}

/** What latent attention works in beside. */
export interface LatentRows {
  /** Sequences, each with all heads' elements that have no positions. */
  readonly queryNope: Rows;
  /** [head] */
  readonly nopePacked: readonly PackedRows[];
  readonly outPacked: readonly PackedRows[];
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
  const layers = allocateAttentionWeights(arena, model, kindOf);
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
      ropeTables: kinds.map(({ rope }) => arena.allocate("ropeTables", "activations", count * rope.dims * 4).address),
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
  const { queryHeads, span } = attention;
  const stored = { batch: kvTokens.length, kvTokens, dtype: kvFormats[kvDtype].dtype, kvDtype, seed };
  switch (attention.kind) {
    case "grouped": {
      const { kvHeads, headDim, sinks } = attention;
      return resolveCore({ ...stored, queryHeads, kvHeads, headDim, span, sinks: sinks ? "perHead" : "none" });
    }
    case "latent": {
      const { kvRank, nopeHeadDim, ropeHeadDim } = attention;
      const scale = (nopeHeadDim + ropeHeadDim) ** -0.5;
      return resolveCore({ ...stored, queryHeads, kvHeads: 1, headDim: kvRank, ropeHeadDim, span, scale });
    }
  }
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
  const { queryHeads, queryRank, span } = attention;
  const { weightDtype } = model;
  const { keyValue, attended: width } = attentionWidths(attention);
  const { cache, ...dims } = coreDimsOf(model, attention, Array<number>(rows).fill(tokens));
  const attendedTokens = span.kind === "full" ? tokens : Math.min(tokens, span.tokens);
  const out = allocateRows(arena, "attentionOut", rows * queryHeads, cache.valueDim);
  const latent = attention.kind === "latent" ? allocateLatent(arena, model, attention, rows) : undefined;
  return {
    ...{ attention, out, latent },
    projected: allocateRows(arena, "projected", rows, (queryRank ?? 0) + keyValue),
    lowQuery: queryRank === undefined ? undefined : allocateRows(arena, "lowQuery", rows, queryRank),
    lowQueryPacked:
      queryRank === undefined ? undefined : allocatePacked(arena, "lowQuery", weightDtype, rows, queryRank),
    q: allocateRows(arena, "q", rows * queryHeads, cache.keyDim),
    // Heads of a sequence lie one after the other: rows of the core are columns of these.
    attended:
      latent === undefined
        ? { ...out, rows, width, strideBytes: width * 4 }
        : allocateRows(arena, "attended", rows, width),
    attendedPacked: allocatePacked(arena, "attended", weightDtype, rows, width),
    coreScratch: allocateCoreScratch(arena, { ...dims, cache }, mostPartsOf(attendedTokens) - 1),
  };
}

function allocateLatent(
  arena: Arena,
  { weightDtype }: DecodeModel,
  { queryHeads, nopeHeadDim, kvRank }: LatentAttention,
  rows: number,
): LatentRows {
  const perHead = (name: string, width: number): PackedRows[] =>
    Array.from({ length: queryHeads }, () => allocatePacked(arena, name, weightDtype, rows, width));
  return {
    queryNope: allocateRows(arena, "queryNope", rows, queryHeads * nopeHeadDim),
    nopePacked: perHead("queryNope", nopeHeadDim),
    outPacked: perHead("attentionOut", kvRank),
  };
}

/** The longest row that is packed, or made before it is appended to a cache. */
function widest({ hidden, layers }: DecodeModel): number {
  const widths = layers.map(({ attention }) => {
    const { queryRank = 0 } = attention;
    return Math.max(attentionWidths(attention).attended, queryRank, attention.kind === "latent" ? attention.kvRank : 0);
  });
  return Math.max(hidden, ...widths);
}

function checkAttention({ hidden, layers }: DecodeModel): void {
  requireEights("hidden", hidden);
  for (const { attention } of layers) {
    if (attention.queryRank !== undefined) requireEights("queryRank", attention.queryRank);
    if (attention.kind === "grouped") requireEights("headDim", attention.headDim);
    else {
      requireEights("kvRank", attention.kvRank);
      requireEights("nopeHeadDim", attention.nopeHeadDim);
      requireEights("ropeHeadDim", attention.ropeHeadDim);
      requireEights("valueHeadDim", attention.valueHeadDim);
    }
    checkRope(attention);
  }
}

function requireEights(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 8 && value % 8 === 0) return;
  throw new InvalidInputError({ field, value, expected: "a multiple of 8" });
}

function checkRope(attention: DecodeAttention): void {
  const { dims } = attention.rope;
  const [least, most] =
    attention.kind === "grouped" ? [0, attention.headDim] : [attention.ropeHeadDim, attention.ropeHeadDim];
  if (Number.isSafeInteger(dims) && dims % 2 === 0 && dims >= least && dims <= most) return;
  const expected = least === most ? `${most} (ropeHeadDim)` : `an even number of 0 to ${most} (headDim)`;
  throw new InvalidInputError({ field: "ropeDims", value: dims, expected });
}
