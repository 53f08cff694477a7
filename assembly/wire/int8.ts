import { largestMagnitude } from "../math/magnitude";
import { stepOf, unitsPerValue, wholeUnits } from "../math/steps";

/**
 * Rows of `width` float32 become rows of int8 and one float32 scale a row: q = nearest(x / scale), ties to even, scale = max |x| / 127.
 *
 * A NaN or an Infinity makes its whole row NaN (by its scale); a row too small for its step becomes zeros (math/steps.ts).
 */
export function quantizeInt8Rows(
  source: usize, sourceStride: usize, message: usize, messageStride: usize, scales: usize, firstRow: i32, lastRow: i32, width: i32,
): void {
  const vectors = width & ~15;
  for (let row = firstRow; row < lastRow; row++) {
    const x = source + usize(row) * sourceStride;
    const to = message + usize(row) * messageStride;
    const largest = largestMagnitude(x, width);
    store<f32>(scales + (usize(row) << 2), stepOf(127, largest));
    const units = unitsPerValue(127, largest);
    const factor = f32x4.splat(units);
    for (let i = 0; i < vectors; i += 16) {
      const at = x + (usize(i) << 2);
      const low = i16x8.narrow_i32x4_s(wholeUnits(v128.load(at), factor), wholeUnits(v128.load(at, 16), factor));
      const high = i16x8.narrow_i32x4_s(wholeUnits(v128.load(at, 32), factor), wholeUnits(v128.load(at, 48), factor));
      v128.store(to + usize(i), i8x16.narrow_i16x8_s(low, high));
    }
    for (let i = vectors; i < width; i++) {
      const unit = wholeUnits(f32x4.splat(load<f32>(x + (usize(i) << 2))), factor);
      store<i8>(to + usize(i), i8(i32x4.extract_lane(unit, 0)));
    }
  }
}

/** x = q x scale. */
export function dequantizeInt8Rows(
  message: usize, messageStride: usize, scales: usize, destination: usize, destinationStride: usize,
  firstRow: i32, lastRow: i32, width: i32,
): void {
  const vectors = width & ~15;
  for (let row = firstRow; row < lastRow; row++) {
    const from = message + usize(row) * messageStride;
    const y = destination + usize(row) * destinationStride;
    const scale = load<f32>(scales + (usize(row) << 2));
    const factor = f32x4.splat(scale);
    for (let i = 0; i < vectors; i += 16) {
      const at = y + (usize(i) << 2);
      const bytes = v128.load(from + usize(i));
      const low = i16x8.extend_low_i8x16_s(bytes);
      const high = i16x8.extend_high_i8x16_s(bytes);
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), factor));
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), factor), 16);
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), factor), 32);
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), factor), 48);
    }
    for (let i = vectors; i < width; i++) store<f32>(y + (usize(i) << 2), f32(load<i8>(from + usize(i))) * scale);
  }
}
