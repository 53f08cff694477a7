import { maxLane, sumLanes } from "../math/exp";
import { exp2Lanes, log2e } from "../math/exp2";
import { multiplyAdd } from "../tile/multiplyAdd";

/**
 * The online softmax, block by block of tokens. Scores are in powers of two: times log2 e. A head's state (8 bytes) holds m, its largest
 * score so far, and the sum of 2^(score - m).
 *
 * For each head and block: the largest score of the block, softmaxShrink, then the weights.
 */

/**
 * Sets m to -Infinity and the sum to 0 for `heads` heads; where there are sinks, m to the head's sink and the sum to 1, the exponential
 * of the sink itself.
 */
export function softmaxStart(state: usize, sinks: usize, heads: i32): void {
  for (let head = 0; head < heads; head++) {
    const at = state + (usize(head) << 3);
    const sink: f32 = sinks ? load<f32>(sinks + (usize(head) << 2)) * log2e : -Infinity;
    store<f32>(at, sink);
    store<f32>(at, sink == -Infinity ? 0 : 1, 4);
  }
}

/** Scores of tokens outside from..to become -Infinity, whatever stands there. */
// @ts-ignore: decorator
@inline
export function maskOutside(scores: usize, from: i32, to: i32, paddedTokens: i32): void {
  for (let token = 0; token < from; token++) store<f32>(scores + (usize(token) << 2), -Infinity);
  for (let token = to; token < paddedTokens; token++) store<f32>(scores + (usize(token) << 2), -Infinity);
}

/** Largest of `count` float32 (a multiple of 4); NaN if one is. */
export function largestOf(x: usize, count: i32): f32 {
  let lanes = f32x4.splat(-Infinity);
  let isNan = i32x4.splat(0);
  for (let at: usize = 0; at < usize(count) << 2; at += 16) {
    const four = v128.load(x + at);
    lanes = f32x4.pmax(lanes, four);
    isNan = v128.or(isNan, f32x4.ne(four, four));
  }
  return largestLane(lanes, isNan);
}

/** Largest of four lanes that f32x4.pmax has gathered, passing over NaN; NaN where a lane of isNan is set. */
// @ts-ignore: decorator
@inline
export function largestLane(lanes: v128, isNan: v128): f32 {
  return v128.any_true(isNan) ? NaN : maxLane(lanes);
}

/**
 * Takes a block's largest score into the state, whose sum shrinks.
 *
 * A score that is NaN or Infinity makes m, sum and factor NaN, and with them the head's output. A block without any score above
 * -Infinity (all masked) leaves the state as it was.
 *
 * @returns the factor 2^(oldM - m) by which what was summed before must shrink (1 where m did not change, or nothing was summed).
 */
export function softmaxShrink(state: usize, blockLargest: f32): f32 {
  const before = load<f32>(state);
  const largest = max(before, blockLargest);
  if (!(largest < Infinity)) {
    store<f32>(state, NaN);
    store<f32>(state, NaN, 4);
    return NaN;
  }
  store<f32>(state, largest);
  // -Infinity minus itself is NaN, and so it is with nothing summed yet.
  if (largest == before || before == -Infinity) return 1;
  const shrink = exp2(before - largest);
  store<f32>(state, load<f32>(state, 4) * shrink, 4);
  return shrink;
}

/** 2^x for x at or below 0, NaN staying NaN. */
// @ts-ignore: decorator
@inline
export function exp2(x: f32): f32 {
  return x == x ? f32x4.extract_lane(exp2Lanes(f32x4.splat(x)), 0) : NaN;
}

/** Scores become 2^(score - m), packed for P V: words `stride` bytes apart (tile/rows.ts). Their sum goes to the state. */
export function packWeights(scores: usize, paddedTokens: i32, state: usize, packed: usize, stride: usize): void {
  const largest = f32x4.splat(load<f32>(state));
  let sums = f32x4.splat(0);
  for (let at: usize = 0; at < usize(paddedTokens) << 2; at += 16) {
    const p = exp2Lanes(f32x4.sub(v128.load(scores + at), largest));
    sums = f32x4.add(sums, p);
    v128.store_lane<u32>(packed, p, 0);
    v128.store_lane<u32>(packed + stride, p, 1);
    v128.store_lane<u32>(packed + stride * 2, p, 2);
    v128.store_lane<u32>(packed + stride * 3, p, 3);
    packed += stride << 2;
  }
  store<f32>(state, load<f32>(state, 4) + sumLanes(sums), 4);
}

/**
 * Scores become 2^(score - m) x the scale of their token's V, in place; the sum of the exponentials goes to the state. Tokens outside
 * from..to become 0: their scales may be anything.
 *
 * @returns the largest product; NaN if one is.
 */
export function scaledWeights(scores: usize, vScales: usize, from: i32, to: i32, paddedTokens: i32, state: usize): f32 {
  const largest = f32x4.splat(load<f32>(state));
  let sums = f32x4.splat(0);
  let most = f32x4.splat(0);
  let isNan = i32x4.splat(0);
  for (let at: usize = 0; at < usize(paddedTokens) << 2; at += 16) {
    const p = exp2Lanes(f32x4.sub(v128.load(scores + at), largest));
    const scaled = f32x4.mul(p, v128.load(vScales + at));
    sums = f32x4.add(sums, p);
    most = f32x4.pmax(most, scaled);
    isNan = v128.or(isNan, f32x4.ne(scaled, scaled));
    v128.store(scores + at, scaled);
  }
  store<f32>(state, load<f32>(state, 4) + sumLanes(sums), 4);
  if (to - from == paddedTokens) return largestLane(most, isNan);
  for (let token = 0; token < from; token++) store<f32>(scores + (usize(token) << 2), 0);
  for (let token = to; token < paddedTokens; token++) store<f32>(scores + (usize(token) << 2), 0);
  return largestOf(scores, paddedTokens);
}

/** x *= factor over `count` (a multiple of 4) float32. */
// @ts-ignore: decorator
@inline
export function scaleRow(x: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let i = 0; i < count; i += 4) {
    const at = x + (usize(i) << 2);
    v128.store(at, f32x4.mul(v128.load(at), factors));
  }
}

/** x = x x factor + sums x step over `count` (a multiple of 4): float32 outputs take in one block of int32 sums. */
// @ts-ignore: decorator
@inline
export function scaleAndAddSums(x: usize, sums: usize, count: i32, factor: f32, step: f32): void {
  const factors = f32x4.splat(factor);
  const steps = f32x4.splat(step);
  for (let i = 0; i < count; i += 4) {
    const at = usize(i) << 2;
    const added = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums + at)), steps);
    v128.store(x + at, multiplyAdd(v128.load(x + at), factors, added));
  }
}
