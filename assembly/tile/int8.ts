import { int8DotInPairs, int8Panels } from "./choice";
import { dotAdd, dotAddInPairs, ones } from "./multiplyAdd";
import { Panels1, Panels2, Rows1, Rows2, Rows3, Rows4, Rows5, Rows6, tilesOf, zeros } from "./rows";

/**
 * Register-blocked int8 micro-kernel: R x 8 P int32 outputs from one tile of packed rows and P packed panels of 8 columns.
 *
 * a: k steps of R words of four activations in 0..127 (7 bits, zero point 64; rows.ts).
 * b: k steps of 8 columns x 4 consecutive int8 (32 bytes a step); further panels panelBytes apart.
 * c: R rows of 8 P int32, cStride bytes apart; read first where `accumulate` is not 0.
 *
 * k counts words. Integer sums are exact while 4 x k <= 132104 (128 x 127 x that stays below 2^31), so neither the tile nor the form D
 * of the dot changes a bit. Loop and sums are written as in f32.ts, for the same reasons.
 */
// @ts-ignore: decorator
@inline
function tile<R, P, D>(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  const from = accumulate ? c : zeros;
  const fromStride = accumulate ? cStride : 0;
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0), s02 = i32x4.splat(0), s03 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0), s12 = i32x4.splat(0), s13 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0), s22 = i32x4.splat(0), s23 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0), s32 = i32x4.splat(0), s33 = i32x4.splat(0);
  let s40 = i32x4.splat(0), s41 = i32x4.splat(0), s42 = i32x4.splat(0), s43 = i32x4.splat(0);
  let s50 = i32x4.splat(0), s51 = i32x4.splat(0), s52 = i32x4.splat(0), s53 = i32x4.splat(0);
  s00 = v128.load(from);
  s01 = v128.load(from, 16);
  if (offsetof<P>() > 4) {
    s02 = v128.load(from, 32);
    s03 = v128.load(from, 48);
  }
  if (offsetof<R>() > 4) {
    s10 = v128.load(from + 1 * fromStride);
    s11 = v128.load(from + 1 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s12 = v128.load(from + 1 * fromStride, 32);
      s13 = v128.load(from + 1 * fromStride, 48);
    }
  }
  if (offsetof<R>() > 8) {
    s20 = v128.load(from + 2 * fromStride);
    s21 = v128.load(from + 2 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s22 = v128.load(from + 2 * fromStride, 32);
      s23 = v128.load(from + 2 * fromStride, 48);
    }
  }
  if (offsetof<R>() > 12) {
    s30 = v128.load(from + 3 * fromStride);
    s31 = v128.load(from + 3 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s32 = v128.load(from + 3 * fromStride, 32);
      s33 = v128.load(from + 3 * fromStride, 48);
    }
  }
  if (offsetof<R>() > 16) {
    s40 = v128.load(from + 4 * fromStride);
    s41 = v128.load(from + 4 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s42 = v128.load(from + 4 * fromStride, 32);
      s43 = v128.load(from + 4 * fromStride, 48);
    }
  }
  if (offsetof<R>() > 20) {
    s50 = v128.load(from + 5 * fromStride);
    s51 = v128.load(from + 5 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s52 = v128.load(from + 5 * fromStride, 32);
      s53 = v128.load(from + 5 * fromStride, 48);
    }
  }
  let b0: v128, b1: v128, b2 = i32x4.splat(0), b3 = i32x4.splat(0), x: v128;
  const one = v128.load(ones);
  let second = b + panelBytes;
  for (let word = 0; word < k; word++) {
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    if (offsetof<P>() > 4) {
      b2 = v128.load(second);
      b3 = v128.load(second, 16);
    }
    x = v128.load32_splat(a);
    s00 = dot<D>(b0, x, s00, one);
    s01 = dot<D>(b1, x, s01, one);
    if (offsetof<P>() > 4) {
      s02 = dot<D>(b2, x, s02, one);
      s03 = dot<D>(b3, x, s03, one);
    }
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 4);
      s10 = dot<D>(b0, x, s10, one);
      s11 = dot<D>(b1, x, s11, one);
      if (offsetof<P>() > 4) {
        s12 = dot<D>(b2, x, s12, one);
        s13 = dot<D>(b3, x, s13, one);
      }
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = dot<D>(b0, x, s20, one);
      s21 = dot<D>(b1, x, s21, one);
      if (offsetof<P>() > 4) {
        s22 = dot<D>(b2, x, s22, one);
        s23 = dot<D>(b3, x, s23, one);
      }
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = dot<D>(b0, x, s30, one);
      s31 = dot<D>(b1, x, s31, one);
      if (offsetof<P>() > 4) {
        s32 = dot<D>(b2, x, s32, one);
        s33 = dot<D>(b3, x, s33, one);
      }
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 16);
      s40 = dot<D>(b0, x, s40, one);
      s41 = dot<D>(b1, x, s41, one);
      if (offsetof<P>() > 4) {
        s42 = dot<D>(b2, x, s42, one);
        s43 = dot<D>(b3, x, s43, one);
      }
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 20);
      s50 = dot<D>(b0, x, s50, one);
      s51 = dot<D>(b1, x, s51, one);
      if (offsetof<P>() > 4) {
        s52 = dot<D>(b2, x, s52, one);
        s53 = dot<D>(b3, x, s53, one);
      }
    }
    a += offsetof<R>();
    b += 32;
    if (offsetof<P>() > 4) {
      second += 32;
    }
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  if (offsetof<P>() > 4) {
    v128.store(c, s02, 32);
    v128.store(c, s03, 48);
  }
  if (offsetof<R>() > 4) {
    v128.store(c + 1 * cStride, s10);
    v128.store(c + 1 * cStride, s11, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 1 * cStride, s12, 32);
      v128.store(c + 1 * cStride, s13, 48);
    }
  }
  if (offsetof<R>() > 8) {
    v128.store(c + 2 * cStride, s20);
    v128.store(c + 2 * cStride, s21, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 2 * cStride, s22, 32);
      v128.store(c + 2 * cStride, s23, 48);
    }
  }
  if (offsetof<R>() > 12) {
    v128.store(c + 3 * cStride, s30);
    v128.store(c + 3 * cStride, s31, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 3 * cStride, s32, 32);
      v128.store(c + 3 * cStride, s33, 48);
    }
  }
  if (offsetof<R>() > 16) {
    v128.store(c + 4 * cStride, s40);
    v128.store(c + 4 * cStride, s41, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 4 * cStride, s42, 32);
      v128.store(c + 4 * cStride, s43, 48);
    }
  }
  if (offsetof<R>() > 20) {
    v128.store(c + 5 * cStride, s50);
    v128.store(c + 5 * cStride, s51, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 5 * cStride, s52, 32);
      v128.store(c + 5 * cStride, s53, 48);
    }
  }
}

