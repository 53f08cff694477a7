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
