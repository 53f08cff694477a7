/**
 * Counter-based pseudo-random bits: a bijective 32-bit mix of the counter (two multiply and xor-shift rounds; constants of
 * hash-prospector's "lowbias32", C. Wellons, public domain). Value i needs no value before it, so the reference and
 * any thread can make any element alone.
 */
// @ts-ignore: decorator
@inline
function mix(x: v128): v128 {
  x = v128.xor(x, i32x4.shr_u(x, 16));
  x = i32x4.mul(x, i32x4.splat(0x21f0aaad));
  x = v128.xor(x, i32x4.shr_u(x, 15));
  x = i32x4.mul(x, i32x4.splat(0x735a2d97));
  return v128.xor(x, i32x4.shr_u(x, 15));
}

/** count (multiple of 4) float32 values, uniform in -scale..scale: element i is the mix of (start + i) x golden ratio + seed. */
export function fillUniform(destination: usize, count: i32, seed: i32, start: i32, scale: f32): void {
  let counter = i32x4.add(i32x4.splat(start), i32x4(0, 1, 2, 3));
  const factor = f32x4.splat(scale * 4.656612873077393e-10); // 2^-31
  for (let index = 0; index < count; index += 4) {
    const bits = mix(i32x4.add(i32x4.mul(counter, i32x4.splat(0x9e3779b1)), i32x4.splat(seed)));
    // The low 8 bits are dropped: 24 bits convert to float32 without rounding.
    const value = f32x4.convert_i32x4_s(v128.andnot(bits, i32x4.splat(255)));
    v128.store(destination + (usize(index) << 2), f32x4.mul(value, factor));
    counter = i32x4.add(counter, i32x4.splat(4));
  }
}
