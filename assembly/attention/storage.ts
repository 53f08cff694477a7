import { encodeBf16 } from "../math/bf16";
import { encodeFp8 } from "../math/fp8";

/**
 * How values of a KV cache are stored, and how they become what the micro-kernels multiply: float32 from float32, BF16 and FP8,
 * int8 from int8 and int4. A panel is expanded into scratch that stays in L1, once for all query heads that read it.
 *
 * Codes are those of src/kernels/kvFormat.ts.
 */
export const storedF32 = 0;
export const storedBf16 = 1;
export const storedFp8 = 2;
export const storedInt8 = 3;
export const storedInt4 = 4;

/** Constants of the loops below, in memory, as the engine makes a vector constant anew wherever it is used. */
const table = memory.data<u8>([
  0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f,
  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
  0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
  0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0, 0xf0,
  0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c,
  // 0x3c less the upper bytes of BF16 0, 2^-9, 2^-8, 3 x 2^-9, 2^-7, 5, 6 and 7 x 2^-9.
  0x3c, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  // Lower bytes of the same, 00 00 80 c0 00 20 40 60, against 00 10 20 30 40 50 60 70.
  0, 0x10, 0xa0, 0xf0, 0x40, 0x70, 0x20, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
  0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f,
  8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
], 16);

/** Bits of a stored value. */
// @ts-ignore: decorator
@inline
export function bitsOf(storage: i32): i32 {
  if (storage == storedF32) return 32;
  if (storage == storedBf16) return 16;
  return storage == storedInt4 ? 4 : 8;
}

/** `count` values (a multiple of 8), stored as BF16 or FP8, become float32. */
export function expandFloats(source: usize, destination: usize, count: i32, storage: i32): void {
  if (storage == storedBf16) expandBf16(source, destination, count);
  else expandFp8(source, destination, count);
}

/** BF16 is the upper half of a float32. */
// @ts-ignore: decorator
@inline
function expandBf16(source: usize, destination: usize, count: i32): void {
  const end = destination + (usize(count) << 2);
  while (destination < end) {
    storeUpperHalves(destination, v128.load(source));
    source += 16;
    destination += 32;
  }
}

/** Eight 16-bit values as the upper halves of eight float32. */
// @ts-ignore: decorator
@inline
function storeUpperHalves(destination: usize, halves: v128): void {
  const zero = i32x4.splat(0);
  v128.store(destination, v128.shuffle<i16>(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(destination, v128.shuffle<i16>(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16);
}

// @ts-ignore: decorator
@inline
function expandFp8(source: usize, destination: usize, count: i32): void {
  const pairs = usize(count) >> 4;
  for (let pair: usize = 0; pair < pairs; pair++) {
    const bytes = v128.load(source);
    const high = fp8HighBytes(bytes);
    const low = fp8LowBytes(bytes);
    storeUpperHalves(destination, v128.shuffle<i8>(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    storeUpperHalves(destination + 32, v128.shuffle<i8>(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    source += 16;
    destination += 64;
  }
  if (count & 8) {
    const bytes = v128.load64_zero(source);
    storeUpperHalves(
      destination,
      v128.shuffle<i8>(fp8LowBytes(bytes), fp8HighBytes(bytes), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
    );
  }
}

/**
 * FP8 E4M3 (s eeee mmm, bias 7, no infinities, NaN = s 1111 111) as BF16 (s eeeeeeee mmmmmmm, bias 127), which holds it exactly: two bytes,
 * made apart. A normal value's are s 0111100 + (eeee >> 1), and e mmm 0000. The seven denormals, m x 2^-9, and 0 are set right by a
 * table of what the sum gives too much: swizzle gives 0 for any other index, so nothing is compared.
 */
// @ts-ignore: decorator
@inline
function fp8HighBytes(bytes: v128): v128 {
  const magnitude = v128.and(bytes, v128.load(table));
  const shifted = v128.and(i16x8.shr_u(magnitude, 4), v128.load(table, 32));
  const number = i8x16.sub(i8x16.add(shifted, v128.load(table, 64)), i8x16.swizzle(v128.load(table, 80), magnitude));
  const nan = v128.and(i8x16.eq(magnitude, v128.load(table)), v128.load(table, 64));
  return v128.or(v128.or(number, nan), v128.and(bytes, v128.load(table, 16)));
}

// @ts-ignore: decorator
@inline
function fp8LowBytes(bytes: v128): v128 {
  const magnitude = v128.and(bytes, v128.load(table));
  const shifted = v128.and(i16x8.shl(magnitude, 4), v128.load(table, 48));
  return v128.xor(shifted, i8x16.swizzle(v128.load(table, 96), magnitude));
}

/** `steps` steps of 16 bytes become steps of 32 int8 each: the lower four bits of byte i are value i + 8, the upper ones value i + 16, plus 8. */
export function expandInt4(source: usize, destination: usize, steps: i32): void {
  const lower = v128.load(table, 112);
  const zero = v128.load(table, 128);
  for (let step = 0; step < steps; step++) {
    const pairs = v128.load(source);
    v128.store(destination, i8x16.sub(v128.and(pairs, lower), zero));
    v128.store(destination, i8x16.sub(v128.and(i16x8.shr_u(pairs, 4), lower), zero), 16);
    source += 16;
    destination += 32;
  }
}

/** Stores x as float32, BF16 or FP8, as `storage` says. */
// @ts-ignore: decorator
@inline
export function storeFloat(to: usize, x: f32, storage: i32): void {
  if (storage == storedF32) store<f32>(to, x);
  else if (storage == storedBf16) store<u16>(to, u16(i32x4.extract_lane(encodeBf16(f32x4.splat(x)), 0)));
  else store<u8>(to, u8(i32x4.extract_lane(encodeFp8(f32x4.splat(x)), 0)));
}

/** Stores whole number q as int8, or in four bits as q + 8: value `index` of a step of 32 (its neighbour in the byte is `index` +- 16). */
// @ts-ignore: decorator
@inline
export function storeWhole(step: usize, index: i32, q: i32, storage: i32): void {
  if (storage == storedInt8) {
    store<i8>(step + index, i8(q));
    return;
  }
  const at = step + (index & 15);
  const both = load<u8>(at);
  store<u8>(at, index < 16 ? (both & 0xf0) | u8(q + 8) : (both & 0x0f) | (u8(q + 8) << 4));
}
