import { dotAdd } from "./multiplyAdd";

/**
 * Register-blocked int8 micro-kernel: `rows` x 8 int32 outputs, one packed panel of 8 columns.
 *
 * a: `rows` rows of 4 x k activations in 0..127 (7 bits, zero point 64), aStride bytes apart.
 * b: packed panel, k steps of 8 columns x 4 consecutive int8 (32 bytes a step).
 * c: `rows` rows of 8 int32, cStride bytes apart; read first where `accumulate` is not 0.
 *
 * k counts groups of four. Integer sums are exact while 4 x k <= 132104 (128 x 127 x that stays below 2^31).
 */
// @ts-ignore: decorator
@inline
function tile(rows: i32, a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0);
  let s40 = i32x4.splat(0), s41 = i32x4.splat(0);
  let s50 = i32x4.splat(0), s51 = i32x4.splat(0);
  if (accumulate) {
    s00 = v128.load(c);
    s01 = v128.load(c, 16);
    if (rows > 1) {
      s10 = v128.load(c + 1 * cStride);
      s11 = v128.load(c + 1 * cStride, 16);
    }
    if (rows > 2) {
      s20 = v128.load(c + 2 * cStride);
      s21 = v128.load(c + 2 * cStride, 16);
    }
    if (rows > 3) {
      s30 = v128.load(c + 3 * cStride);
      s31 = v128.load(c + 3 * cStride, 16);
    }
    if (rows > 4) {
      s40 = v128.load(c + 4 * cStride);
      s41 = v128.load(c + 4 * cStride, 16);
    }
    if (rows > 5) {
      s50 = v128.load(c + 5 * cStride);
      s51 = v128.load(c + 5 * cStride, 16);
    }
  }
  let a1 = rows > 1 ? a + aStride : a;
  let a2 = rows > 2 ? a1 + aStride : a1;
  let a3 = rows > 3 ? a2 + aStride : a2;
  let a4 = rows > 4 ? a3 + aStride : a3;
  let a5 = rows > 5 ? a4 + aStride : a4;
  let b0: v128, b1: v128, x: v128;
  const kUnrolled = k & ~3;
  let step = 0;
  for (; step < kUnrolled; step += 4) {
    b0 = v128.load(b, 0);
    b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0);
    s00 = dotAdd(b0, x, s00);
    s01 = dotAdd(b1, x, s01);
    if (rows > 1) {
      x = v128.load32_splat(a1, 0);
      s10 = dotAdd(b0, x, s10);
      s11 = dotAdd(b1, x, s11);
    }
    if (rows > 2) {
      x = v128.load32_splat(a2, 0);
      s20 = dotAdd(b0, x, s20);
      s21 = dotAdd(b1, x, s21);
    }
    if (rows > 3) {
      x = v128.load32_splat(a3, 0);
      s30 = dotAdd(b0, x, s30);
      s31 = dotAdd(b1, x, s31);
    }
    if (rows > 4) {
      x = v128.load32_splat(a4, 0);
      s40 = dotAdd(b0, x, s40);
      s41 = dotAdd(b1, x, s41);
    }
    if (rows > 5) {
      x = v128.load32_splat(a5, 0);
      s50 = dotAdd(b0, x, s50);
      s51 = dotAdd(b1, x, s51);
    }
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 4);
    s00 = dotAdd(b0, x, s00);
    s01 = dotAdd(b1, x, s01);
    if (rows > 1) {
      x = v128.load32_splat(a1, 4);
      s10 = dotAdd(b0, x, s10);
      s11 = dotAdd(b1, x, s11);
    }
    if (rows > 2) {
      x = v128.load32_splat(a2, 4);
      s20 = dotAdd(b0, x, s20);
      s21 = dotAdd(b1, x, s21);
    }
    if (rows > 3) {
      x = v128.load32_splat(a3, 4);
      s30 = dotAdd(b0, x, s30);
      s31 = dotAdd(b1, x, s31);
    }
    if (rows > 4) {
      x = v128.load32_splat(a4, 4);
      s40 = dotAdd(b0, x, s40);
      s41 = dotAdd(b1, x, s41);
    }
    if (rows > 5) {
      x = v128.load32_splat(a5, 4);
      s50 = dotAdd(b0, x, s50);
      s51 = dotAdd(b1, x, s51);
    }
    b0 = v128.load(b, 64);
    b1 = v128.load(b, 80);
    x = v128.load32_splat(a, 8);
    s00 = dotAdd(b0, x, s00);
    s01 = dotAdd(b1, x, s01);
    if (rows > 1) {
      x = v128.load32_splat(a1, 8);
      s10 = dotAdd(b0, x, s10);
      s11 = dotAdd(b1, x, s11);
    }
    if (rows > 2) {
      x = v128.load32_splat(a2, 8);
      s20 = dotAdd(b0, x, s20);
      s21 = dotAdd(b1, x, s21);
    }
    if (rows > 3) {
      x = v128.load32_splat(a3, 8);
      s30 = dotAdd(b0, x, s30);
      s31 = dotAdd(b1, x, s31);
    }
    if (rows > 4) {
      x = v128.load32_splat(a4, 8);
      s40 = dotAdd(b0, x, s40);
      s41 = dotAdd(b1, x, s41);
    }
    if (rows > 5) {
      x = v128.load32_splat(a5, 8);
      s50 = dotAdd(b0, x, s50);
      s51 = dotAdd(b1, x, s51);
    }
    b0 = v128.load(b, 96);
    b1 = v128.load(b, 112);
    x = v128.load32_splat(a, 12);
    s00 = dotAdd(b0, x, s00);
    s01 = dotAdd(b1, x, s01);
    if (rows > 1) {
      x = v128.load32_splat(a1, 12);
      s10 = dotAdd(b0, x, s10);
      s11 = dotAdd(b1, x, s11);
    }
    if (rows > 2) {
      x = v128.load32_splat(a2, 12);
      s20 = dotAdd(b0, x, s20);
      s21 = dotAdd(b1, x, s21);
    }
    if (rows > 3) {
      x = v128.load32_splat(a3, 12);
      s30 = dotAdd(b0, x, s30);
      s31 = dotAdd(b1, x, s31);
    }
    if (rows > 4) {
      x = v128.load32_splat(a4, 12);
      s40 = dotAdd(b0, x, s40);
      s41 = dotAdd(b1, x, s41);
    }
    if (rows > 5) {
      x = v128.load32_splat(a5, 12);
      s50 = dotAdd(b0, x, s50);
      s51 = dotAdd(b1, x, s51);
    }
    b += 128;
    a += 16;
    if (rows > 1) a1 += 16;
    if (rows > 2) a2 += 16;
    if (rows > 3) a3 += 16;
    if (rows > 4) a4 += 16;
    if (rows > 5) a5 += 16;
  }
  for (; step < k; step++) {
    b0 = v128.load(b, 0);
    b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0);
    s00 = dotAdd(b0, x, s00);
    s01 = dotAdd(b1, x, s01);
    if (rows > 1) {
      x = v128.load32_splat(a1, 0);
      s10 = dotAdd(b0, x, s10);
      s11 = dotAdd(b1, x, s11);
    }
    if (rows > 2) {
      x = v128.load32_splat(a2, 0);
      s20 = dotAdd(b0, x, s20);
      s21 = dotAdd(b1, x, s21);
    }
    if (rows > 3) {
      x = v128.load32_splat(a3, 0);
      s30 = dotAdd(b0, x, s30);
      s31 = dotAdd(b1, x, s31);
    }
    if (rows > 4) {
      x = v128.load32_splat(a4, 0);
      s40 = dotAdd(b0, x, s40);
      s41 = dotAdd(b1, x, s41);
    }
    if (rows > 5) {
      x = v128.load32_splat(a5, 0);
      s50 = dotAdd(b0, x, s50);
      s51 = dotAdd(b1, x, s51);
    }
    b += 32;
    a += 4;
    if (rows > 1) a1 += 4;
    if (rows > 2) a2 += 4;
    if (rows > 3) a3 += 4;
    if (rows > 4) a4 += 4;
    if (rows > 5) a5 += 4;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  if (rows > 1) {
    v128.store(c + 1 * cStride, s10);
    v128.store(c + 1 * cStride, s11, 16);
  }
  if (rows > 2) {
    v128.store(c + 2 * cStride, s20);
    v128.store(c + 2 * cStride, s21, 16);
  }
  if (rows > 3) {
    v128.store(c + 3 * cStride, s30);
    v128.store(c + 3 * cStride, s31, 16);
  }
  if (rows > 4) {
    v128.store(c + 4 * cStride, s40);
    v128.store(c + 4 * cStride, s41, 16);
  }
  if (rows > 5) {
    v128.store(c + 5 * cStride, s50);
    v128.store(c + 5 * cStride, s51, 16);
  }
}

