import { decodeBf16, encodeBf16 } from "../math/bf16";

/** Rows of `width` float32 become rows of BF16; no scales. */
export function quantizeBf16Rows(
  source: usize, sourceStride: usize, message: usize, messageStride: usize, firstRow: i32, lastRow: i32, width: i32,
): void {
  const vectors = width & ~7;
  for (let row = firstRow; row < lastRow; row++) {
    const x = source + usize(row) * sourceStride;
    const to = message + usize(row) * messageStride;
    for (let i = 0; i < vectors; i += 8) {
      const at = x + (usize(i) << 2);
      const codes = i16x8.narrow_i32x4_u(encodeBf16(v128.load(at)), encodeBf16(v128.load(at, 16)));
      v128.store(to + (usize(i) << 1), codes);
    }
    for (let i = vectors; i < width; i++) {
      const code = encodeBf16(f32x4.splat(load<f32>(x + (usize(i) << 2))));
      store<u16>(to + (usize(i) << 1), u16(i32x4.extract_lane(code, 0)));
    }
  }
}

/** BF16 rows back to float32, exact. */
export function dequantizeBf16Rows(
  message: usize, messageStride: usize, destination: usize, destinationStride: usize, firstRow: i32, lastRow: i32, width: i32,
): void {
  const vectors = width & ~7;
  for (let row = firstRow; row < lastRow; row++) {
    const from = message + usize(row) * messageStride;
    const y = destination + usize(row) * destinationStride;
    for (let i = 0; i < vectors; i += 8) {
      const at = y + (usize(i) << 2);
      const codes = v128.load(from + (usize(i) << 1));
      v128.store(at, decodeBf16(i32x4.extend_low_i16x8_u(codes)));
      v128.store(at, decodeBf16(i32x4.extend_high_i16x8_u(codes)), 16);
    }
    for (let i = vectors; i < width; i++) {
      const value = decodeBf16(i32x4.splat(i32(load<u16>(from + (usize(i) << 1)))));
      store<f32>(y + (usize(i) << 2), f32x4.extract_lane(value, 0));
    }
  }
}
