import { multiplyAdd } from "../tile/multiplyAdd";
import { tileF32Rows3, tileF32Rows4, tileF32Rows5, tileF32Rows6 } from "../tile/f32";
import { tileInt8Rows3, tileInt8Rows4, tileInt8Rows5, tileInt8Rows6 } from "../tile/int8";

/** Runs the float32 tile of `rows` (3..6) x 8 `repeats` times over operands that stay in L1: 16 x rows x k FLOPs a time. */
export function roofTileF32(rows: i32, a: usize, b: usize, c: usize, k: i32, repeats: i32): void {
  for (let repeat = 0; repeat < repeats; repeat++) {
    switch (rows) {
      case 3: tileF32Rows3(a, b, c, 32, k, 0); break;
      case 4: tileF32Rows4(a, b, c, 32, k, 0); break;
      case 5: tileF32Rows5(a, b, c, 32, k, 0); break;
      default: tileF32Rows6(a, b, c, 32, k, 0); break;
    }
  }
}

/** As roofTileF32 for int8 tiles: 64 x rows x k operations a time (k groups of four). */
export function roofTileInt8(rows: i32, a: usize, b: usize, c: usize, k: i32, repeats: i32): void {
  for (let repeat = 0; repeat < repeats; repeat++) {
    switch (rows) {
      case 3: tileInt8Rows3(a, b, c, 32, k, 0); break;
      case 4: tileInt8Rows4(a, b, c, 32, k, 0); break;
      case 5: tileInt8Rows5(a, b, c, 32, k, 0); break;
      default: tileInt8Rows6(a, b, c, 32, k, 0); break;
    }
  }
}

/** A 3 x 16 float32 tile (12 sums, 4 vectors of b), `repeats` times over L1: 96 x k FLOPs a time. A form the matmul does not use. */
export function roofWideF32(a: usize, b: usize, c: usize, k: i32, repeats: i32): void {
  for (let repeat = 0; repeat < repeats; repeat++) {
    let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s02 = f32x4.splat(0), s03 = f32x4.splat(0);
    let s10 = f32x4.splat(0), s11 = f32x4.splat(0), s12 = f32x4.splat(0), s13 = f32x4.splat(0);
    let s20 = f32x4.splat(0), s21 = f32x4.splat(0), s22 = f32x4.splat(0), s23 = f32x4.splat(0);
    let aAt = a;
    let bAt = b;
    for (let step = 0; step < k; step++) {
      const x0 = v128.load32_splat(aAt);
      const x1 = v128.load32_splat(aAt, 4);
      const x2 = v128.load32_splat(aAt, 8);
      const b0 = v128.load(bAt);
      s00 = multiplyAdd(x0, b0, s00); s10 = multiplyAdd(x1, b0, s10); s20 = multiplyAdd(x2, b0, s20);
      const b1 = v128.load(bAt, 16);
      s01 = multiplyAdd(x0, b1, s01); s11 = multiplyAdd(x1, b1, s11); s21 = multiplyAdd(x2, b1, s21);
      const b2 = v128.load(bAt, 32);
      s02 = multiplyAdd(x0, b2, s02); s12 = multiplyAdd(x1, b2, s12); s22 = multiplyAdd(x2, b2, s22);
      const b3 = v128.load(bAt, 48);
      s03 = multiplyAdd(x0, b3, s03); s13 = multiplyAdd(x1, b3, s13); s23 = multiplyAdd(x2, b3, s23);
      aAt += 12;
      bAt += 64;
    }
    const row0 = f32x4.add(f32x4.add(s00, s01), f32x4.add(s02, s03));
    const row1 = f32x4.add(f32x4.add(s10, s11), f32x4.add(s12, s13));
    const row2 = f32x4.add(f32x4.add(s20, s21), f32x4.add(s22, s23));
    v128.store(c, f32x4.add(row0, f32x4.add(row1, row2)));
  }
}

/** `rounds` x 32 dependent 64-bit adds and xors, one cycle each: how fast the clock runs. */
export function clockCycles(rounds: i32): i32 {
  // An operand that the compiler can't know: an add of a constant can be folded into the next one by the processor itself.
  const step = i64(rounds) | 1;
  let x: i64 = step;
  for (let round = 0; round < rounds; round++) {
    x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step;
    x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step;
    x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step;
    x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step; x = (x + step) ^ step;
  }
  return i32(x);
}

/** Reads `bytes` (a multiple of 128) once, `repeats` times over: read bandwidth at this working set. @returns a sum that keeps the loads. */
export function readBytes(source: usize, bytes: i32, repeats: i32): i32 {
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let at = source; at < source + usize(bytes); at += 128) {
      s0 = v128.or(s0, v128.load(at)); s1 = v128.or(s1, v128.load(at, 16));
      s2 = v128.or(s2, v128.load(at, 32)); s3 = v128.or(s3, v128.load(at, 48));
      s0 = v128.or(s0, v128.load(at, 64)); s1 = v128.or(s1, v128.load(at, 80));
      s2 = v128.or(s2, v128.load(at, 96)); s3 = v128.or(s3, v128.load(at, 112));
    }
  }
  const all = v128.or(v128.or(s0, s1), v128.or(s2, s3));
  return i32x4.extract_lane(all, 0) | i32x4.extract_lane(all, 1) | i32x4.extract_lane(all, 2) | i32x4.extract_lane(all, 3);
}
