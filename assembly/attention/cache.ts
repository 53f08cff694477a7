import { unitsPerValue } from "../math/steps";

/**
 * The KV cache of one sequence and one KV head: blocks of `blockTokens` tokens (a multiple of 8), one after the other.
 *
 * float32 block:  K  blockTokens / 8 panels of [headDim][8 tokens]            V  headDim / 8 panels of [blockTokens][8 dims]
 * int8 block:     K  blockTokens / 8 panels of [headDim / 4][8 tokens][4]     V  headDim / 8 panels of [blockTokens / 4][8 dims][4 tokens]
 *                 then blockTokens float32 K scales, then blockTokens float32 V scales (one scale a token: 2 x headDim + 8 bytes)
 *
 * So K is the packed right-hand side of scores = Q K^T, and V that of out = P V: the micro-kernels of tile/ read both as they lie.
 * headDim is a multiple of 8 here; the host pads it with zeros.
 */

/** Writes token `position` (k and v: headDim float32 each) into a float32 cache. */
export function appendF32(cache: usize, position: i32, k: usize, v: usize, headDim: i32, blockTokens: i32): void {
  const vectorBytes = usize(headDim) * usize(blockTokens) << 2;
  const block = cache + usize(position / blockTokens) * (vectorBytes << 1);
  const token = position % blockTokens;
  let kAt = block + usize(token >> 3) * (usize(headDim) << 5) + (usize(token & 7) << 2);
  for (let i = 0; i < headDim; i++) {
    store<f32>(kAt, load<f32>(k + (usize(i) << 2)));
    kAt += 32;
  }
  let vAt = block + vectorBytes + (usize(token) << 5);
  for (let i = 0; i < headDim; i += 8) {
    v128.store(vAt, v128.load(v + (usize(i) << 2)));
    v128.store(vAt, v128.load(v + (usize(i) << 2), 16), 16);
    vAt += usize(blockTokens) << 5;
  }
}

/** As appendF32, quantized to int8 with one scale for k and one for v (max / 127, round to nearest even). */
export function appendInt8(cache: usize, position: i32, k: usize, v: usize, headDim: i32, blockTokens: i32): void {
  const vectorBytes = usize(headDim) * usize(blockTokens);
  const block = cache + usize(position / blockTokens) * ((vectorBytes << 1) + (usize(blockTokens) << 3));
  const token = position % blockTokens;
  const scales = block + (vectorBytes << 1) + (usize(token) << 2);

  const kLargest = largestOf(k, headDim);
  const kInverse = unitsPerValue(127, kLargest);
  store<f32>(scales, kLargest / 127);
  const kPanel = block + usize(token >> 3) * (usize(headDim) << 3) + (usize(token & 7) << 2);
  for (let i = 0; i < headDim; i++) {
    store<i8>(kPanel + (usize(i >> 2) << 5) + (i & 3), i8(nearest(load<f32>(k + (usize(i) << 2)) * kInverse)));
  }

  const vLargest = largestOf(v, headDim);
  const vInverse = unitsPerValue(127, vLargest);
  store<f32>(scales + (usize(blockTokens) << 2), vLargest / 127);
  const vToken = block + vectorBytes + (usize(token >> 2) << 5) + (token & 3);
  for (let i = 0; i < headDim; i++) {
    store<i8>(vToken + usize(i >> 3) * (usize(blockTokens) << 3) + (usize(i & 7) << 2), i8(nearest(load<f32>(v + (usize(i) << 2)) * vInverse)));
  }
}

function largestOf(x: usize, count: i32): f32 {
  let lanes = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) lanes = f32x4.max(lanes, f32x4.abs(v128.load(x + (usize(i) << 2))));
  return max(
    max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
}
