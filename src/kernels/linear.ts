import type { PackedRows, Rows } from "./activations.ts";
import { call, type Share, type Step, shareOf } from "./program.ts";
import { type PackedWeight, scalesAddress, sumsAddress, unpackArguments } from "./weights.ts";

/** y = x W for a share of W's panels; int8 sums come back as float32. */
export function matmulSteps(
  weight: PackedWeight,
  x: PackedRows,
  y: Rows,
  m: number,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  if (first === last) return [];
  const dims = [m, weight.steps, first, last];
  const operands = [x.address, x.rowBytes, weight.buffer.address, y.address, y.strideBytes];
  if (weight.dtype === "f32") return [call("matmulF32", ...operands, ...dims)];
  const matmul = weight.dtype === "int8" ? "matmulInt8" : "matmulInt4";
  return [
    call(matmul, ...operands, ...dims, ...unpackArguments(weight, rank)),
    call(
      "dequantizeSums",
      y.address,
      y.strideBytes,
      m,
      x.scales,
      scalesAddress(weight),
      sumsAddress(weight),
      first,
      last,
    ),
  ];
}

/** Lays a share of x's rows out for the micro-kernels, in 7 bits where the weights are int8. */
export function packSteps(x: Rows, packed: PackedRows, rank: number, ranks: number): Step[] {
  return rowSteps(x.rows, rank, ranks, ({ first, last }) => {
    const target = [x.address, x.strideBytes, packed.address, packed.rowBytes];
    return packed.dtype === "f32"
      ? call("packRows", ...target, x.rows, first, last, x.width)
      : call("quantizeRows", ...target, packed.scales, x.rows, first, last, x.width);
  });
}

export function rmsNormSteps(x: Rows, weight: Rows, y: Rows, epsilon: number, rank: number, ranks: number): Step[] {
  return rowSteps(x.rows, rank, ranks, ({ first, last }) =>
    call(
      "rmsNormRows",
      x.address,
      x.strideBytes,
      weight.address,
      y.address,
      y.strideBytes,
      first,
      last,
      x.width,
      epsilon,
    ),
  );
}

export function addSteps(x: Rows, y: Rows, rank: number, ranks: number): Step[] {
  return rowSteps(x.rows, rank, ranks, ({ first, last }) =>
    call("addRows", x.address, x.strideBytes, y.address, y.strideBytes, first, last, x.width),
  );
}

/** One step over a share of the rows, or none where the share is empty. */
export function rowSteps(rows: number, rank: number, ranks: number, step: (share: Share) => Step): Step[] {
  const share = shareOf(rows, rank, ranks);
  return share.first === share.last ? [] : [step(share)];
}
