import { unitsPerValue } from "../math/steps";
import { int8DotInPairs } from "./choice";
import { tileInt8Panels } from "./int8";
import { dotAdd, dotAddInPairs, dotPairs, ones } from "./multiplyAdd";
import { Rows2, Rows3, Rows4 } from "./rows";

/**
 * int4 weights -7..7, computed in 8 bits. A byte holds two: q0 + 8 of a column c (0..3) of the panel in its lower half, q1 of column c + 4
 * in its upper half, so that the byte as int8 is 16 q1 + (q0 + 8).
 *
 * panel: k steps of 16 bytes, each 4 columns x 4 consecutive k.
 *
 * Up to four rows multiply bytes as they stand: with L = sum (q0 + 8) a and B = sum (16 q1 + q0 + 8) a, two dots and one mask a step,
 *   16 x column c + 4 = B - L    and    16 x column c = 16 L - 128 sum a.
 * More rows share panels that are unpacked to int8, every weight times 16, and run on the int8 tiles. The column's scale takes the 16 out.
 * 16 x 7 = 112 and the bytes stay within int8: pairs of products never overflow 16 bits, sums are exact while 4 x k <= 132104.
 */

/** The lower and the upper half of every byte, and the top bit. In memory, as V8 would make constants anew at every use (math/fp8.ts). */
const lowerHalves = memory.data<i32>([0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f, 0x0f0f0f0f], 16);
const upperHalves = memory.data<i32>([-0x0f0f0f10, -0x0f0f0f10, -0x0f0f0f10, -0x0f0f0f10], 16);
const topBits = memory.data<i32>([-0x7f7f7f80, -0x7f7f7f80, -0x7f7f7f80, -0x7f7f7f80], 16);

/**
 * Eight rows of k float32 (one output column each) become one panel, with one scale a column (max |w| / 7, nearest, ties to even).
 *
 * Columns from `columns` on are zero, and k beyond the end. scales: 8 float32, a 16th of the step, what a sum of 16 q is multiplied with.
 * sums: 8 int32, 16 times the sum of a column's q.
 */
export function packPanelInt4(source: usize, sourceStride: usize, columns: i32, k: i32, panel: usize, scales: usize, sums: usize): void {
  const steps = (k + 3) >> 2;
  memory.fill(panel, 8, usize(steps) << 4);
  for (let column = 0; column < 8; column++) {
    const row = source + usize(column) * sourceStride;
    const destination = panel + (usize(column & 3) << 2);
    let largest: f32 = 0;
    if (column < columns) {
      for (let i = 0; i < k; i++) largest = max(largest, abs(load<f32>(row + (usize(i) << 2))));
    }
    const units = unitsPerValue(7, largest);
    let sum = 0;
    if (column < columns) {
      for (let i = 0; i < k; i++) {
        const value = i32(nearest(load<f32>(row + (usize(i) << 2)) * units));
        const at = destination + (usize(i >> 2) << 4) + usize(i & 3);
        // Adding keeps the other half: the bytes begin with q0 + 8 = 8, q1 = 0.
        store<u8>(at, u8(i32(load<u8>(at)) + (column < 4 ? value : value << 4)));
        sum += value;
      }
    }
    store<f32>(scales + (usize(column) << 2), largest / 7 * 0.0625);
    store<i32>(sums + (usize(column) << 2), sum << 4);
  }
}

/** `steps` steps of an int4 panel as those of an int8 panel, every weight times 16: 32 bytes a step. */
export function unpackInt4(from: usize, to: usize, steps: i32): void {
  const upper = v128.load(upperHalves);
  const top = v128.load(topBits);
  for (let step = 0; step < steps; step++) {
    const both = v128.load(from);
    // q0 + 8 with its upper bit turned is q0 in two's complement.
    v128.store(to, v128.xor(v128.and(i16x8.shl(both, 4), upper), top));
    v128.store(to, v128.and(both, upper), 16);
    from += 16;
    to += 32;
  }
}

