import { multiplyAdd } from "../tile/multiplyAdd";

/**
 * e^x on four float32 lanes, relative error below 2^-22 for x in -87..88; NaN stays NaN.
 * Below -87.3 results are denormal, off by 2^-150 more, down to 0 from -104 on; from 88.73 on they are Infinity.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2: the degree-6 Taylor polynomial of e^r leaves a remainder below r^7 / 5040 = 1.2e-7,
 * and 2^n is added to the exponent bits. ln 2 is split in two (Cody and Waite) so that r keeps its digits.
 */
// @ts-ignore: decorator
@inline
export function expLanes(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-104)), f32x4.splat(88.8));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504)));
  const r = multiplyAdd(n, f32x4.splat(2.12194440e-4), multiplyAdd(n, f32x4.splat(-0.693359375), clamped));
  let p = multiplyAdd(r, f32x4.splat(1.3888889e-3), f32x4.splat(8.3333333e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1666667e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666667e-1));
  p = multiplyAdd(p, r, f32x4.splat(0.5));
  p = multiplyAdd(p, r, f32x4.splat(1));
  p = multiplyAdd(p, r, f32x4.splat(1));
  // 2^n in two halves, so that n = 128 and n = -149 stay inside the exponent's range on the way.
  const half = i32x4.shr_s(i32x4.trunc_sat_f32x4_s(n), 1);
  const rest = i32x4.sub(i32x4.trunc_sat_f32x4_s(n), half);
  const scaled = f32x4.mul(f32x4.mul(p, i32x4.shl(i32x4.add(half, i32x4.splat(127)), 23)), i32x4.shl(i32x4.add(rest, i32x4.splat(127)), 23));
  const isNumber = f32x4.eq(x, x);
  return v128.bitselect(scaled, x, isNumber);
}

/** Largest of four lanes; NaN if one is. */
// @ts-ignore: decorator
@inline
export function maxLane(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** Sum of four lanes, in the fixed order (0 + 1) + (2 + 3). */
// @ts-ignore: decorator
@inline
export function sumLanes(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}
