import { unitsPerValue } from "../math/steps";
import { bitsOf, storeFloat, storeWhole, storedBf16, storedF32, storedFp8, storedInt4, storedInt8 } from "./storage";

/**
 * The KV cache of one sequence and one KV head: blocks of 256 tokens. Block b lies at cache + index x blockStride, index being b, or entry
 * b of a block table (uint32) where `table` is not 0: blocks may then lie in any order.
 *
 * float block (f32, BF16, FP8):  K  32 panels of [keyDim][8 tokens]           V  valueDim / 8 panels of [256][8 dims]
 * int block (int8, int4):        K  32 panels of [keyDim / 4][8 tokens][4]     V  valueDim / 8 panels of [64][8 dims][4 tokens]
 *                                then 256 float32 K scales, then 256 float32 V scales (one a token)
 * latent block (MLA):            K as above, no V: the values are the first valueDim of each key. Scales: of these, then of the rest.
 *
 * So K is the packed right-hand side of scores = Q K^T, and V that of out = P V: the micro-kernels of tile/ read both as they lie.
 * keyDim and valueDim are multiples of 8 here; the host pads them with zeros. V begins valueOffset bytes into a block (0: latent), the
 * scales scaleOffset.
 */
export const blockTokens = 256;

// @ts-ignore: decorator
@inline
export function blockAddress(cache: usize, blockStride: usize, table: usize, block: i32): usize {
  return cache + usize(table ? load<u32>(table + (usize(block) << 2)) : u32(block)) * blockStride;
}

/** Bytes of a panel: 8 columns of k values. */
// @ts-ignore: decorator
@inline
export function panelBytes(k: i32, storage: i32): usize {
  return usize(k) * usize(bitsOf(storage));
}

/** Writes token `position` into a cache: k holds keyDim float32, v valueDim (latent: v is not read). */
export function appendToken(
  cache: usize, blockStride: usize, table: usize, valueOffset: usize, scaleOffset: usize,
  position: i32, k: usize, v: usize, keyDim: i32, valueDim: i32, storage: i32,
): void {
  const block = blockAddress(cache, blockStride, table, position / blockTokens);
  const token = position % blockTokens;
  switch (storage) {
    case storedF32: appendFloats(block, valueOffset, token, k, v, keyDim, valueDim, storedF32); break;
    case storedBf16: appendFloats(block, valueOffset, token, k, v, keyDim, valueDim, storedBf16); break;
    case storedFp8: appendFloats(block, valueOffset, token, k, v, keyDim, valueDim, storedFp8); break;
    case storedInt8: appendWhole(block, valueOffset, scaleOffset, token, k, v, keyDim, valueDim, storedInt8, 127); break;
    default: appendWhole(block, valueOffset, scaleOffset, token, k, v, keyDim, valueDim, storedInt4, 7); break;
  }
}

// @ts-ignore: decorator
@inline
function appendFloats(block: usize, valueOffset: usize, token: i32, k: usize, v: usize, keyDim: i32, valueDim: i32, storage: i32): void {
  const bytes = usize(bitsOf(storage) >> 3);
  let at = block + usize(token >> 3) * panelBytes(keyDim, storage) + usize(token & 7) * bytes;
  for (let i = 0; i < keyDim; i++) {
    storeFloat(at, load<f32>(k + (usize(i) << 2)), storage);
    at += bytes << 3;
  }
  if (!valueOffset) return;
  at = block + valueOffset + (usize(token) << 3) * bytes;
  for (let i = 0; i < valueDim; i += 8) {
    for (let part = 0; part < 8; part++) storeFloat(at + usize(part) * bytes, load<f32>(v + (usize(i + part) << 2)), storage);
    at += panelBytes(blockTokens, storage);
  }
}

/** Whole numbers up to `steps` with one scale for k and one for v (largest / steps, nearest, ties to even). */
// @ts-ignore: decorator
@inline
function appendWhole(
  block: usize, valueOffset: usize, scaleOffset: usize, token: i32,
  k: usize, v: usize, keyDim: i32, valueDim: i32, storage: i32, steps: f32,
): void {
  const scales = block + scaleOffset + (usize(token) << 2);
  const panel = block + usize(token >> 3) * panelBytes(keyDim, storage);
  if (!valueOffset) {
    appendKey(panel, scales, token, k, 0, valueDim, storage, steps);
    appendKey(panel, scales + (blockTokens << 2), token, k, valueDim, keyDim, storage, steps);
    return;
  }
  appendKey(panel, scales, token, k, 0, keyDim, storage, steps);
  const largest = largestOf(v, valueDim);
  const units = unitsPerValue(steps, largest);
  store<f32>(scales + (blockTokens << 2), largest / steps);
  const stepBytes = usize(bitsOf(storage)) << 2;
  let at = block + valueOffset + usize(token >> 2) * stepBytes;
  for (let i = 0; i < valueDim; i += 8) {
    for (let dim = 0; dim < 8; dim++) {
      storeWhole(at, (dim << 2) + (token & 3), i32(nearest(load<f32>(v + (usize(i + dim) << 2)) * units)), storage);
    }
    at += panelBytes(blockTokens, storage);
  }
}

/** Elements first..last (exclusive) of a key, with a scale of their own. */
// @ts-ignore: decorator
@inline
function appendKey(panel: usize, scale: usize, token: i32, k: usize, first: i32, last: i32, storage: i32, steps: f32): void {
  const largest = largestOf(k + (usize(first) << 2), last - first);
  const units = unitsPerValue(steps, largest);
  store<f32>(scale, largest / steps);
  const stepBytes = usize(bitsOf(storage)) << 2;
  for (let i = first; i < last; i++) {
    const q = i32(nearest(load<f32>(k + (usize(i) << 2)) * units));
    storeWhole(panel + usize(i >> 2) * stepBytes, ((token & 7) << 2) + (i & 3), q, storage);
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
