/** BF16: the upper 16 bits of a float32. */

/** Four float32 lanes to BF16 in the low halves of four lanes: nearest, ties to even; NaN stays NaN, with its sign and upper bits. */
// @ts-ignore: decorator
@inline
export function encodeBf16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
  // A NaN whose upper bits are those of Infinity would become Infinity: its quiet bit is set.
  const quiet = v128.or(i32x4.shr_u(x, 16), i32x4.splat(0x40));
  return v128.bitselect(rounded, quiet, f32x4.eq(x, x));
}

/** BF16 in the low halves of four lanes to float32, exact. */
// @ts-ignore: decorator
@inline
export function decodeBf16(codes: v128): v128 {
  return i32x4.shl(codes, 16);
}
