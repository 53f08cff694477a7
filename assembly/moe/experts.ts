import { matmulF32, matmulInt4, matmulInt8 } from "../linear/matmul";
import { dequantizeSums, quantizeRows } from "../linear/quantize";
import { expLanes, sumLanes } from "../math/exp";
import { multiplyAdd } from "../tile/multiplyAdd";
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

/** As groupedMatmulInt8 over int4 panels; scratch as in matmulInt4. */
export function groupedMatmulInt4(
  offsets: usize, experts: i32, a: usize, rowBytes: usize, rowScales: usize, w: usize, weightStride: usize, c: usize, cStride: usize,
  k: i32, panels: i32, firstPanel: i32, lastPanel: i32, scratch: usize,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const first = load<i32>(offsets + (usize(expert) << 2));
    const m = load<i32>(offsets + (usize(expert) << 2), 4) - first;
    if (m == 0) continue;
    const block = w + usize(expert) * weightStride;
    const cRows = c + usize(first) * cStride;
    matmulInt4(a + usize(first) * rowBytes, rowBytes, block, cRows, cStride, m, k, firstPanel, lastPanel, scratch);
    const scales = block + usize(panels) * (usize(k) << 4);
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
 * Adds each expert's bias (a row of float32, biasStride bytes apart) to its rows of c, for columns of panels firstPanel..lastPanel.
 */
export function addGroupedBias(
  offsets: usize, experts: i32, bias: usize, biasStride: usize, c: usize, cStride: usize, firstPanel: i32, lastPanel: i32,
): void {
  for (let expert = 0; expert < experts; expert++) {
    const from = bias + usize(expert) * biasStride;
    for (let row = load<i32>(offsets + (usize(expert) << 2)); row < load<i32>(offsets + (usize(expert) << 2), 4); row++) {
      const to = c + usize(row) * cStride;
      for (let at = usize(firstPanel) << 5; at < usize(lastPanel) << 5; at += 16) {
        v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
      }
    }
  }
}

/**
 * SwiGLU: out = silu(gate) x up with silu(x) = x / (1 + e^-x), for the first *rowCount rows (read from memory), split among `ranks`
 * callers.
 *
 * gateUp: rows of `width` gates, then `width` ups (float32; width a multiple of 8). out: rows of `width`.
 */
export function swigluRows(
  gateUp: usize, gateUpStride: usize, out: usize, outStride: usize, rowCount: usize, rank: i32, ranks: i32, width: i32,
): void {
  const rows = load<i32>(rowCount);
  const upOffset = usize(width) << 2;
  for (let row = rows * rank / ranks; row < rows * (rank + 1) / ranks; row++) {
    const source = gateUp + usize(row) * gateUpStride;
    const target = out + usize(row) * outStride;
    for (let at: usize = 0; at < upOffset; at += 16) {
      const gate = v128.load(source + at);
      v128.store(target + at, f32x4.mul(timesSigmoid(gate, gate), v128.load(source + upOffset + at)));
    }
  }
}

/** GeGLU: as swigluRows with gelu(x) = x sigmoid(1.5957691 (x + 0.044715 x^3)), the form with tanh of half that. */
export function gegluRows(
  gateUp: usize, gateUpStride: usize, out: usize, outStride: usize, rowCount: usize, rank: i32, ranks: i32, width: i32,
): void {
  const rows = load<i32>(rowCount);
  const upOffset = usize(width) << 2;
  const one = f32x4.splat(1);
  for (let row = rows * rank / ranks; row < rows * (rank + 1) / ranks; row++) {
    const source = gateUp + usize(row) * gateUpStride;
    const target = out + usize(row) * outStride;
    for (let at: usize = 0; at < upOffset; at += 16) {
      const gate = v128.load(source + at);
      const cubic = f32x4.add(one, f32x4.mul(f32x4.mul(gate, gate), f32x4.splat(0.044715)));
      const inner = f32x4.mul(f32x4.mul(gate, f32x4.splat(1.5957691)), cubic);
      v128.store(target + at, f32x4.mul(timesSigmoid(gate, inner), v128.load(source + upOffset + at)));
    }
  }
}

/** gpt-oss: as swigluRows with g = min(gate, 7), u = up within -7..7, out = g sigmoid(1.702 g) (u + 1). */
export function clampedSwigluRows(
  gateUp: usize, gateUpStride: usize, out: usize, outStride: usize, rowCount: usize, rank: i32, ranks: i32, width: i32,
): void {
  const rows = load<i32>(rowCount);
  const upOffset = usize(width) << 2;
  const one = f32x4.splat(1);
  const limit = f32x4.splat(7);
  for (let row = rows * rank / ranks; row < rows * (rank + 1) / ranks; row++) {
    const source = gateUp + usize(row) * gateUpStride;
    const target = out + usize(row) * outStride;
    for (let at: usize = 0; at < upOffset; at += 16) {
      const gate = f32x4.min(v128.load(source + at), limit);
      const up = f32x4.max(f32x4.min(v128.load(source + upOffset + at), limit), f32x4.neg(limit));
      const activated = timesSigmoid(gate, f32x4.mul(gate, f32x4.splat(1.702)));
      v128.store(target + at, f32x4.mul(activated, f32x4.add(up, one)));
    }
  }
}

/** y x sigmoid(z . w) row by row: the gate of a shared expert. z, w: rows of `width` float32; y: rows with room up to a multiple of 4. */
export function gateRows(
  z: usize, zStride: usize, w: usize, y: usize, yStride: usize, firstRow: i32, lastRow: i32, width: i32,
): void {
  const vectors = width & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const source = z + usize(row) * zStride;
    let lanes = f32x4.splat(0);
    for (let i = 0; i < vectors; i += 4) {
      lanes = multiplyAdd(v128.load(source + (usize(i) << 2)), v128.load(w + (usize(i) << 2)), lanes);
    }
    let sum = sumLanes(lanes);
    for (let i = vectors; i < width; i++) sum += load<f32>(source + (usize(i) << 2)) * load<f32>(w + (usize(i) << 2));
    const gate = timesSigmoid(f32x4.splat(1), f32x4.splat(sum));
    const target = y + usize(row) * yStride;
    for (let at: usize = 0; at < usize(width) << 2; at += 16) v128.store(target + at, f32x4.mul(v128.load(target + at), gate));
  }
}

/** factor / (1 + e^-x). */
// @ts-ignore: decorator
@inline
function timesSigmoid(factor: v128, x: v128): v128 {
  return f32x4.div(factor, f32x4.add(f32x4.splat(1), expLanes(f32x4.neg(x))));
}
