/**
 * Units of a quantization step that one float32 is: steps / largest, what values are multiplied with before they are rounded.
 *
 * 0 where largest is 0, NaN, or so small (below steps / 3.4e38, 3.7e-37 for 127 steps) that the quotient is no float32: such a
 * row becomes zeros. Infinite units would turn its zeros into NaN and the rest into the ends of the int32 range.
 */
// @ts-ignore: decorator
@inline
export function unitsPerValue(steps: f32, largest: f32): f32 {
  const units = steps / largest;
  return units < Infinity ? units : 0;
}

/** 1.5 x 2^23, and its bits. In memory, as V8 would make constants anew at every use (math/fp8.ts). */
const table = memory.data<i32>([0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000], 16);

/** Four lanes to whole units, nearest, ties to even, for magnitudes below 2^22: what 1.5 x 2^23 adds to its bits. NaN becomes a large number. */
// @ts-ignore: decorator
@inline
export function wholeUnits(x: v128, unitsPerValues: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(x, unitsPerValues), v128.load(table)), v128.load(table));
}

/** The step itself, largest / steps; NaN where largest is no number or infinite: it makes what it scales NaN. */
// @ts-ignore: decorator
@inline
export function stepOf(steps: f32, largest: f32): f32 {
  return largest < Infinity ? largest / steps : NaN;
}
