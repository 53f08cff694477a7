import { quantizeRows } from "../linear/quantize";
import { log2e } from "../math/exp2";
import { unitsPerValue } from "../math/steps";
import { tileInt8Panels } from "../tile/int8";
import { placeInTile, rowsOfTile } from "../tile/rows";
import { blockAddress, blockTokens, panelBytes } from "./cache";
import { turnPanelInt8 } from "./latent";
import { panelsMost, panelsTogether } from "./panels";
import { largestLane, largestOf, maskOutside, scaleAndAddSums, scaledWeights, softmaxShrink, softmaxStart } from "./softmax";
import { expandInt4, storedInt4 } from "./storage";

/** As attentionQueriesF32, in 7 bits: words of four, then one float32 a head, its scale. */
export function attentionQueriesInt8(q: usize, qStride: usize, scratch: usize, heads: i32, keyDim: i32, scale: f32): void {
  const scales = scratch + usize(heads) * usize(keyDim);
  quantizeRows(q, qStride, scratch, usize(keyDim), scales, heads, 0, heads, keyDim);
  for (let head = 0; head < heads; head++) {
    const at = scales + (usize(head) << 2);
    store<f32>(at, load<f32>(at) * (scale * log2e));
  }
}

/**
 * As attentionPartF32 over a cache of int8 or int4: both products run as int8 dots.
 *
 * P takes in the V scale of its token and becomes 7 bits with one unit a head and block (largest / 127). A latent key has two scales, for
 * its first valueDim elements, which are the value, and for the rest: its score is the sum of two dots.
 * scratch: the queries (attentionQueriesInt8), heads x (keyDim + 4) bytes; from the next multiple of 16 on
 * heads x (9 x 256 + 4 x valueDim) + 8 x 256 + 32 x max(keyDim, 256) + (latent) 256 x valueDim bytes.
 */
export function attentionPartInt8(
  out: usize, outStride: usize, state: usize, sinks: usize, scratch: usize,
  cache: usize, blockStride: usize, table: usize, valueOffset: usize, scaleOffset: usize, storage: i32,
  heads: i32, keyDim: i32, valueDim: i32, firstToken: i32, lastToken: i32,
): void {
  const scoreStride: usize = blockTokens << 2;
  const sumStride = usize(valueDim) << 2;
  const packedQ = scratch;
  const qScales = packedQ + usize(heads) * usize(keyDim);
  const packedP = qScales + (usize(heads * 4 + 15) & ~15);
  const scores = packedP + usize(heads) * usize(blockTokens);
  const restScores = scores + usize(heads) * scoreStride;
  const sums = restScores + usize(heads) * scoreStride;
  const keySums = sums + usize(heads) * sumStride;
  const restSums = keySums + scoreStride;
  const expanded = restSums + scoreStride;
  const turned = expanded + panelsMost * (usize(max(keyDim, blockTokens)) << 3);
  const keyBytes = panelBytes(keyDim, storage);
  const wideBytes = usize(keyDim) << 3;
  const valueBytes = panelBytes(blockTokens, storage);
  const wordBytes = panelBytes(4, storage);
  const firstWords = (valueOffset ? keyDim : valueDim) >> 2;
  const restWords = (keyDim >> 2) - firstWords;
  softmaxStart(state, sinks, heads);
  for (let head = 0; head < heads; head++) memory.fill(out + usize(head) * outStride, 0, sumStride);

  for (let step = firstToken - firstToken % blockTokens; step < lastToken; step += blockTokens) {
    const block = blockAddress(cache, blockStride, table, step / blockTokens);
    const from = max(firstToken - step, 0);
    const to = min(blockTokens, lastToken - step);
    const firstPanel = from >> 3;
    const lastPanel = (to + 7) >> 3;
    const paddedTokens = (lastPanel - firstPanel) << 3;
    const firstByte = usize(firstPanel) << 5;
    for (let panel = firstPanel; panel < lastPanel;) {
      const panels = panelsTogether(heads, lastPanel - panel);
      let keys = block + usize(panel) * keyBytes;
      if (storage == storedInt4) {
        expandInt4(keys, expanded, panels * keyDim >> 2);
        keys = expanded;
      }
      const at = usize(panel) << 5;
      tileInt8Panels(heads, packedQ, usize(keyDim), 0, keys, wideBytes, panels, scores + at, scoreStride, firstWords, 0);
      if (!valueOffset) {
        const rest = keys + (usize(firstWords) << 5);
        tileInt8Panels(heads, packedQ, usize(keyDim), firstWords, rest, wideBytes, panels, restScores + at, scoreStride, restWords, 0);
      }
      for (let each = 0; each < panels; each++) {
        const key = keys + usize(each) * wideBytes;
        const sumAt = at + (usize(each) << 5);
        sumKeys(key, keySums + sumAt, firstWords);
        if (valueOffset) continue;
        sumKeys(key + (usize(firstWords) << 5), restSums + sumAt, restWords);
        turnPanelInt8(key, turned + (usize(panel + each) << 6), scoreStride << 1, valueDim);
      }
      panel += panels;
    }
    const kScales = block + scaleOffset;
    const nextScales = kScales + (blockTokens << 2);
    const vScales = valueOffset ? nextScales : kScales;
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride + firstByte;
      const headState = state + (usize(head) << 3);
      const factor = load<f32>(qScales + (usize(head) << 2));
      let largest = dequantizeScores(row, keySums + firstByte, kScales + firstByte, paddedTokens, factor);
      if (!valueOffset) {
        const rest = restScores + usize(head) * scoreStride + firstByte;
        dequantizeScores(rest, restSums + firstByte, nextScales + firstByte, paddedTokens, factor);
        addRow(row, rest, paddedTokens);
      }
      // A second dot was added, or tokens outside are to leave no trace.
      if (!valueOffset || to - from < paddedTokens) {
        maskOutside(row, from & 7, to - (firstPanel << 3), paddedTokens);
        largest = largestOf(row, paddedTokens);
      }
      const shrink = softmaxShrink(headState, largest);
      const most = scaledWeights(row, vScales + firstByte, from & 7, to - (firstPanel << 3), paddedTokens, headState);
      const place = placeInTile(heads, head);
      const stride = usize(rowsOfTile(heads, head)) << 2;
      const packed = packedP + usize(head - place) * usize(blockTokens) + (usize(place) << 2) + usize(firstPanel << 1) * stride;
      packUnits(row, packed, stride, paddedTokens, unitsPerValue(127, most));
      // The row of scores is spent: it carries shrink and unit to the sums below.
      store<f32>(row, shrink);
      store<f32>(row, most / 127, 4);
    }
    // P of a token outside is 0, so V is read in whole words of four tokens.
    const firstWord = from >> 2;
    const words = ((to + 3) >> 2) - firstWord;
    const valuePanels = valueDim >> 3;
    if (!valueOffset) {
      const values = turned + (usize(firstWord) << 5);
      tileInt8Panels(heads, packedP, usize(blockTokens), firstWord, values, scoreStride << 1, valuePanels, sums, sumStride, words, 0);
    } else {
      const values = block + valueOffset + usize(firstWord) * wordBytes;
      for (let panel = 0; panel < valuePanels;) {
        // As they lie, all panels go together.
        const panels = storage == storedInt4 ? panelsTogether(heads, valuePanels - panel) : valuePanels;
        let value = values + usize(panel) * valueBytes;
        let valueStride = valueBytes;
        if (storage == storedInt4) {
          valueStride = usize(words) << 5;
          for (let each = 0; each < panels; each++) {
            expandInt4(value + usize(each) * valueBytes, expanded + usize(each) * valueStride, words);
          }
          value = expanded;
        }
        tileInt8Panels(heads, packedP, usize(blockTokens), firstWord, value, valueStride, panels, sums + (usize(panel) << 5), sumStride, words, 0);
        panel += panels;
      }
    }
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride + firstByte;
      scaleAndAddSums(out + usize(head) * outStride, sums + usize(head) * sumStride, valueDim, load<f32>(row), load<f32>(row, 4));
    }
  }
}

