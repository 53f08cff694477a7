import { largestMagnitude } from "../math/magnitude";
import { unitsPerValue, wholeUnits } from "../math/steps";
import { placeInTile, rowsOfTile } from "../tile/rows";

/**
 * Rows firstRow..lastRow of m rows of k float32 become packed rows (tile/rows.ts) of ceil(k / 4) words of four bytes:
 * q = nearest(x / scale) + 64 in 1..127 with scale = max |x| / 63 a row (7 bits, zero point 64: what the int8 dot's second
 * operand may hold). Bytes beyond k hold 64, the zero.
 *
 * scales: one float32 a row.
 */
export function quantizeRows(
  source: usize, sourceStride: usize, destination: usize, rowBytes: usize, scales: usize, m: i32, firstRow: i32, lastRow: i32, k: i32,
): void {
  for (let row = firstRow; row < lastRow; row++) {
    const place = placeInTile(m, row);
    const to = destination + usize(row - place) * rowBytes + (usize(place) << 2);
    quantizeRow(source + usize(row) * sourceStride, to, usize(rowsOfTile(m, row)) << 2, scales + (usize(row) << 2), k);
  }
}

/** Words of the row lie `stride` bytes apart from `to` on. */
function quantizeRow(x: usize, to: usize, stride: usize, scale: usize, k: i32): void {
  const largest = largestMagnitude(x, k);
  store<f32>(scale, largest / 63);
  const inverse = unitsPerValue(63, largest);
  const factor = f32x4.splat(inverse);
  const zero = i16x8.splat(64);
  const most = i8x16.splat(127);
  const wholeVectors = k & ~15;
  let i = 0;
  for (; i < wholeVectors; i += 16) {
    const at = x + (usize(i) << 2);
    const low = i16x8.narrow_i32x4_s(wholeUnits(v128.load(at), factor), wholeUnits(v128.load(at, 16), factor));
    const high = i16x8.narrow_i32x4_s(wholeUnits(v128.load(at, 32), factor), wholeUnits(v128.load(at, 48), factor));
    // Only the units of NaN are above 127: its row is NaN by its scale, and the dot's second operand stays within its range.
    const bytes = i8x16.min_u(i8x16.narrow_i16x8_u(i16x8.add_sat_s(low, zero), i16x8.add_sat_s(high, zero)), most);
    v128.store_lane<u32>(to, bytes, 0);
    v128.store_lane<u32>(to + stride, bytes, 1);
    v128.store_lane<u32>(to + stride * 2, bytes, 2);
    v128.store_lane<u32>(to + stride * 3, bytes, 3);
    to += stride << 2;
  }
  for (; i < k; i += 4) {
    for (let part = 0; part < 4; part++) {
      let unit = 0;
      if (i + part < k) unit = i32x4.extract_lane(wholeUnits(f32x4.splat(load<f32>(x + (usize(i + part) << 2))), factor), 0);
      store<u8>(to + part, u8(min(unit + 64, 127)));
    }
    to += stride;
  }
}

/**
 * Raw int32 sums of matmulInt8 become float32 in place, for columns of panels firstPanel..lastPanel:
 * y = (sum - 64 x columnSum) x columnScale x rowScale.
 */
export function dequantizeSums(
  c: usize, cStride: usize, m: i32, rowScales: usize, columnScales: usize, columnSums: usize, firstPanel: i32, lastPanel: i32,
): void {
  for (let row = 0; row < m; row++) {
    const rowScale = f32x4.splat(load<f32>(rowScales + (usize(row) << 2)));
    const line = c + usize(row) * cStride;
    for (let at = usize(firstPanel) << 5; at < usize(lastPanel) << 5; at += 16) {
      const sum = i32x4.sub(v128.load(line + at), i32x4.shl(v128.load(columnSums + at), 6));
      const scale = f32x4.mul(v128.load(columnScales + at), rowScale);
      v128.store(line + at, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
    }
  }
}
