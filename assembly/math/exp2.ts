import { multiplyAdd } from "../tile/multiplyAdd";

/** Constants in memory, as the engine makes a vector constant anew wherever it is used, in loops too: 1.5 x 2^23, coefficients of r^5 to r^0, -126. */
const table = memory.data<f32>([
  12582912, 12582912, 12582912, 12582912,
  1.3264727e-3, 1.3264727e-3, 1.3264727e-3, 1.3264727e-3,
  9.671513e-3, 9.671513e-3, 9.671513e-3, 9.671513e-3,
  5.5507336e-2, 5.5507336e-2, 5.5507336e-2, 5.5507336e-2,
  2.4022242e-1, 2.4022242e-1, 2.4022242e-1, 2.4022242e-1,
  6.9314700e-1, 6.9314700e-1, 6.9314700e-1, 6.9314700e-1,
  1, 1, 1, 1,
  -126, -126, -126, -126,
], 16);

/**
 * 2^x on four float32 lanes for x at or below 0, relative error below 2^-22; exactly 1 at 0, and 0 below -126 and for NaN.
 *
 * x = n + r with |r| <= 1/2, n read from the low bits of x + 1.5 x 2^23: shifted left by 23, they are what 2^n adds to the exponent
 * bits. 2^r is the polynomial of degree 5 with constant term 1 whose largest relative error on -1/2..1/2 is least, 9.2e-8.
 */
// @ts-ignore: decorator
@inline
export function exp2Lanes(x: v128): v128 {
  const shifter = v128.load(table);
  const shifted = f32x4.add(x, shifter);
  const r = f32x4.sub(x, f32x4.sub(shifted, shifter));
  let p = multiplyAdd(r, v128.load(table, 16), v128.load(table, 32));
  p = multiplyAdd(p, r, v128.load(table, 48));
  p = multiplyAdd(p, r, v128.load(table, 64));
  p = multiplyAdd(p, r, v128.load(table, 80));
  p = multiplyAdd(p, r, v128.load(table, 96));
  const scaled = i32x4.add(p, i32x4.shl(shifted, 23));
  return v128.and(scaled, f32x4.ge(x, v128.load(table, 112)));
}

/** What turns e^x into 2^(x log2 e). */
export const log2e: f32 = 1.44269504;
