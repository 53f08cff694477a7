import { multiplyAdd } from "./multiplyAdd";
import { Rows1, Rows2, Rows3, Rows4, Rows5, Rows6 } from "./rows";

/**
 * Register-blocked float32 micro-kernel: R x 8 outputs from one tile of packed rows and one packed panel of 8 columns.
 *
 * a: k steps of R float32 (rows.ts). b: k steps of 8 float32 (32 bytes a step).
 * c: R rows of 8 float32, cStride bytes apart; read first where `accumulate` is not 0.
 *
 * Six rows fill 12 of the 16 vector registers with sums, two with b and one with the broadcast a. Each output is one
 * chain of multiply-adds over k in rising order, whatever R is: a row's bits do not depend on the others.
 * The sums live in locals, spelled out, because WASM has no arrays of registers.
 */
// @ts-ignore: decorator
@inline
function tile<R>(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0);
  let s40 = i32x4.splat(0), s41 = i32x4.splat(0);
  let s50 = i32x4.splat(0), s51 = i32x4.splat(0);
  if (accumulate) {
    s00 = v128.load(c);
    s01 = v128.load(c, 16);
    if (offsetof<R>() > 4) {
      s10 = v128.load(c + 1 * cStride);
      s11 = v128.load(c + 1 * cStride, 16);
    }
    if (offsetof<R>() > 8) {
      s20 = v128.load(c + 2 * cStride);
      s21 = v128.load(c + 2 * cStride, 16);
    }
    if (offsetof<R>() > 12) {
      s30 = v128.load(c + 3 * cStride);
      s31 = v128.load(c + 3 * cStride, 16);
    }
    if (offsetof<R>() > 16) {
      s40 = v128.load(c + 4 * cStride);
      s41 = v128.load(c + 4 * cStride, 16);
    }
    if (offsetof<R>() > 20) {
      s50 = v128.load(c + 5 * cStride);
      s51 = v128.load(c + 5 * cStride, 16);
    }
  }
  let b0: v128, b1: v128, x: v128;
  const unrolled = k & ~3;
  let word = 0;
  for (; word < unrolled; word += 4) {
    b0 = v128.load(b, 0);
    b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
    }
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 1 * offsetof<R>() + 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 1 * offsetof<R>() + 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 1 * offsetof<R>() + 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 1 * offsetof<R>() + 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 1 * offsetof<R>() + 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 1 * offsetof<R>() + 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
    }
    b0 = v128.load(b, 64);
    b1 = v128.load(b, 80);
    x = v128.load32_splat(a, 2 * offsetof<R>() + 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 2 * offsetof<R>() + 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 2 * offsetof<R>() + 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 2 * offsetof<R>() + 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 2 * offsetof<R>() + 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 2 * offsetof<R>() + 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
    }
    b0 = v128.load(b, 96);
    b1 = v128.load(b, 112);
    x = v128.load32_splat(a, 3 * offsetof<R>() + 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 3 * offsetof<R>() + 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 3 * offsetof<R>() + 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 3 * offsetof<R>() + 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 3 * offsetof<R>() + 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 3 * offsetof<R>() + 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
    }
    a += 4 * offsetof<R>();
    b += 128;
  }
  for (; word < k; word++) {
    b0 = v128.load(b, 0);
    b1 = v128.load(b, 16);
    x = v128.load32_splat(a, 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
    }
    a += offsetof<R>();
    b += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  if (offsetof<R>() > 4) {
    v128.store(c + 1 * cStride, s10);
    v128.store(c + 1 * cStride, s11, 16);
  }
  if (offsetof<R>() > 8) {
    v128.store(c + 2 * cStride, s20);
    v128.store(c + 2 * cStride, s21, 16);
  }
  if (offsetof<R>() > 12) {
    v128.store(c + 3 * cStride, s30);
    v128.store(c + 3 * cStride, s31, 16);
  }
  if (offsetof<R>() > 16) {
    v128.store(c + 4 * cStride, s40);
    v128.store(c + 4 * cStride, s41, 16);
  }
  if (offsetof<R>() > 20) {
    v128.store(c + 5 * cStride, s50);
    v128.store(c + 5 * cStride, s51, 16);
  }
}

/** 1 row x 8 columns. */
export function tileF32Rows1(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1>(a, b, c, cStride, k, accumulate);
}

/** 2 rows x 8 columns. */
export function tileF32Rows2(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2>(a, b, c, cStride, k, accumulate);
}

/** 3 rows x 8 columns. */
export function tileF32Rows3(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3>(a, b, c, cStride, k, accumulate);
}

/** 4 rows x 8 columns. */
export function tileF32Rows4(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4>(a, b, c, cStride, k, accumulate);
}

/** 5 rows x 8 columns. */
export function tileF32Rows5(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5>(a, b, c, cStride, k, accumulate);
}

/** 6 rows x 8 columns. */
export function tileF32Rows6(a: usize, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6>(a, b, c, cStride, k, accumulate);
}

/**
 * m (at most rowBlock) x 8 outputs over one panel: every tile of a block of packed rows, from word `firstWord` on, k words.
 */
export function tileF32Panel(m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  const tiles = (m + 5) / 6;
  const shortRows = m / tiles;
  const longTiles = m % tiles;
  for (let index = 0; index < tiles; index++) {
    const rows = shortRows + i32(index < longTiles);
    const at = a + usize(firstWord * rows << 2);
    switch (rows) {
      case 6: tileF32Rows6(at, b, c, cStride, k, accumulate); break;
      case 5: tileF32Rows5(at, b, c, cStride, k, accumulate); break;
      case 4: tileF32Rows4(at, b, c, cStride, k, accumulate); break;
      case 3: tileF32Rows3(at, b, c, cStride, k, accumulate); break;
      case 2: tileF32Rows2(at, b, c, cStride, k, accumulate); break;
      default: tileF32Rows1(at, b, c, cStride, k, accumulate); break;
    }
    a += usize(rows) * rowBytes;
    c += usize(rows) * cStride;
  }
}
