import { matmulF32, matmulInt8 } from "../linear/matmul";
import { dequantizeSums, quantizeRows } from "../linear/quantize";
import { expLanes } from "../math/exp";
import { packRows } from "../tile/rows";

/**
 * Grouped matmul: the rows of each expert (offsets[e] .. offsets[e + 1], sorted by expert) times that expert's weights.
 * Experts lie weightStride bytes apart; one without rows is skipped. a: each expert's rows packed apart (packGroupedRows). Other
 * arguments as matmulF32.
 */
export function groupedMatmulF32(
  offsets: usize, experts: i32, a: usize, rowBytes: usize, w: usize, weightStride: usize, c: usize, cStride: usize,
  k: i32, firstPanel: i32, lastPanel: i32,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const first = load<i32>(offsets + (usize(expert) << 2));
    const m = load<i32>(offsets + (usize(expert) << 2), 4) - first;
    if (m == 0) continue;
    matmulF32(a + usize(first) * rowBytes, rowBytes, w + usize(expert) * weightStride, c + usize(first) * cStride, cStride,
      m, k, firstPanel, lastPanel);
  }
}

/**
 * As groupedMatmulF32 over int8 panels, with the sums brought back to float32. An expert's block holds its panels, then
 * one float32 scale a column, then one int32 sum a column. rowScales: one a row of a.
 */
export function groupedMatmulInt8(
  offsets: usize, experts: i32, a: usize, rowBytes: usize, rowScales: usize, w: usize, weightStride: usize, c: usize, cStride: usize,
  k: i32, panels: i32, firstPanel: i32, lastPanel: i32,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const first = load<i32>(offsets + (usize(expert) << 2));
    const m = load<i32>(offsets + (usize(expert) << 2), 4) - first;
    if (m == 0) continue;
    const block = w + usize(expert) * weightStride;
    const cRows = c + usize(first) * cStride;
    matmulInt8(a + usize(first) * rowBytes, rowBytes, block, cRows, cStride, m, k, firstPanel, lastPanel);
    const scales = block + usize(panels) * (usize(k) << 5);
    dequantizeSums(cRows, cStride, m, rowScales + (usize(first) << 2), scales, scales + (usize(panels) << 5), firstPanel, lastPanel);
  }
}

/** As packRows for the rows of each expert apart, split among `ranks` callers. */
export function packGroupedRows(
  offsets: usize, experts: i32, source: usize, sourceStride: usize, destination: usize, rowBytes: usize, rank: i32, ranks: i32, words: i32,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const first = load<i32>(offsets + (usize(expert) << 2));
    const m = load<i32>(offsets + (usize(expert) << 2), 4) - first;
    packRows(source + usize(first) * sourceStride, sourceStride, destination + usize(first) * rowBytes, rowBytes,
      m, m * rank / ranks, m * (rank + 1) / ranks, words);
  }
}

/** As quantizeRows for the rows of each expert apart, split among `ranks` callers. */
export function quantizeGroupedRows(
  offsets: usize, experts: i32, source: usize, sourceStride: usize, destination: usize, rowBytes: usize, scales: usize,
  rank: i32, ranks: i32, k: i32,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const first = load<i32>(offsets + (usize(expert) << 2));
    const m = load<i32>(offsets + (usize(expert) << 2), 4) - first;
    quantizeRows(source + usize(first) * sourceStride, sourceStride, destination + usize(first) * rowBytes, rowBytes,
      scales + (usize(first) << 2), m, m * rank / ranks, m * (rank + 1) / ranks, k);
  }
}

/**
 * SwiGLU: out = gate / (1 + e^-gate) x up, for the first *rowCount rows (read from memory), split among `ranks` callers.
 * gateUp: rows of `width` gates, then `width` ups (float32; width a multiple of 8). out: rows of `width`.
 */
export function swigluRows(
  gateUp: usize, gateUpStride: usize, out: usize, outStride: usize, rowCount: usize, rank: i32, ranks: i32, width: i32,
): void {
  const rows = load<i32>(rowCount);
  const one = f32x4.splat(1);
  const upOffset = usize(width) << 2;
  for (let row = rows * rank / ranks; row < rows * (rank + 1) / ranks; row++) {
    const source = gateUp + usize(row) * gateUpStride;
    const target = out + usize(row) * outStride;
    for (let at: usize = 0; at < upOffset; at += 16) {
      const gate = v128.load(source + at);
      const sigmoidDivisor = f32x4.add(one, expLanes(f32x4.neg(gate)));
      v128.store(target + at, f32x4.mul(f32x4.div(gate, sigmoidDivisor), v128.load(source + upOffset + at)));
    }
  }
}
