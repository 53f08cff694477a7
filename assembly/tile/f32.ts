import { f32Panels } from "./choice";
import { multiplyAdd } from "./multiplyAdd";
import { Panels1, Panels2, Panels4, panelsAtOnce, Rows1, Rows2, Rows3, Rows4, Rows5, Rows6, tilesOf, zeros } from "./rows";

/**
 * Register-blocked float32 micro-kernel: R x 8 P outputs from one tile of packed rows and P packed panels of 8 columns.
 *
 * a: k steps of R float32 (rows.ts). b: k steps of 8 float32 (32 bytes a step); further panels panelBytes apart.
 * c: R rows of 8 P float32, cStride bytes apart; read first where `accumulate` is not 0.
 *
 * 6 x 8 fills 12 of 16 vector registers with sums, two with b and one with the broadcast a. 6 x 16 does so where the engine fuses
 * the two vectors of a panel into one of 256 bits. Each output is one chain of multiply-adds over k in rising order, whatever R and P
 * are: a row's bits depend neither on the other rows nor on the tile.
 *
 * Written for the engine (V8 14.6, docs/kernels/tiles.md): k is not unrolled, since over several steps V8 moves multiply-adds past each
 * other and spills sums; sums always begin with a load, since V8 fuses no pair that begins with zeros in one branch and loads in the
 * other. The sums live in locals, spelled out, because WASM has no arrays of registers.
 */