/** 64 times the sum of each of a panel's 8 keys: what the zero point of q adds to a score. */
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
  v128.store(destination, i32x4.shl(low, 6));
  v128.store(destination, i32x4.shl(high, 6), 16);
}

/** scores = (sum - keySum) x keyScale x factor, in place. @returns the largest; NaN if one is. */
function dequantizeScores(scores: usize, keySums: usize, keyScales: usize, paddedTokens: i32, factor: f32): f32 {
  const factors = f32x4.splat(factor);
  let lanes = f32x4.splat(-Infinity);
  let isNan = i32x4.splat(0);
  for (let at: usize = 0; at < usize(paddedTokens) << 2; at += 16) {
    const sum = i32x4.sub(v128.load(scores + at), v128.load(keySums + at));
    const score = f32x4.mul(f32x4.convert_i32x4_s(sum), f32x4.mul(v128.load(keyScales + at), factors));
    v128.store(scores + at, score);
    lanes = f32x4.pmax(lanes, score);
    isNan = v128.or(isNan, f32x4.ne(score, score));
  }
  return largestLane(lanes, isNan);
}

function addRow(x: usize, y: usize, count: i32): void {
  for (let at: usize = 0; at < usize(count) << 2; at += 16) v128.store(x + at, f32x4.add(v128.load(x + at), v128.load(y + at)));
}

/** 1.5 x 2^23 and 0x7f, in memory, as the engine makes a vector constant anew wherever it is used. */
const table = memory.data<i32>([0x4b400000, 0x4b400000, 0x4b400000, 0x4b400000, 0x7f, 0x7f, 0x7f, 0x7f], 16);

/**
 * P in 7 bits, words of four tokens `stride` bytes apart. Products are in 0..127, or NaN: added to 1.5 x 2^23 they are rounded to the nearest
 * whole number, ties to even, which stands in the low bits.
 */
function packUnits(p: usize, packed: usize, stride: usize, paddedTokens: i32, unitsPerWeight: f32): void {
  const factors = f32x4.splat(unitsPerWeight);
  const shifter = v128.load(table);
  const sevenBits = v128.load(table, 16);
  for (let i = 0; i < paddedTokens; i += 8) {
    const at = p + (usize(i) << 2);
    const q0 = v128.and(f32x4.add(f32x4.mul(v128.load(at), factors), shifter), sevenBits);
    const q1 = v128.and(f32x4.add(f32x4.mul(v128.load(at, 16), factors), shifter), sevenBits);
    const narrow = i16x8.narrow_i32x4_s(q0, q1);
    const words = i8x16.narrow_i16x8_u(narrow, narrow);
    v128.store_lane<u32>(packed, words, 0);
    v128.store_lane<u32>(packed + stride, words, 1);
    packed += stride << 1;
  }
}
