/**
 * The only operations in which the `simd` and the `relaxed` target differ.
 * The branch is decided at compile time; both targets share every other line.
 */

/** a x b + c on four float32 lanes: one rounding under `relaxed`, two under `simd`. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return f32x4.relaxed_madd(a, b, c);
  } else {
    return f32x4.add(f32x4.mul(a, b), c);
  }
}

/**
 * sums + four dot products of four int8 pairs each (one a lane).
 *
 * `signed` holds int8 in -128..127, `unsigned` holds 0..127: a second operand above 127 differs between engines.
 * Two 16-bit products never overflow their 16-bit sum (128 x 127 x 2 = 32512), so every engine gives the same bits.
 */
// @ts-ignore: decorator
@inline
export function dotAdd(signed: v128, unsigned: v128, sums: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(signed, unsigned, sums);
  } else {
    const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(signed), i16x8.extend_low_i8x16_s(unsigned));
    const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(signed), i16x8.extend_high_i8x16_s(unsigned));
    const even = v128.shuffle<i32>(low, high, 0, 2, 4, 6);
    const odd = v128.shuffle<i32>(low, high, 1, 3, 5, 7);
    return i32x4.add(sums, i32x4.add(even, odd));
  }
}

/** Eight 16-bit ones, in memory: as a constant, the engine would make them anew before each use. */
export const ones: usize = memory.data<i16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

/**
 * The same bits as dotAdd, through 16-bit sums of pairs and a product with ones: three instructions. For processors on which the engine has
 * no single one for the dot and makes five of it (V8 14.6 on x64 without AVX-VNNI, such as Zen 4).
 */
// @ts-ignore: decorator
@inline
export function dotAddInPairs(signed: v128, unsigned: v128, sums: v128, one: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    return i32x4.add(sums, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(signed, unsigned), one));
  } else {
    return dotAdd(signed, unsigned, sums);
  }
}