// @ts-ignore: decorator
@inline
function tile<R, P>(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  const from = accumulate ? c : zeros;
  const fromStride = accumulate ? cStride : 0;
  let s00 = i32x4.splat(0), s01 = i32x4.splat(0), s02 = i32x4.splat(0), s03 = i32x4.splat(0);
  let s10 = i32x4.splat(0), s11 = i32x4.splat(0), s12 = i32x4.splat(0), s13 = i32x4.splat(0);
  let s20 = i32x4.splat(0), s21 = i32x4.splat(0), s22 = i32x4.splat(0), s23 = i32x4.splat(0);
  let s30 = i32x4.splat(0), s31 = i32x4.splat(0), s32 = i32x4.splat(0), s33 = i32x4.splat(0);
  let s40 = i32x4.splat(0), s41 = i32x4.splat(0), s42 = i32x4.splat(0), s43 = i32x4.splat(0);
  let s50 = i32x4.splat(0), s51 = i32x4.splat(0), s52 = i32x4.splat(0), s53 = i32x4.splat(0);
  let s04 = i32x4.splat(0), s05 = i32x4.splat(0), s06 = i32x4.splat(0), s07 = i32x4.splat(0);
  let s14 = i32x4.splat(0), s15 = i32x4.splat(0), s16 = i32x4.splat(0), s17 = i32x4.splat(0);
  s00 = v128.load(from);
  s01 = v128.load(from, 16);
  if (offsetof<P>() > 4) {
    s02 = v128.load(from, 32);
    s03 = v128.load(from, 48);
  }
  if (offsetof<P>() > 8) {
    s04 = v128.load(from, 64);
    s05 = v128.load(from, 80);
    s06 = v128.load(from, 96);
    s07 = v128.load(from, 112);
  }
  if (offsetof<R>() > 4) {
    s10 = v128.load(from + 1 * fromStride);
    s11 = v128.load(from + 1 * fromStride, 16);
    if (offsetof<P>() > 4) {
      s12 = v128.load(from + 1 * fromStride, 32);
      s13 = v128.load(from + 1 * fromStride, 48);
    }
    if (offsetof<P>() > 8) {
      s14 = v128.load(from + 1 * fromStride, 64);
      s15 = v128.load(from + 1 * fromStride, 80);
      s16 = v128.load(from + 1 * fromStride, 96);
      s17 = v128.load(from + 1 * fromStride, 112);
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
  let b0: v128, b1: v128, b2 = i32x4.splat(0), b3 = i32x4.splat(0), b4 = i32x4.splat(0), b5 = i32x4.splat(0), b6 = i32x4.splat(0), b7 = i32x4.splat(0), x: v128;
  let second = b + panelBytes, third = second + panelBytes, fourth = third + panelBytes;
  for (let word = 0; word < k; word++) {
    b0 = v128.load(b);
    b1 = v128.load(b, 16);
    if (offsetof<P>() > 4) {
      b2 = v128.load(second);
      b3 = v128.load(second, 16);
    }
    if (offsetof<P>() > 8) {
      b4 = v128.load(third);
      b5 = v128.load(third, 16);
      b6 = v128.load(fourth);
      b7 = v128.load(fourth, 16);
    }
    x = v128.load32_splat(a);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    if (offsetof<P>() > 4) {
      s02 = multiplyAdd(x, b2, s02);
      s03 = multiplyAdd(x, b3, s03);
    }
    if (offsetof<P>() > 8) {
      s04 = multiplyAdd(x, b4, s04);
      s05 = multiplyAdd(x, b5, s05);
      s06 = multiplyAdd(x, b6, s06);
      s07 = multiplyAdd(x, b7, s07);
    }
    if (offsetof<R>() > 4) {
      x = v128.load32_splat(a, 4);
      s10 = multiplyAdd(x, b0, s10);
      s11 = multiplyAdd(x, b1, s11);
      if (offsetof<P>() > 4) {
        s12 = multiplyAdd(x, b2, s12);
        s13 = multiplyAdd(x, b3, s13);
      }
      if (offsetof<P>() > 8) {
        s14 = multiplyAdd(x, b4, s14);
        s15 = multiplyAdd(x, b5, s15);
        s16 = multiplyAdd(x, b6, s16);
        s17 = multiplyAdd(x, b7, s17);
      }
    }
    if (offsetof<R>() > 8) {
      x = v128.load32_splat(a, 8);
      s20 = multiplyAdd(x, b0, s20);
      s21 = multiplyAdd(x, b1, s21);
      if (offsetof<P>() > 4) {
        s22 = multiplyAdd(x, b2, s22);
        s23 = multiplyAdd(x, b3, s23);
      }
    }
    if (offsetof<R>() > 12) {
      x = v128.load32_splat(a, 12);
      s30 = multiplyAdd(x, b0, s30);
      s31 = multiplyAdd(x, b1, s31);
      if (offsetof<P>() > 4) {
        s32 = multiplyAdd(x, b2, s32);
        s33 = multiplyAdd(x, b3, s33);
      }
    }
    if (offsetof<R>() > 16) {
      x = v128.load32_splat(a, 16);
      s40 = multiplyAdd(x, b0, s40);
      s41 = multiplyAdd(x, b1, s41);
      if (offsetof<P>() > 4) {
        s42 = multiplyAdd(x, b2, s42);
        s43 = multiplyAdd(x, b3, s43);
      }
    }
    if (offsetof<R>() > 20) {
      x = v128.load32_splat(a, 20);
      s50 = multiplyAdd(x, b0, s50);
      s51 = multiplyAdd(x, b1, s51);
      if (offsetof<P>() > 4) {
        s52 = multiplyAdd(x, b2, s52);
        s53 = multiplyAdd(x, b3, s53);
      }
    }
    a += offsetof<R>();
    b += 32;
    if (offsetof<P>() > 4) {
      second += 32;
    }
    if (offsetof<P>() > 8) {
      third += 32;
      fourth += 32;
    }
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  if (offsetof<P>() > 4) {
    v128.store(c, s02, 32);
    v128.store(c, s03, 48);
  }
  if (offsetof<P>() > 8) {
    v128.store(c, s04, 64);
    v128.store(c, s05, 80);
    v128.store(c, s06, 96);
    v128.store(c, s07, 112);
  }
  if (offsetof<R>() > 4) {
    v128.store(c + 1 * cStride, s10);
    v128.store(c + 1 * cStride, s11, 16);
    if (offsetof<P>() > 4) {
      v128.store(c + 1 * cStride, s12, 32);
      v128.store(c + 1 * cStride, s13, 48);
    }
    if (offsetof<P>() > 8) {
      v128.store(c + 1 * cStride, s14, 64);
      v128.store(c + 1 * cStride, s15, 80);
      v128.store(c + 1 * cStride, s16, 96);
      v128.store(c + 1 * cStride, s17, 112);
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

/** 1 row x 8 columns. */
export function tileF32Rows1Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 8 columns. */
export function tileF32Rows2Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 8 columns. */
export function tileF32Rows3Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 8 columns. */
export function tileF32Rows4Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 8 columns. */
export function tileF32Rows5Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 8 columns. */
export function tileF32Rows6Columns8(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels1>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 1 row x 16 columns. */
export function tileF32Rows1Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 16 columns. */
export function tileF32Rows2Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 3 rows x 16 columns. */
export function tileF32Rows3Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows3, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 4 rows x 16 columns. */
export function tileF32Rows4Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows4, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 5 rows x 16 columns. */
export function tileF32Rows5Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows5, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 6 rows x 16 columns. */
export function tileF32Rows6Columns16(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows6, Panels2>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 1 row x 32 columns. */
export function tileF32Rows1Columns32(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows1, Panels4>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** 2 rows x 32 columns. */
export function tileF32Rows2Columns32(a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tile<Rows2, Panels4>(a, b, panelBytes, c, cStride, k, accumulate);
}

/** One tile of `rows` rows (1 to 6) and `panels` panels: 1, 2, or 4 where there are at most 2 rows. */
export function tileF32Any(rows: i32, panels: i32, a: usize, b: usize, panelBytes: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  // 8 x panels + rows.
  switch ((panels << 3) + rows) {
    case 9: tileF32Rows1Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 10: tileF32Rows2Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 11: tileF32Rows3Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 12: tileF32Rows4Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 13: tileF32Rows5Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 14: tileF32Rows6Columns8(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 17: tileF32Rows1Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 18: tileF32Rows2Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 19: tileF32Rows3Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 20: tileF32Rows4Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 21: tileF32Rows5Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 22: tileF32Rows6Columns16(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 33: tileF32Rows1Columns32(a, b, panelBytes, c, cStride, k, accumulate); break;
    case 34: tileF32Rows2Columns32(a, b, panelBytes, c, cStride, k, accumulate); break;
  }
}

/**
 * m (at most rowBlock) x 8 `panels` outputs: every tile of a block of packed rows over as many panels at a time as this host's registers
 * hold, from word `firstWord` on, k words.
 */
export function tileF32Panels(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
): void {
  const tiles = tilesOf(m);
  const shortRows = m / tiles;
  const longTiles = m % tiles;
  for (let panel = 0; panel < panels;) {
    const atOnce = panelsAtOnce(m, f32Panels, panels - panel);
    let aTile = a;
    let cTile = c;
    for (let index = 0; index < tiles; index++) {
      const rows = shortRows + i32(index < longTiles);
      tileF32Any(rows, atOnce, aTile + usize(firstWord * rows << 2), b, panelBytes, cTile, cStride, k, accumulate);
      aTile += usize(rows) * rowBytes;
      cTile += usize(rows) * cStride;
    }
    panel += atOnce;
    b += usize(atOnce) * panelBytes;
    c += usize(atOnce) << 5;
  }
}

/** As tileF32Panels over one panel. */
export function tileF32Panel(m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, c: usize, cStride: usize, k: i32, accumulate: i32): void {
  tileF32Panels(m, a, rowBytes, firstWord, b, 0, 1, c, cStride, k, accumulate);
}
