/**
 * Rows of k float32 become rows of ceil(k / 4) x 4 bytes: q = nearest(x / scale) + 64 in 1..127 with scale = max |x| / 63
 * a row (7 bits, zero point 64: what the int8 dot's second operand may hold). Bytes beyond k hold 64, the zero.
 *
 * destinationStride is a multiple of 16, so whole vectors may be written. scales: one float32 a row.
 */
export function quantizeRows(
  source: usize, sourceStride: usize, destination: usize, destinationStride: usize, scales: usize, firstRow: i32, lastRow: i32, k: i32,
): void {
  for (let row = firstRow; row < lastRow; row++) {
    quantizeRow(source + usize(row) * sourceStride, destination + usize(row) * destinationStride, scales + (usize(row) << 2), k);
  }
}

function quantizeRow(x: usize, q: usize, scale: usize, k: i32): void {
  const kVectors = k & ~3;
  let largestLanes = f32x4.splat(0);
  for (let step = 0; step < kVectors; step += 4) {
    largestLanes = f32x4.max(largestLanes, f32x4.abs(v128.load(x + (usize(step) << 2))));
  }
  let largest = max(
    max(f32x4.extract_lane(largestLanes, 0), f32x4.extract_lane(largestLanes, 1)),
    max(f32x4.extract_lane(largestLanes, 2), f32x4.extract_lane(largestLanes, 3)),
  );
  for (let step = kVectors; step < k; step++) largest = max(largest, abs(load<f32>(x + (usize(step) << 2))));
  store<f32>(scale, largest / 63);
  const inverse: f32 = largest > 0 ? 63 / largest : 0;
  const factor = f32x4.splat(inverse);
  const zero = i32x4.splat(64);
  const k16 = k & ~15;
  let step = 0;
  for (; step < k16; step += 16) {
    const at = x + (usize(step) << 2);
    const q0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), factor)));
    const q1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at, 16), factor)));
    const q2 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at, 32), factor)));
    const q3 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at, 48), factor)));
    const low = i16x8.narrow_i32x4_s(i32x4.add(q0, zero), i32x4.add(q1, zero));
    const high = i16x8.narrow_i32x4_s(i32x4.add(q2, zero), i32x4.add(q3, zero));
    v128.store(q + step, i8x16.narrow_i16x8_u(low, high));
  }
  for (; step < k; step++) {
    store<u8>(q + step, u8(i32(nearest(load<f32>(x + (usize(step) << 2)) * inverse)) + 64));
  }
  for (; (step & 3) != 0; step++) store<u8>(q + step, 64);
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
