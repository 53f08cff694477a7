import { quantizeRows } from "../linear/quantize";
import { maxLane } from "../math/exp";
import { unitsPerValue } from "../math/steps";
import { tileF32Panel } from "../tile/f32";
import { tileInt8Panel } from "../tile/int8";
import { packRows, placeInTile, rowsOfTile } from "../tile/rows";
import { scaleAndAddSums, scaleRow, softmaxBlock, softmaxFactor, softmaxStart } from "./softmax";

/**
 * One decode step of softmax(Q K^T x scale) V for `heads` query heads (at most 288) that share one KV head, over kvTokens cached tokens.
 *
 * q: heads rows of headDim float32 (MFA, MQA: all heads; GQA: one group). cache: see cache.ts. out: heads rows of headDim float32.
 * Rows of q and out are qStride and outStride bytes apart. scratch: heads x (headDim + 2 x blockTokens + 2) float32.
 * A head without any score above -Infinity gives zeros.
 * Block by block: scores of all heads against a K panel (read once from memory, then from L1), online softmax, then P V panel by panel.
 */
export function attentionCoreF32(
  q: usize, qStride: usize, cache: usize, out: usize, outStride: usize, scratch: usize,
  heads: i32, headDim: i32, kvTokens: i32, blockTokens: i32, scale: f32,
): void {
  const headBytes = usize(headDim) << 2;
  const scoreStride = usize(blockTokens) << 2;
  const packedQ = scratch;
  const scores = packedQ + usize(heads) * headBytes;
  const packedP = scores + usize(heads) * scoreStride;
  const state = packedP + usize(heads) * scoreStride;
  const vectorBytes = headBytes * usize(blockTokens);
  packRows(q, qStride, packedQ, headBytes, heads, 0, heads, headDim);
  softmaxStart(state, heads);
  for (let head = 0; head < heads; head++) memory.fill(out + usize(head) * outStride, 0, headBytes);

  for (let first = 0; first < kvTokens; first += blockTokens) {
    const tokens = min(blockTokens, kvTokens - first);
    const paddedTokens = (tokens + 7) & ~7;
    for (let panel = 0; panel < paddedTokens >> 3; panel++) {
      tileF32Panel(heads, packedQ, headBytes, 0, cache + usize(panel) * (headBytes << 3), scores + (usize(panel) << 5), scoreStride, headDim, 0);
    }
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride;
      scaleRow(row, paddedTokens, scale);
      for (let token = tokens; token < paddedTokens; token++) store<f32>(row + (usize(token) << 2), -Infinity);
      const shrink = softmaxBlock(row, paddedTokens, state + (usize(head) << 3));
      if (shrink != 1) scaleRow(out + usize(head) * outStride, headDim, shrink);
    }
    packRows(scores, scoreStride, packedP, scoreStride, heads, 0, heads, paddedTokens);
    const v = cache + vectorBytes;
    for (let panel = 0; panel < headDim >> 3; panel++) {
      tileF32Panel(heads, packedP, scoreStride, 0, v + usize(panel) * (scoreStride << 3), out + (usize(panel) << 5), outStride, tokens, 1);
    }
    cache += vectorBytes << 1;
  }
  for (let head = 0; head < heads; head++) {
    scaleRow(out + usize(head) * outStride, headDim, softmaxFactor(state + (usize(head) << 3)));
  }
}

/**
 * As attentionCoreF32 over an int8 cache: both products run as int8 dots.
 *
 * q becomes 7 bits with one scale a head. P takes in the V scale of its token and becomes 7 bits with one step a head and block
 * (largest / 127). scratch: heads x (5 x headDim + 5 x blockTokens + 12) + 4 x blockTokens bytes.
 */
