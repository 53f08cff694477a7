/** BF16: the upper 16 bits of a float32. */

/** Constants in memory: V8 would make them anew at every use (math/fp8.ts). */
const table = memory.data<i32>([
  1, 1, 1, 1,
  0x7fff, 0x7fff, 0x7fff, 0x7fff,
  0x40, 0x40, 0x40, 0x40,
], 16);

/** Four float32 lanes to BF16 in the low halves of four lanes: nearest, ties to even; NaN stays NaN, with its sign and upper bits. */
// @ts-ignore: decorator
@inline
export function encodeBf16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), v128.load(table, 0));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, v128.load(table, 16)), odd), 16);
  // A NaN whose upper bits are those of Infinity would become Infinity: its quiet bit is set.
  const quiet = v128.or(i32x4.shr_u(x, 16), v128.load(table, 32));
  return v128.bitselect(rounded, quiet, f32x4.eq(x, x));
}

/** BF16 in the low halves of four lanes to float32, exact. */
// @ts-ignore: decorator
@inline
export function decodeBf16(codes: v128): v128 {
  return i32x4.shl(codes, 16);
}
