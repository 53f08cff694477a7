import { type Share, shareOf } from "../kernels/program.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { DecodeFfn, DecodeWork } from "./decodeWork.ts";

/** What one FFN instance computes of a layer. */
export interface FfnShard {
  /** Experts that stand here; none in a dense layer. */
  readonly experts: Share;
  /** The part of every expert's width; it may be empty. */
  readonly expertDims: Share;
  /** The part of the shared expert's, or of the dense layer's width; it may be empty. */
  readonly wholeDims: Share;
}

/** Widths are divided between panels of 8 columns. */
const dimUnit = 8;

/** The shard of FFN instance `instance`: shared experts and dense layers are divided by width over all instances. */
export function ffnShard(
  { ffnInstances, ffnParallel }: Pick<DecodeWork, "ffnInstances" | "ffnParallel">,
  ffn: DecodeFfn,
  instance: number,
): FfnShard {
  const none = { first: 0, last: 0 };
  if (ffn.kind === "dense")
    return { experts: none, expertDims: none, wholeDims: dimsOf(ffn.width, instance, ffnInstances) };
  const { experts, expertDim, sharedDim } = ffn;
  const wholeDims = dimsOf(sharedDim, instance, ffnInstances);
  const slices = slicesOf(ffnParallel, ffnInstances);
  return {
    experts: shareOf(experts, Math.floor(instance / slices), ffnInstances / slices),
    expertDims: dimsOf(expertDim, instance % slices, slices),
    wholeDims,
  };
}

/**
 * @throws InvalidInputError where instances do not divide the experts of every layer, or do not form a grid of slices and experts.
 */
export function checkFfnParallel({ model, ffnInstances, ffnParallel }: DecodeWork): void {
  const slices = slicesOf(ffnParallel, ffnInstances);
  const refuse = (expected: string): never => {
    throw new InvalidInputError({ field: "--ffn", value: ffnInstances, expected });
  };
  if (!Number.isSafeInteger(slices) || slices < 1 || ffnInstances % slices !== 0)
    refuse(`a multiple of the ${slices} instances that share an expert's width`);
  for (const { ffn } of model.layers) {
    if (ffn.kind === "dense" || ffn.experts % (ffnInstances / slices) === 0) continue;
    const { experts } = ffn;
    if (ffnParallel.kind === "ep") refuse(`a divisor of the ${experts} experts`);
    refuse(`${slices} times a divisor of the ${experts} experts`);
  }
}

/** Instances that share each expert's width. */
function slicesOf(ffnParallel: DecodeWork["ffnParallel"], ffnInstances: number): number {
  switch (ffnParallel.kind) {
    case "ep":
      return 1;
    case "tp":
      return ffnInstances;
    case "tp+ep":
      return ffnParallel.tensorParallel;
  }
}

function dimsOf(width: number, index: number, count: number): Share {
  const { first, last } = shareOf(Math.ceil(width / dimUnit), index, count);
  return { first: Math.min(width, first * dimUnit), last: Math.min(width, last * dimUnit) };
}
