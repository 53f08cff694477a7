import { unitsPerValue } from "../math/steps";
import { int8DotInPairs } from "./choice";
import { tileInt8Panels } from "./int8";
import { dotAdd, dotAddInPairs, ones } from "./multiplyAdd";

/**
 * int4 weights, computed in 8 bits: a byte holds a weight of column c (0..3) of a panel in its lower half and one of column c + 4 in its
 * upper half, both signed, -7..7.
 *
 * panel: k steps of 16 bytes, each 4 columns x 4 consecutive k, so that two operations make two vectors of an int8 panel of it: the upper
 * halves as they stand and the lower ones shifted up, either 16 times the weight. The factor 16 is taken out by the column's scale.
 * 16 x 7 = 112 stays below the 128 that int8 allows: pairs of products never overflow 16 bits, sums are exact while 4 x k <= 132104.
 */

/** The upper half of every byte, in memory as V8 would make a constant anew in each step (math/fp8.ts). */
const upperHalves = memory.data<i32>([-0x0f0f0f10, -0x0f0f0f10, -0x0f0f0f10, -0x0f0f0f10], 16);

/**
 * Eight rows of k float32 (one output column each) become one panel, with one scale a column (max |w| / 7, nearest, ties to even).
 *
 * Columns from `columns` on are zero, and k beyond the end. scales: 8 float32, a 16th of the step, what a sum of 16 q is multiplied with.
 * sums: 8 int32, 16 times the sum of a column's q.
 */
