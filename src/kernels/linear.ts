import type { QuantizedRows, Rows } from "./activations.ts";
import { call, type Share, type Step, shareOf } from "./program.ts";
import { type PackedWeight, scalesAddress, sumsAddress } from "./weights.ts";

/**
 * Blocks of the matmul: `rowBlock` x `kBlock` of the left side stay in L2 (512 KiB), `kBlock` x 8 of a panel in L1 (16 KiB).
 * Measured on Zen 5 (L1d 48 KiB, L2 1 MiB, Node 26): 512 is within 3% of the best of 64..1792 for M = 1..256.
 */
export const matmulBlocks = { rowBlock: 256, kBlock: 512 } as const;

/**
 * y = x W for a share of W's panels. int8 weights take `quantized` rows of x and come back as float32.
 */
export function matmulSteps(
  weight: PackedWeight,
  x: Rows,
  quantized: QuantizedRows | undefined,
  y: Rows,
  m: number,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  if (first === last) return [];
  const { rowBlock, kBlock } = matmulBlocks;
  const w = weight.buffer.address;
  if (weight.dtype === "f32") {
    return [
      call(
        "matmulF32",
        x.address,
        x.strideBytes,
        w,
        y.address,
        y.strideBytes,
        m,
        weight.k,
        first,
        last,
        rowBlock,
        kBlock,
      ),
    ];
  }
  if (quantized === undefined) throw new Error("int8 weights need quantized activations");
  return [
    call(
      "matmulInt8",
      quantized.address,
      quantized.strideBytes,
      w,
      y.address,
      y.strideBytes,
      m,
      weight.steps,
      first,
      last,
      rowBlock,
      kBlock,
    ),
    call(
      "dequantizeSums",
      y.address,
      y.strideBytes,
      m,
      quantized.scales,
      scalesAddress(weight),
      sumsAddress(weight),
      first,
      last,
    ),
  ];
}

/** 7-bit rows of x, for a share of the rows; nothing where the weights are float32. */
export function quantizeSteps(x: Rows, quantized: QuantizedRows | undefined, rank: number, ranks: number): Step[] {
  if (quantized === undefined) return [];
  return rowSteps(x.rows, rank, ranks, ({ first, last }) =>
    call(
      "quantizeRows",
      x.address,
      x.strideBytes,
      quantized.address,
      quantized.strideBytes,
      quantized.scales,
      first,
      last,
      x.width,
    ),
  );
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