/** L and B of one row and four panels, panelBytes apart: a: k words of four 7-bit activations; c: 4 x (4 L, 4 B) int32. */
export function tileInt4FusedRows1Columns32(a: usize, b: usize, panelBytes: usize, c: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  let s4 = i32x4.splat(0), s5 = i32x4.splat(0), s6 = i32x4.splat(0), s7 = i32x4.splat(0);
  let b1 = b + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let both: v128;
  for (let word = 0; word < k; word++) {
    const x = v128.load32_splat(a);
    both = v128.load(b);
    s0 = dotAdd(v128.and(both, lower), x, s0);
    s1 = dotAdd(both, x, s1);
    both = v128.load(b1);
    s2 = dotAdd(v128.and(both, lower), x, s2);
    s3 = dotAdd(both, x, s3);
    both = v128.load(b2);
    s4 = dotAdd(v128.and(both, lower), x, s4);
    s5 = dotAdd(both, x, s5);
    both = v128.load(b3);
    s6 = dotAdd(v128.and(both, lower), x, s6);
    s7 = dotAdd(both, x, s7);
    a += 4;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
  v128.store(c, s4, 64);
  v128.store(c, s5, 80);
  v128.store(c, s6, 96);
  v128.store(c, s7, 112);
}

/** Steps whose sums (q0 + 8) a fit into 16 bits: 8 x 2 x 15 x 127 = 30480. */
const stepsIn16Bits = 8;

/**
 * The same bits by the dot in pairs (multiplyAdd.ts). L is added up in 16 bits and goes to c every eight steps, which saves one product of
 * four: on a processor that takes this form, products set the pace.
 */
export function tileInt4InPairsRows1Columns32(a: usize, b: usize, panelBytes: usize, c: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  const one = v128.load(ones);
  v128.store(c, i32x4.splat(0));
  v128.store(c, i32x4.splat(0), 32);
  v128.store(c, i32x4.splat(0), 64);
  v128.store(c, i32x4.splat(0), 96);
  let t0 = i32x4.splat(0), t1 = i32x4.splat(0), t2 = i32x4.splat(0), t3 = i32x4.splat(0);
  let b1 = b + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let both: v128;
  for (let first = 0; first < k; first += stepsIn16Bits) {
    const last = min(first + stepsIn16Bits, k);
    let l0 = i32x4.splat(0), l1 = i32x4.splat(0), l2 = i32x4.splat(0), l3 = i32x4.splat(0);
    for (let word = first; word < last; word++) {
      const x = v128.load32_splat(a);
      both = v128.load(b);
      l0 = i16x8.add(l0, dotPairs(v128.and(both, lower), x));
      t0 = dotAddInPairs(both, x, t0, one);
      both = v128.load(b1);
      l1 = i16x8.add(l1, dotPairs(v128.and(both, lower), x));
      t1 = dotAddInPairs(both, x, t1, one);
      both = v128.load(b2);
      l2 = i16x8.add(l2, dotPairs(v128.and(both, lower), x));
      t2 = dotAddInPairs(both, x, t2, one);
      both = v128.load(b3);
      l3 = i16x8.add(l3, dotPairs(v128.and(both, lower), x));
      t3 = dotAddInPairs(both, x, t3, one);
      a += 4;
      b += 16;
      b1 += 16;
      b2 += 16;
      b3 += 16;
    }
    v128.store(c, i32x4.add(v128.load(c), i32x4.dot_i16x8_s(l0, one)));
    v128.store(c, i32x4.add(v128.load(c, 32), i32x4.dot_i16x8_s(l1, one)), 32);
    v128.store(c, i32x4.add(v128.load(c, 64), i32x4.dot_i16x8_s(l2, one)), 64);
    v128.store(c, i32x4.add(v128.load(c, 96), i32x4.dot_i16x8_s(l3, one)), 96);
  }
  v128.store(c, t0, 16);
  v128.store(c, t1, 48);
  v128.store(c, t2, 80);
  v128.store(c, t3, 112);
}

/** As tileInt4FusedRows1Columns32 over one panel. */
export function tileInt4FusedRows1Columns8(a: usize, b: usize, c: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const x = v128.load32_splat(a);
    const both = v128.load(b);
    s0 = dotAdd(v128.and(both, lower), x, s0);
    s1 = dotAdd(both, x, s1);
    a += 4;
    b += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** The same bits by the dot in pairs. */
export function tileInt4InPairsRows1Columns8(a: usize, b: usize, c: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  const one = v128.load(ones);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const x = v128.load32_splat(a);
    const both = v128.load(b);
    s0 = dotAddInPairs(v128.and(both, lower), x, s0, one);
    s1 = dotAddInPairs(both, x, s1, one);
    a += 4;
    b += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** 16 times the product of one row with `panels` int4 panels, panelBytes apart: four of them side by side, as four streams. */
export function rowInt4(a: usize, b: usize, panelBytes: usize, panels: i32, c: usize, k: i32): void {
  let panel = 0;
  for (; panel + 4 <= panels; panel += 4) {
    const from = b + usize(panel) * panelBytes;
    const to = c + (usize(panel) << 5);
    if (int8DotInPairs) tileInt4InPairsRows1Columns32(a, from, panelBytes, to, k);
    else tileInt4FusedRows1Columns32(a, from, panelBytes, to, k);
  }
  for (; panel < panels; panel++) {
    const from = b + usize(panel) * panelBytes;
    const to = c + (usize(panel) << 5);
    if (int8DotInPairs) tileInt4InPairsRows1Columns8(a, from, to, k);
    else tileInt4FusedRows1Columns8(a, from, to, k);
  }
  separateColumns(c, panels, sumOfBytes(a, k, 4));
}

/** Rows of a tile up to which int4 bytes are multiplied as they stand: L and B of more rows do not fit into registers. */
export const fewRows = 4;

/** L and B of R rows (2..4) and one panel: a: k steps of R words (rows.ts). c: R rows of (4 L, 4 B) int32, cStride bytes apart. */
// @ts-ignore: decorator
@inline
function fewFused<R>(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const both = v128.load(b);
    const low = v128.and(both, lower);
    let x = v128.load32_splat(a);
    s00 = dotAdd(low, x, s00);
    s01 = dotAdd(both, x, s01);
    x = v128.load32_splat(a, 4);
    s10 = dotAdd(low, x, s10);
    s11 = dotAdd(both, x, s11);
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = dotAdd(low, x, s20);
      s21 = dotAdd(both, x, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = dotAdd(low, x, s30);
      s31 = dotAdd(both, x, s31);
    }
    a += offsetof<R>();
    b += 16;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c + cStride, s10);
  v128.store(c + cStride, s11, 16);
  if (offsetof<R>() > 8) {
    v128.store(c + 2 * cStride, s20);
    v128.store(c + 2 * cStride, s21, 16);
  }
  if (offsetof<R>() > 12) {
    v128.store(c + 3 * cStride, s30);
    v128.store(c + 3 * cStride, s31, 16);
  }
}

/** The same bits by the dot in pairs. */
// @ts-ignore: decorator
@inline
function fewInPairs<R>(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  const lower = v128.load(lowerHalves);
  const one = v128.load(ones);
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const both = v128.load(b);
    const low = v128.and(both, lower);
    let x = v128.load32_splat(a);
    s00 = dotAddInPairs(low, x, s00, one);
    s01 = dotAddInPairs(both, x, s01, one);
    x = v128.load32_splat(a, 4);
    s10 = dotAddInPairs(low, x, s10, one);
    s11 = dotAddInPairs(both, x, s11, one);
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = dotAddInPairs(low, x, s20, one);
      s21 = dotAddInPairs(both, x, s21, one);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = dotAddInPairs(low, x, s30, one);
      s31 = dotAddInPairs(both, x, s31, one);
    }
    a += offsetof<R>();
    b += 16;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c + cStride, s10);
  v128.store(c + cStride, s11, 16);
  if (offsetof<R>() > 8) {
    v128.store(c + 2 * cStride, s20);
    v128.store(c + 2 * cStride, s21, 16);
  }
  if (offsetof<R>() > 12) {
    v128.store(c + 3 * cStride, s30);
    v128.store(c + 3 * cStride, s31, 16);
  }
}