// @ts-ignore: decorator
@inline
function dot<D>(signed: v128, unsigned: v128, sums: v128, one: v128): v128 {
  return offsetof<D>() > 4 ? dotAddInPairs(signed, unsigned, sums, one) : dotAdd(signed, unsigned, sums);
}

/** Forms of the dot as types, told apart by their size. */
@unmanaged class Fused { a: u32 = 0; }
@unmanaged class InPairs { a: u32 = 0; b: u32 = 0; }

/** 1 row x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows1Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows2Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows3Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows4Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows5Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 8 columns, the dot as one instruction. */
export function tileInt8FusedRows6Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels1, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 1 row x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows1Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows2Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows3Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows4Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows5Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 16 columns, the dot as one instruction. */
export function tileInt8FusedRows6Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels2, Fused>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 1 row x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows1Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows2Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows3Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows4Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows5Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 8 columns, the dot in pairs. */
export function tileInt8InPairsRows6Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels1, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 1 row x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows1Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows2Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows3Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows4Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows5Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 16 columns, the dot in pairs. */
export function tileInt8InPairsRows6Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels2, InPairs>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** One tile of `rows` rows (1 to 6) and `panels` panels (1 or 2); the dot in pairs where `inPairs` is not 0. */
export function tileInt8Any(inPairs: i32, rows: i32, panels: i32, a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  // 64 x inPairs + 8 x panels + rows.
  switch ((inPairs << 6) + (panels << 3) + rows) {
    case 9: tileInt8FusedRows1Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 10: tileInt8FusedRows2Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 11: tileInt8FusedRows3Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 12: tileInt8FusedRows4Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 13: tileInt8FusedRows5Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 14: tileInt8FusedRows6Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 17: tileInt8FusedRows1Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 18: tileInt8FusedRows2Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 19: tileInt8FusedRows3Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 20: tileInt8FusedRows4Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 21: tileInt8FusedRows5Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 22: tileInt8FusedRows6Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 73: tileInt8InPairsRows1Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 74: tileInt8InPairsRows2Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 75: tileInt8InPairsRows3Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 76: tileInt8InPairsRows4Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 77: tileInt8InPairsRows5Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 78: tileInt8InPairsRows6Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 81: tileInt8InPairsRows1Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 82: tileInt8InPairsRows2Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 83: tileInt8InPairsRows3Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 84: tileInt8InPairsRows4Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 85: tileInt8InPairsRows5Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 86: tileInt8InPairsRows6Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
  }
}

/** As tileF32Panels: every tile of a block of packed rows over `panels` panels. */
export function tileInt8Panels(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
): void {
  const tiles = tilesOf(m);
  const shortRows = m / tiles;
  const longTiles = m % tiles;
  // One or two rows wait for memory: panels that follow each other in memory come faster than two at a time.
  const most = m > 2 ? int8Panels : 1;
  for (let panel = 0; panel < panels;) {
    const atOnce = min(most, panels - panel);
    let aTile = a;
    let cTile = c;
    for (let index = 0; index < tiles; index++) {
      const rows = shortRows + i32(index < longTiles);
      tileInt8Any(int8DotInPairs, rows, atOnce, aTile + usize(firstWord * rows << 2), b, panelBytes, cTile, cStride, k, accumulate);
      aTile += usize(rows) * rowBytes;
      cTile += usize(rows) * cStride;
    }
    panel += atOnce;
    b += usize(atOnce) * panelBytes;
    c += usize(atOnce) << 5;
  }
}

/** As tileInt8Panels over one panel. */
export function tileInt8Panel(m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tileInt8Panels(m, a, rowBytes, firstWord, b, 0, 1, c, cStride, k, accumulate);
}
