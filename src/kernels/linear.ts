import type { PackedRows, Rows } from "./activations.ts";
import { call, type Share, type Step, shareOf } from "./program.ts";
import { type PackedWeight, panelColumns, scalesAddress, sumsAddress, unpackArguments } from "./weights.ts";

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

/** As matmulSteps, and a bias where there is one: each rank adds it to the columns that it has made itself. */
export function projectSteps(
  { weight, bias }: { readonly weight: PackedWeight; readonly bias: Rows | undefined },
  x: PackedRows,
  y: Rows,
  m: number,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  const product = matmulSteps(weight, x, y, m, rank, ranks);
  if (bias === undefined || first === last) return product;
  const from = first * panelColumns * 4;
  const rows = [bias.address + from, y.address + from, y.strideBytes];
  return [...product, call("addBiasRows", ...rows, 0, m, (last - first) * panelColumns)];
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
