import { allocateRows, type Rows } from "../kernels/activations.ts";
import { type Arena, type Buffer, createArena } from "../kernels/arena.ts";
import { allocateExpertRows, allocateExpertWeights, type ExpertRows, type ExpertWeights } from "../kernels/experts.ts";
import type { Share } from "../kernels/program.ts";
import { allocateUnpackScratch, packScratchBytes } from "../kernels/weights.ts";
import { kindsOf } from "./decodeModel.ts";
import type { DecodeFfn, DecodeModel, DecodeWork } from "./decodeWork.ts";
import { checkFfnParallel, type FfnShard, ffnShard } from "./ffnShard.ts";
import { allocateSums, allocateTokens, type SumTensors, type TokenTensors } from "./messageTensors.ts";
import { type Preparation, preparationOf } from "./preparation.ts";
import type { FfnLayout } from "./stages.ts";

/** An FFN instance's memory, with all that its programs are made of. */
export interface FfnPlan extends FfnLayout {
  readonly work: DecodeWork;
  readonly layers: readonly FfnLayerWeights[];
  readonly microBatches: readonly FfnMicroBatch[];
  /** Working rows of layers whose FFN has one shape. */
  readonly kinds: readonly FfnKind[];
  /** Tokens in float32, and their partial sums before they are quantized, for the largest micro-batch. */
  readonly received: Rows;
  readonly sums: Rows;
  readonly preparation: Preparation;
}

export interface FfnLayerWeights {
  /** Index among the kinds of FFN. */
  readonly kind: number;
  /** This shard's routed experts; undefined where it has none. */
  readonly routed: ExpertWeights | undefined;
  /** Its slice of the shared expert or of the dense layer; undefined where that is empty. */
  readonly whole: ExpertWeights | undefined;
  /** The gate of the shared expert, whole: each instance gates the partial sum that its own slice gives. */
  readonly sharedGate: Rows | undefined;
}

export interface FfnMicroBatch {
  readonly rows: number;
  readonly tokens: TokenTensors;
  readonly sums: SumTensors;
  /** 0 and the number of rows: one expert that gets them all. */
  readonly wholeOffsets: Buffer;
}

export interface FfnKind {
  readonly ffn: DecodeFfn;
  readonly shard: FfnShard;
  readonly routed: ExpertRows | undefined;
  readonly whole: ExpertRows | undefined;
  /** The row of each of a micro-batch's assignments, sorted by expert. */
  readonly assignmentRows: Buffer | undefined;
}

/** Where tensors stand already: the one-thread model lays all instances out in one arena. */
export interface GivenTensors {
  readonly arena: Arena;
  /** [micro-batch] */
  readonly tokens: readonly TokenTensors[];
  readonly sums: readonly SumTensors[];
}

/**
 * Lays out an FFN instance: its shard of every layer, messages, and working rows for the largest micro-batch.
 *
 * @throws InvalidInputError as checkFfnParallel.
 */
export function layOutFfn(work: DecodeWork, instance: number, given?: GivenTensors): FfnPlan {
  checkFfnParallel(work);
  const { model } = work;
  const arena = given?.arena ?? createArena();
  const begin = arena.buffers.length;
  const { kinds, kindOf } = kindsOf(model.layers.map(({ ffn }) => ffn));
  const counts = work.microBatches.map(({ first, last }) => last - first);
  const mostRows = Math.max(1, ...counts);
  const unpackScratch = model.weightDtype === "int4" ? allocateUnpackScratch(arena, "experts") : undefined;
  const layers = model.layers.map(
    ({ ffn }, layer): FfnLayerWeights => ({
      kind: kindOf[layer] as number,
      ...allocateShard(arena, model, ffn, ffnShard(work, ffn, instance), unpackScratch),
    }),
  );
  const kindRows = kinds.map((ffn) => allocateKind(arena, model, ffn, ffnShard(work, ffn, instance), mostRows));
  const received = allocateRows(arena, "received", mostRows, model.hidden);
  const sums = allocateRows(arena, "sums", mostRows, model.hidden);
  const microBatches = counts.map(
    (rows, microBatch): FfnMicroBatch => ({
      rows,
      tokens: given?.tokens[microBatch] ?? allocateTokens(arena, work, rows),
      sums: given?.sums[microBatch] ?? allocateSums(arena, work, rows),
      wholeOffsets: arena.allocate("wholeOffsets", "scratch", 8),
    }),
  );
  const receives = microBatches.map(({ tokens }) => tokens.wire);
  const sends = microBatches.map((each) => each.sums.wire);
  const preparation = preparationOf(arena, begin, receives.flat(), packScratchBytes(widest(model)));
  return {
    ...{ work, layers, microBatches, kinds: kindRows, received, sums, preparation, receives, sends },
    memoryBytes: arena.totalBytes(),
  };
}

function allocateShard(
  arena: Arena,
  { hidden, weightDtype }: DecodeModel,
  ffn: DecodeFfn,
  { experts, expertDims, wholeDims }: FfnShard,
  unpackScratch: Buffer | undefined,
): Omit<FfnLayerWeights, "kind"> {
  const weights = (name: string, count: number, { first, last }: Share): ExpertWeights | undefined =>
    count === 0 || first === last
      ? undefined
      : allocateExpertWeights(arena, name, {
          ...{ dtype: weightDtype, activation: ffn.activation, count, hidden, expertDim: last - first },
          // A bias of the sum belongs to one slice alone: the first that has any width.
          biases: first === 0 ? "both" : "gateUp",
          ...(unpackScratch === undefined ? {} : { unpackScratch }),
        });
  const whole = weights("whole", 1, wholeDims);
  const hasGate = whole !== undefined && ffn.kind === "moe" && ffn.sharedGate;
  return {
    routed: weights("routed", experts.last - experts.first, expertDims),
    whole,
    sharedGate: hasGate ? allocateRows(arena, "sharedGate", 1, hidden, "weights") : undefined,
  };
}

function allocateKind(
  arena: Arena,
  { hidden, weightDtype: dtype }: DecodeModel,
  ffn: DecodeFfn,
  shard: FfnShard,
  tokens: number,
): FfnKind {
  const count = shard.experts.last - shard.experts.first;
  const expertDim = shard.expertDims.last - shard.expertDims.first;
  const wholeDim = shard.wholeDims.last - shard.wholeDims.first;
  const whole =
    wholeDim === 0
      ? undefined
      : allocateExpertRows(arena, "whole", { dtype, count: 1, hidden, expertDim: wholeDim, rows: tokens });
  if (ffn.kind === "dense" || count === 0 || expertDim === 0)
    return { ffn, shard, routed: undefined, whole, assignmentRows: undefined };
  const { experts, router } = ffn;
  // A token's experts are distinct, but a restarted instance also runs over rows that nobody has sent: any ids stand there.
  const rows = tokens * router.topK;
  const offsets = arena.allocate("offsets", "scratch", (experts + 1) * 4);
  return {
    ffn,
    shard,
    routed: allocateExpertRows(arena, "routed", { dtype, count, hidden, expertDim, rows, offsets }),
    whole,
    assignmentRows: arena.allocate("rows", "scratch", tokens * router.topK * 4),
  };
}

/** The longest row that is packed. */
function widest({ hidden, layers }: DecodeModel): number {
  const widths = layers.map(({ ffn }) => (ffn.kind === "dense" ? ffn.width : Math.max(ffn.expertDim, ffn.sharedDim)));
  return Math.max(hidden, ...widths);
}
