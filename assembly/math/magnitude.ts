/** Largest magnitude of `count` float32; NaN if one is. Magnitudes rise with their bits, and those of NaN lie above Infinity's. */
export function largestMagnitude(x: usize, count: i32): f32 {
  const magnitudeBits = i32x4.splat(0x7fffffff);
  const wholeVectors = count & ~3;
  let lanes = i32x4.splat(0);
  for (let i = 0; i < wholeVectors; i += 4) lanes = i32x4.max_s(lanes, v128.and(v128.load(x + (usize(i) << 2)), magnitudeBits));
  lanes = i32x4.max_s(lanes, v128.shuffle<i32>(lanes, lanes, 2, 3, 0, 1));
  let largest = max(i32x4.extract_lane(lanes, 0), i32x4.extract_lane(lanes, 1));
  for (let i = wholeVectors; i < count; i++) largest = max(largest, load<i32>(x + (usize(i) << 2)) & 0x7fffffff);
  return reinterpret<f32>(largest);
}
