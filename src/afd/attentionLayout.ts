import { allocatePacked, allocateRows, type PackedRows, type Rows } from "../kernels/activations.ts";
import { type Arena, createArena } from "../kernels/arena.ts";
import {
  type AttentionRows,
  allocateAttentionRows,
  allocateNormed,
  coreDimsOf,
  type NormedRows,
} from "../kernels/attentionRows.ts";
import { widestRow } from "../kernels/attentionWidths.ts";
import { checkAttention } from "../kernels/decodeAttention.ts";
import { allocateKvCache, type KvCache } from "../kernels/kvCache.ts";
import type { Share } from "../kernels/program.ts";
import { allocateRouterRows, type Router, type RouterWeights } from "../kernels/router.ts";
import { packScratchBytes } from "../kernels/weights.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type AttentionLayerWeights, allocateLayerWeights, type MoeFfn } from "./attentionWeights.ts";
import { kindsOf } from "./decodeModel.ts";
import { type DecodeModel, type DecodeWork, sequencesOf } from "./decodeWork.ts";
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
  readonly kinds: readonly AttentionRows[];
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

export interface SharedRows extends NormedRows {
  /** The same for a router, which is float32. */
  readonly routerPacked: PackedRows;
  readonly routerRows: Omit<Router, "shape" | keyof RouterWeights> | undefined;
  /** Partial sums on their way from a message to the state. */
  readonly received: Rows;
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
  checkModel(model);
  const arena = given?.arena ?? createArena();
  const begin = arena.buffers.length;
  const sequences = work.microBatches.map((_, microBatch) => sequencesOf(work, microBatch, instance));
  const { kinds, kindOf } = kindsOf(model.layers.map(({ attention }) => attention));
  const mostRows = Math.max(1, ...sequences.map(({ first, last }) => last - first));
  const mostTokens = work.steps + Math.max(...work.kvTokens);
  const layers = allocateLayerWeights(arena, model, kindOf);
  const finalNorm = allocateRows(arena, "finalNorm", 1, model.hidden, "weights");
  const rows = allocateShared(arena, model, mostRows);
  const kindRows = kinds.map((attention) =>
    allocateAttentionRows(arena, attention, model, rows, Array<number>(mostRows).fill(mostTokens)),
  );
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
        count === 0
          ? undefined
          : allocateKvCache(arena, coreDimsOf(model, attention, cachedTokens(work, share, work.steps)).cache),
      ),
      ropeTables: kinds.map(({ rope }) => arena.allocate("ropeTables", "activations", count * rope.dims * 4).address),
    };
  });
  const widest = Math.max(...model.layers.map(({ attention }) => widestRow(attention, model.hidden)));
  const sends = shares.map(({ tokens }) => tokens.wire);
  const receives = shares.map(({ sums }) => sums.map(({ wire }) => wire));
  const preparation = preparationOf(arena, begin, receives.flat(2), packScratchBytes(widest));
  return {
    ...{ work, layers, finalNorm, rows, kinds: kindRows, shares, preparation, sends, receives },
    memoryBytes: arena.totalBytes(),
  };
}

/** Cached tokens of a share's sequences when `steps` were appended to each. */
export function cachedTokens({ kvTokens }: DecodeWork, { first, last }: Share, steps: number): number[] {
  return kvTokens.slice(first, last).map((tokens) => tokens + steps);
}

function allocateShared(arena: Arena, model: DecodeModel, rows: number): SharedRows {
  const { hidden, weightDtype } = model;
  const routed = model.layers.flatMap(({ ffn }) => (ffn.kind === "moe" ? [ffn] : []));
  const most = (of: (ffn: MoeFfn) => number): number => Math.max(1, ...routed.map(of));
  const experts = most((ffn) => ffn.experts);
  const groups = most(({ router }) => router.groups);
  const rule = routed[0]?.router;
  return {
    ...allocateNormed(arena, weightDtype, rows, hidden),
    routerPacked: allocatePacked(arena, "router", "f32", rows, hidden),
    routerRows:
      rule === undefined
        ? undefined
        : allocateRouterRows(arena, { tokens: rows, experts, router: { ...rule, groups } }),
    received: allocateRows(arena, "received", rows, hidden),
  };
}

function checkModel({ hidden, layers }: DecodeModel): void {
  if (!Number.isSafeInteger(hidden) || hidden < 8 || hidden % 8 !== 0)
    throw new InvalidInputError({ field: "hidden", value: hidden, expected: "a multiple of 8" });
  for (const { attention } of layers) checkAttention(attention);
}
