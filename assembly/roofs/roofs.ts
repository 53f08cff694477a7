import { tileF32Any } from "../tile/f32";
import { tileInt8Any } from "../tile/int8";

/**
 * Runs the float32 tile of `rows` x 8 `panels` `repeats` times over operands that stay in L1: 16 x rows x panels x k FLOPs a time. Panels lie
 * one after the other, a row of c takes 32 `panels` bytes.
 */
export function roofTileF32(rows: i32, panels: i32, a: usize, b: usize, c: usize, k: i32, repeats: i32): void {
  for (let repeat = 0; repeat < repeats; repeat++) tileF32Any(rows, panels, a, b, usize(k) << 5, c, usize(panels) << 5, k, 0);
}

/** As roofTileF32 for int8 tiles: 64 x rows x panels x k operations a time (k groups of four). */
export function roofTileInt8(inPairs: i32, rows: i32, panels: i32, a: usize, b: usize, c: usize, k: i32, repeats: i32): void {
  for (let repeat = 0; repeat < repeats; repeat++) {
    tileInt8Any(inPairs, rows, panels, a, b, usize(k) << 5, c, usize(panels) << 5, k, 0);
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