/** 1 row x 8 columns. */
export function tileInt8Rows1(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(1, a, aStride, b, c, cStride, k, accumulate);
}

/** 2 rows x 8 columns. */
export function tileInt8Rows2(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(2, a, aStride, b, c, cStride, k, accumulate);
}

/** 3 rows x 8 columns. */
export function tileInt8Rows3(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(3, a, aStride, b, c, cStride, k, accumulate);
}

/** 4 rows x 8 columns. */
export function tileInt8Rows4(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(4, a, aStride, b, c, cStride, k, accumulate);
}

/** 5 rows x 8 columns. */
export function tileInt8Rows5(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(5, a, aStride, b, c, cStride, k, accumulate);
}

/** 6 rows x 8 columns. */
export function tileInt8Rows6(a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile(6, a, aStride, b, c, cStride, k, accumulate);
}

/**
 * m x 8 outputs over one panel: m split into the fewest tiles of at most six rows, as even as they come (16 = 6 + 5 + 5),
 * because a short last tile leaves the multiply-add units waiting for each other.
 */
export function tileInt8Panel(m: i32, a: usize, aStride: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  const tiles = (m + 5) / 6;
  const shortRows = m / tiles;
  const longTiles = m % tiles;
  for (let index = 0; index < tiles; index++) {
    const rows = shortRows + i32(index < longTiles);
    switch (rows) {
      case 6: tileInt8Rows6(a, aStride, b, c, cStride, k, accumulate); break;
      case 5: tileInt8Rows5(a, aStride, b, c, cStride, k, accumulate); break;
      case 4: tileInt8Rows4(a, aStride, b, c, cStride, k, accumulate); break;
      case 3: tileInt8Rows3(a, aStride, b, c, cStride, k, accumulate); break;
      case 2: tileInt8Rows2(a, aStride, b, c, cStride, k, accumulate); break;
      default: tileInt8Rows1(a, aStride, b, c, cStride, k, accumulate); break;
    }
    a += usize(rows) * aStride;
    c += usize(rows) * cStride;
  }
}