/** 2 rows x 8 columns. */
export function tileInt4FusedRows2Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewFused<Rows2>(a, b, c, cStride, k);
}

/** 3 rows x 8 columns. */
export function tileInt4FusedRows3Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewFused<Rows3>(a, b, c, cStride, k);
}

/** 4 rows x 8 columns. */
export function tileInt4FusedRows4Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewFused<Rows4>(a, b, c, cStride, k);
}

/** 2 rows x 8 columns. */
export function tileInt4InPairsRows2Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewInPairs<Rows2>(a, b, c, cStride, k);
}

/** 3 rows x 8 columns. */
export function tileInt4InPairsRows3Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewInPairs<Rows3>(a, b, c, cStride, k);
}

/** 4 rows x 8 columns. */
export function tileInt4InPairsRows4Columns8(a: usize, b: usize, c: usize, cStride: usize, k: i32): void {
  fewInPairs<Rows4>(a, b, c, cStride, k);
}

/** 16 times the product of one tile of 2..4 packed rows with `panels` int4 panels, panelBytes apart. */
export function fewRowsInt4(
  rows: i32, a: usize, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32,
): void {
  for (let panel = 0; panel < panels; panel++) {
    const from = b + usize(panel) * panelBytes;
    const to = c + (usize(panel) << 5);
    switch (int8DotInPairs ? rows + fewRows : rows) {
      case 2: tileInt4FusedRows2Columns8(a, from, to, cStride, k); break;
      case 3: tileInt4FusedRows3Columns8(a, from, to, cStride, k); break;
      case 4: tileInt4FusedRows4Columns8(a, from, to, cStride, k); break;
      case 6: tileInt4InPairsRows2Columns8(a, from, to, cStride, k); break;
      case 7: tileInt4InPairsRows3Columns8(a, from, to, cStride, k); break;
      default: tileInt4InPairsRows4Columns8(a, from, to, cStride, k); break;
    }
  }
  for (let row = 0; row < rows; row++) {
    separateColumns(c + usize(row) * cStride, panels, sumOfBytes(a + (usize(row) << 2), k, usize(rows) << 2));
  }
}