export function packPanelInt4(source: usize, sourceStride: usize, columns: i32, k: i32, panel: usize, scales: usize, sums: usize): void {
  const steps = (k + 3) >> 2;
  memory.fill(panel, 0, usize(steps) << 4);
  for (let column = 0; column < 8; column++) {
    const row = source + usize(column) * sourceStride;
    const destination = panel + (usize(column & 3) << 2);
    const shift = column & 4;
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
        store<u8>(at, load<u8>(at) | u8((value & 15) << shift));
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
  for (let step = 0; step < steps; step++) {
    const both = v128.load(from);
    v128.store(to, v128.and(i16x8.shl(both, 4), upper));
    v128.store(to, v128.and(both, upper), 16);
    from += 16;
    to += 32;
  }
}

/** 1 row x 32 columns, 16 times the product: a: k words of four 7-bit activations; b: four int4 panels, panelBytes apart; c: 32 int32. */
export function tileInt4Fused1x32(a: usize, b: usize, panelBytes: usize, c: usize, k: i32): void {
  const upper = v128.load(upperHalves);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  let s4 = i32x4.splat(0), s5 = i32x4.splat(0), s6 = i32x4.splat(0), s7 = i32x4.splat(0);
  let b1 = b + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let x: v128, both: v128;
  for (let word = 0; word < k; word++) {
    x = v128.load32_splat(a, 0);
    both = v128.load(b, 0);
    s0 = dotAdd(v128.and(i16x8.shl(both, 4), upper), x, s0);
    s1 = dotAdd(v128.and(both, upper), x, s1);
    both = v128.load(b1, 0);
    s2 = dotAdd(v128.and(i16x8.shl(both, 4), upper), x, s2);
    s3 = dotAdd(v128.and(both, upper), x, s3);
    both = v128.load(b2, 0);
    s4 = dotAdd(v128.and(i16x8.shl(both, 4), upper), x, s4);
    s5 = dotAdd(v128.and(both, upper), x, s5);
    both = v128.load(b3, 0);
    s6 = dotAdd(v128.and(i16x8.shl(both, 4), upper), x, s6);
    s7 = dotAdd(v128.and(both, upper), x, s7);
    a += 4;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  v128.store(c, s0, 0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
  v128.store(c, s4, 64);
  v128.store(c, s5, 80);
  v128.store(c, s6, 96);
  v128.store(c, s7, 112);
}

/** The same bits by the dot in pairs (multiplyAdd.ts). */
export function tileInt4InPairs1x32(a: usize, b: usize, panelBytes: usize, c: usize, k: i32): void {
  const upper = v128.load(upperHalves);
  const one = v128.load(ones);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  let s4 = i32x4.splat(0), s5 = i32x4.splat(0), s6 = i32x4.splat(0), s7 = i32x4.splat(0);
  let b1 = b + panelBytes;
  let b2 = b1 + panelBytes;
  let b3 = b2 + panelBytes;
  let x: v128, both: v128;
  for (let word = 0; word < k; word++) {
    x = v128.load32_splat(a, 0);
    both = v128.load(b, 0);
    s0 = dotAddInPairs(v128.and(i16x8.shl(both, 4), upper), x, s0, one);
    s1 = dotAddInPairs(v128.and(both, upper), x, s1, one);
    both = v128.load(b1, 0);
    s2 = dotAddInPairs(v128.and(i16x8.shl(both, 4), upper), x, s2, one);
    s3 = dotAddInPairs(v128.and(both, upper), x, s3, one);
    both = v128.load(b2, 0);
    s4 = dotAddInPairs(v128.and(i16x8.shl(both, 4), upper), x, s4, one);
    s5 = dotAddInPairs(v128.and(both, upper), x, s5, one);
    both = v128.load(b3, 0);
    s6 = dotAddInPairs(v128.and(i16x8.shl(both, 4), upper), x, s6, one);
    s7 = dotAddInPairs(v128.and(both, upper), x, s7, one);
    a += 4;
    b += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  v128.store(c, s0, 0);
  v128.store(c, s1, 16);
  v128.store(c, s2, 32);
  v128.store(c, s3, 48);
  v128.store(c, s4, 64);
  v128.store(c, s5, 80);
  v128.store(c, s6, 96);
  v128.store(c, s7, 112);
}

/** As tileInt4Fused1x32 over one panel. */
export function tileInt4Fused1x8(a: usize, b: usize, c: usize, k: i32): void {
  const upper = v128.load(upperHalves);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const x = v128.load32_splat(a);
    const both = v128.load(b);
    s0 = dotAdd(v128.and(i16x8.shl(both, 4), upper), x, s0);
    s1 = dotAdd(v128.and(both, upper), x, s1);
    a += 4;
    b += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** The same bits by the dot in pairs. */
export function tileInt4InPairs1x8(a: usize, b: usize, c: usize, k: i32): void {
  const upper = v128.load(upperHalves);
  const one = v128.load(ones);
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0);
  for (let word = 0; word < k; word++) {
    const x = v128.load32_splat(a);
    const both = v128.load(b);
    s0 = dotAddInPairs(v128.and(i16x8.shl(both, 4), upper), x, s0, one);
    s1 = dotAddInPairs(v128.and(both, upper), x, s1, one);
    a += 4;
    b += 16;
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** One row over `panels` int4 panels: weights are unpacked in registers, four panels side by side, so that memory sets the pace. */
export function tileInt4Row(a: usize, b: usize, panelBytes: usize, panels: i32, c: usize, k: i32): void {
  let panel = 0;
  for (; panel + 4 <= panels; panel += 4) {
    const from = b + usize(panel) * panelBytes;
    const to = c + (usize(panel) << 5);
    if (int8DotInPairs) tileInt4InPairs1x32(a, from, panelBytes, to, k);
    else tileInt4Fused1x32(a, from, panelBytes, to, k);
  }
  for (; panel < panels; panel++) {
    const from = b + usize(panel) * panelBytes;
    const to = c + (usize(panel) << 5);
    if (int8DotInPairs) tileInt4InPairs1x8(a, from, to, k);
    else tileInt4Fused1x8(a, from, to, k);
  }
}

/** Steps of k that are unpacked at a time: with two panels, 16 KiB, which stay in L1 while all row tiles read them. */
export const unpackedSteps = 256;

/** As tileInt8Panels over int4 panels, unpacked two at a time into `scratch` (unpackedSteps x 64 bytes); k is at most unpackedSteps. */
export function tileInt4Panels(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
  scratch: usize,
): void {
  const unpackedBytes = usize(k) << 5;
  for (let panel = 0; panel < panels; panel += 2) {
    const count = min(2, panels - panel);
    for (let i = 0; i < count; i++) unpackInt4(b + usize(panel + i) * panelBytes, scratch + usize(i) * unpackedBytes, k);
    tileInt8Panels(m, a, rowBytes, firstWord, scratch, unpackedBytes, count, c + (usize(panel) << 5), cStride, k, accumulate);
  }
}