export function attentionCoreInt8(
  q: usize, qStride: usize, cache: usize, out: usize, outStride: usize, scratch: usize,
  heads: i32, headDim: i32, kvTokens: i32, blockTokens: i32, scale: f32,
): void {
  const scoreStride = usize(blockTokens) << 2;
  const sumStride = usize(headDim) << 2;
  const packedQ = scratch;
  const packedP = packedQ + usize(heads) * usize(headDim);
  const scores = packedP + usize(heads) * usize(blockTokens);
  const sums = scores + usize(heads) * scoreStride;
  const keySums = sums + usize(heads) * sumStride;
  const qScales = keySums + scoreStride;
  const state = qScales + (usize(heads) << 2);
  const vectorBytes = usize(headDim) * usize(blockTokens);
  quantizeRows(q, qStride, packedQ, usize(headDim), qScales, heads, 0, heads, headDim);
  softmaxStart(state, heads);
  for (let head = 0; head < heads; head++) memory.fill(out + usize(head) * outStride, 0, sumStride);

  for (let first = 0; first < kvTokens; first += blockTokens) {
    const tokens = min(blockTokens, kvTokens - first);
    const paddedTokens = (tokens + 7) & ~7;
    for (let panel = 0; panel < paddedTokens >> 3; panel++) {
      const k = cache + usize(panel) * (usize(headDim) << 3);
      tileInt8Panel(heads, packedQ, usize(headDim), 0, k, scores + (usize(panel) << 5), scoreStride, headDim >> 2, 0);
      sumKeys(k, keySums + (usize(panel) << 5), headDim >> 2);
    }
    const kScales = cache + (vectorBytes << 1);
    const vScales = kScales + scoreStride;
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride;
      dequantizeScores(row, keySums, kScales, paddedTokens, load<f32>(qScales + (usize(head) << 2)) * scale);
      for (let token = tokens; token < paddedTokens; token++) store<f32>(row + (usize(token) << 2), -Infinity);
      const shrink = softmaxBlock(row, paddedTokens, state + (usize(head) << 3));
      const place = placeInTile(heads, head);
      const packed = packedP + usize(head - place) * usize(blockTokens) + (usize(place) << 2);
      const step = quantizeWeights(row, vScales, packed, usize(rowsOfTile(heads, head)) << 2, tokens, paddedTokens);
      // The row of scores is spent: it carries shrink and step to the sums below.
      store<f32>(row, shrink);
      store<f32>(row, step, 4);
    }
    const v = cache + vectorBytes;
    // P of a token beyond the last is 0, so V is read in whole words of four tokens.
    for (let panel = 0; panel < headDim >> 3; panel++) {
      const vPanel = v + usize(panel) * (usize(blockTokens) << 3);
      tileInt8Panel(heads, packedP, usize(blockTokens), 0, vPanel, sums + (usize(panel) << 5), sumStride, (tokens + 3) >> 2, 0);
    }
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride;
      scaleAndAddSums(out + usize(head) * outStride, sums + usize(head) * sumStride, headDim, load<f32>(row), load<f32>(row, 4));
    }
    cache += (vectorBytes << 1) + (scoreStride << 1);
  }
  for (let head = 0; head < heads; head++) {
    scaleRow(out + usize(head) * outStride, headDim, softmaxFactor(state + (usize(head) << 3)));
  }
}

/** The sum of each of a panel's 8 keys: what the zero point of q adds to a score is 64 times it. */
function sumKeys(panel: usize, destination: usize, groups: i32): void {
  let low = i32x4.splat(0);
  let high = i32x4.splat(0);
  for (let group = 0; group < groups; group++) {
    const a = v128.load(panel);
    const b = v128.load(panel, 16);
    low = i32x4.add(low, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(a)));
    high = i32x4.add(high, i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(b)));
    panel += 32;
  }
  v128.store(destination, low);
  v128.store(destination, high, 16);
}

/** scores = (sum - 64 x keySum) x keyScale x factor, in place. */
function dequantizeScores(scores: usize, keySums: usize, keyScales: usize, paddedTokens: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let at: usize = 0; at < usize(paddedTokens) << 2; at += 16) {
    const sum = i32x4.sub(v128.load(scores + at), i32x4.shl(v128.load(keySums + at), 6));
    v128.store(scores + at, f32x4.mul(f32x4.convert_i32x4_s(sum), f32x4.mul(v128.load(keyScales + at), factors)));
  }
}

/** P x V's scale in 7 bits, words of four tokens `stride` bytes apart; tokens from `tokens` on, whose scale may be stale, become 0. @returns the step of one unit. */
function quantizeWeights(p: usize, vScales: usize, packed: usize, stride: usize, tokens: i32, paddedTokens: i32): f32 {
  const bytes = usize(paddedTokens) << 2;
  for (let at: usize = 0; at < bytes; at += 16) v128.store(p + at, f32x4.mul(v128.load(p + at), v128.load(vScales + at)));
  for (let token = tokens; token < paddedTokens; token++) store<f32>(p + (usize(token) << 2), 0);
  let lanes = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) lanes = f32x4.max(lanes, v128.load(p + at));
  const largest = maxLane(lanes);
  const factors = f32x4.splat(unitsPerValue(127, largest));
  for (let i = 0; i < paddedTokens; i += 8) {
    const at = p + (usize(i) << 2);
    const q0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), factors)));
    const q1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at, 16), factors)));
    const narrow = i16x8.narrow_i32x4_s(q0, q1);
    const bytes = i8x16.narrow_i16x8_u(narrow, narrow);
    v128.store_lane<u32>(packed, bytes, 0);
    v128.store_lane<u32>(packed + stride, bytes, 1);
    packed += stride << 1;
  }
  return largest / 127;
}