/** L and B of a row's panels become 16 times its columns; sum: of the row's activations. */
function separateColumns(c: usize, panels: i32, sum: i32): void {
  const offset = i32x4.splat(sum << 7);
  for (let panel = 0; panel < panels; panel++) {
    const at = c + (usize(panel) << 5);
    const lower = v128.load(at);
    // 16 L may wrap around; the difference is within int32 again.
    v128.store(at, i32x4.sub(i32x4.shl(lower, 4), offset));
    v128.store(at, i32x4.sub(v128.load(at, 16), lower), 16);
  }
}

/** Sum of the unsigned bytes of `words` words, `stride` bytes apart. */
function sumOfBytes(a: usize, words: i32, stride: usize): i32 {
  let sum = i32x4.splat(0);
  for (let word = 0; word < words; word++) {
    const bytes = v128.load32_zero(a + usize(word) * stride);
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
  }
  return i32x4.extract_lane(sum, 0);
}

/** Steps of k that are unpacked at a time: with two panels, 16 KiB, which stay in L1 while all row tiles read them. */
export const unpackedSteps = 256;

/**
 * As tileInt8Panels over int4 panels, two at a time. Each is read in one run over k, as memory likes it, and unpacked part by part into
 * `scratch` (unpackedSteps x 64 bytes).
 */
export function rowsInt4(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
  scratch: usize,
): void {
  for (let panel = 0; panel < panels; panel += 2) {
    const count = min(2, panels - panel);
    const to = c + (usize(panel) << 5);
    for (let step = 0; step < k; step += unpackedSteps) {
      const steps = min(unpackedSteps, k - step);
      const unpackedBytes = usize(steps) << 5;
      for (let i = 0; i < count; i++) {
        unpackInt4(b + usize(panel + i) * panelBytes + (usize(step) << 4), scratch + usize(i) * unpackedBytes, steps);
      }
      tileInt8Panels(m, a, rowBytes, firstWord + step, scratch, unpackedBytes, count, to, cStride, steps, accumulate | step);
    }
  }
}
