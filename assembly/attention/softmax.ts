import { expLanes, maxLane, sumLanes } from "../math/exp";
import { multiplyAdd } from "../tile/multiplyAdd";

/**
 * One block of the online softmax, for one head: scores (padded with -Infinity to a multiple of 8) become
 * e^(score - m), where m is the largest score so far; `state` holds m and the running sum of exponentials.
 *
 * A block without any score above -Infinity (all masked) becomes zeros and leaves the state as it was.
 *
 * @returns the factor e^(oldM - m) by which what was summed before must shrink (1 where m did not change).
 */
export function softmaxBlock(scores: usize, paddedTokens: i32, state: usize): f32 {
  let lanes = f32x4.splat(-Infinity);
  for (let i = 0; i < paddedTokens; i += 4) lanes = f32x4.max(lanes, v128.load(scores + (usize(i) << 2)));
  const before = load<f32>(state);
  const largest = max(before, maxLane(lanes));
  if (largest == -Infinity) {
    // -Infinity minus itself is NaN, which would stay in the state for good.
    memory.fill(scores, 0, usize(paddedTokens) << 2);
    return 1;
  }
  const largestLanes = f32x4.splat(largest);
  let sums = f32x4.splat(0);
  for (let i = 0; i < paddedTokens; i += 4) {
    const at = scores + (usize(i) << 2);
    const p = expLanes(f32x4.sub(v128.load(at), largestLanes));
    v128.store(at, p);
    sums = f32x4.add(sums, p);
  }
  const shrink: f32 = before == largest ? 1 : f32x4.extract_lane(expLanes(f32x4.splat(before - largest)), 0);
  store<f32>(state, largest);
  store<f32>(state + 4, load<f32>(state + 4) * shrink + sumLanes(sums));
  return shrink;
}

/**
 * Sets m to -Infinity and the sum to 0 for `heads` heads (8 bytes each); where there are sinks, m to the head's sink and the sum to 1, the
 * exponential of the sink itself.
 */
export function softmaxStart(state: usize, sinks: usize, heads: i32): void {
  for (let head = 0; head < heads; head++) {
    const at = state + (usize(head) << 3);
    store<f32>(at, sinks ? load<f32>(sinks + (usize(head) << 2)) : -Infinity);
    store<f32>(at, sinks ? 1 : 0, 4);
  }
}

/** Scores of tokens outside from..to become -Infinity, whatever stands there. */
// @ts-ignore: decorator
@inline
export function maskOutside(scores: usize, from: i32, to: i32, paddedTokens: i32): void {
  for (let token = 0; token < from; token++) store<f32>(scores + (usize(token) << 2), -Infinity);
  for (let token = to; token < paddedTokens; token++) store<f32>(scores + (usize(token) << 2), -Infinity);
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
