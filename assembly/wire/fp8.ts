import { decodeFp8, encodeFp8 } from "../math/fp8";
import { largestMagnitude } from "../math/magnitude";
import { stepOf, unitsPerValue } from "../math/steps";

/**
 * Rows of `width` float32 become rows of FP8 E4M3 and one float32 scale for every `block` values of a row (block = width: one a row;
 * 128 is what DeepSeek-V3 sends): code = E4M3(x / scale), scale = max |x| / 448, so that nothing saturates.
 *
 * scales: ceil(width / block) a row. A NaN or an Infinity makes its whole block NaN (by its scale); a block too small for its step
 * becomes zeros (math/steps.ts).
 */
export function quantizeFp8Rows(
  source: usize, sourceStride: usize, message: usize, messageStride: usize, scales: usize,
  firstRow: i32, lastRow: i32, width: i32, block: i32,
): void {
  const blocks = (width + block - 1) / block;
  for (let row = firstRow; row < lastRow; row++) {
    const x = source + usize(row) * sourceStride;
    const to = message + usize(row) * messageStride;
    const rowScales = scales + (usize(row) * usize(blocks) << 2);
    for (let index = 0; index < blocks; index++) {
      const first = index * block;
      const count = min(block, width - first);
      const largest = largestMagnitude(x + (usize(first) << 2), count);
      store<f32>(rowScales + (usize(index) << 2), stepOf(448, largest));
      encodeBlock(x + (usize(first) << 2), to + usize(first), count, unitsPerValue(448, largest));
    }
  }
}

function encodeBlock(x: usize, to: usize, count: i32, units: f32): void {
  const factor = f32x4.splat(units);
  const vectors = count & ~15;
  for (let i = 0; i < vectors; i += 16) {
    const at = x + (usize(i) << 2);
    const c0 = encodeFp8(f32x4.mul(v128.load(at), factor));
    const c1 = encodeFp8(f32x4.mul(v128.load(at, 16), factor));
    const c2 = encodeFp8(f32x4.mul(v128.load(at, 32), factor));
    const c3 = encodeFp8(f32x4.mul(v128.load(at, 48), factor));
    v128.store(to + usize(i), i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(c0, c1), i16x8.narrow_i32x4_s(c2, c3)));
  }
  for (let i = vectors; i < count; i++) {
    const code = encodeFp8(f32x4.mul(f32x4.splat(load<f32>(x + (usize(i) << 2))), factor));
    store<u8>(to + usize(i), u8(i32x4.extract_lane(code, 0)));
  }
}

/** x = E4M3 value x scale. */
export function dequantizeFp8Rows(
  message: usize, messageStride: usize, scales: usize, destination: usize, destinationStride: usize,
  firstRow: i32, lastRow: i32, width: i32, block: i32,
): void {
  const blocks = (width + block - 1) / block;
  for (let row = firstRow; row < lastRow; row++) {
    const from = message + usize(row) * messageStride;
    const y = destination + usize(row) * destinationStride;
    const rowScales = scales + (usize(row) * usize(blocks) << 2);
    for (let index = 0; index < blocks; index++) {
      const first = index * block;
      const scale = load<f32>(rowScales + (usize(index) << 2));
      decodeBlock(from + usize(first), y + (usize(first) << 2), min(block, width - first), scale);
    }
  }
}

function decodeBlock(from: usize, y: usize, count: i32, scale: f32): void {
  const factor = f32x4.splat(scale);
  const vectors = count & ~15;
  for (let i = 0; i < vectors; i += 16) {
    const at = y + (usize(i) << 2);
    const codes = v128.load(from + usize(i));
    const low = i16x8.extend_low_i8x16_s(codes);
    const high = i16x8.extend_high_i8x16_s(codes);
    v128.store(at, f32x4.mul(decodeFp8(i32x4.extend_low_i16x8_s(low)), factor));
    v128.store(at, f32x4.mul(decodeFp8(i32x4.extend_high_i16x8_s(low)), factor), 16);
    v128.store(at, f32x4.mul(decodeFp8(i32x4.extend_low_i16x8_s(high)), factor), 32);
    v128.store(at, f32x4.mul(decodeFp8(i32x4.extend_high_i16x8_s(high)), factor), 48);
  }
  for (let i = vectors; i < count; i++) {
    const value = decodeFp8(i32x4.splat(i32(load<i8>(from + usize(i)))));
    store<f32>(y + (usize(i) << 2), f32x4.extract_lane(value, 0) * scale);
  }
}
