import { log2e } from "../math/exp2";
import { tileF32Panels } from "../tile/f32";
import { packRows, placeInTile, rowsOfTile } from "../tile/rows";
import { blockAddress, blockTokens, panelBytes } from "./cache";
import { turnPanelF32 } from "./latent";
import { panelsMost, panelsTogether } from "./panels";
import { largestOf, maskOutside, packWeights, scaleRow, softmaxShrink, softmaxStart } from "./softmax";
import { expandFloats, storedF32 } from "./storage";

/**
 * Lays the queries of `heads` heads (at most 288; rows of keyDim float32, qStride bytes apart) out at the begin of scratch, for all calls of
 * attentionPartF32 that follow: scaled, and in powers of two, so that scores come out of the product as the softmax takes them.
 */
export function attentionQueriesF32(q: usize, qStride: usize, scratch: usize, heads: i32, keyDim: i32, scale: f32): void {
  packRows(q, qStride, scratch, usize(keyDim) << 2, heads, 0, heads, keyDim);
  scaleRow(scratch, heads * keyDim, scale * log2e);
}

/**
 * One decode step of softmax(Q K^T x scale) V for `heads` query heads (at most 288) that share one KV head, over the cached tokens
 * firstToken..lastToken (exclusive), stored as float32, BF16 or FP8: a part of a sequence's context, or all of it.
 *
 * cache: see cache.ts. out: heads rows of valueDim float32, outStride bytes apart, not yet divided by their sums. state: heads x (largest
 * score times log2 e, sum of exponentials), float32. sinks: 0, or one float32 a head, a score that takes part in the softmax and has no
 * value. scratch: the queries (attentionQueriesF32), heads x keyDim float32; then heads x 2 x 256 + 32 x max(keyDim, 256)
 * + (latent) 256 x valueDim float32.
 *
 * Block by block: scores of all heads against K panels (read once from memory, then from L1), online softmax, then P V panel by panel.
 * Of the first block and of the last one only the tokens asked for take part.
 */
export function attentionPartF32(
  out: usize, outStride: usize, state: usize, sinks: usize, scratch: usize,
  cache: usize, blockStride: usize, table: usize, valueOffset: usize, storage: i32,
  heads: i32, keyDim: i32, valueDim: i32, firstToken: i32, lastToken: i32,
): void {
  const headBytes = usize(keyDim) << 2;
  const scoreStride: usize = blockTokens << 2;
  const packedQ = scratch;
  const scores = packedQ + usize(heads) * headBytes;
  const packedP = scores + usize(heads) * scoreStride;
  const expanded = packedP + usize(heads) * scoreStride;
  const turned = expanded + panelsMost * (usize(max(keyDim, blockTokens)) << 5);
  const keyBytes = panelBytes(keyDim, storage);
  const valueBytes = panelBytes(blockTokens, storage);
  const tokenBytes = panelBytes(1, storage);
  softmaxStart(state, sinks, heads);
  for (let head = 0; head < heads; head++) memory.fill(out + usize(head) * outStride, 0, usize(valueDim) << 2);

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
      if (storage != storedF32) {
        expandFloats(keys, expanded, panels * keyDim << 3, storage);
        keys = expanded;
      }
      const panelScores = scores + (usize(panel) << 5);
      tileF32Panels(heads, packedQ, headBytes, 0, keys, headBytes << 3, panels, panelScores, scoreStride, keyDim, 0);
      if (!valueOffset) {
        for (let each = 0; each < panels; each++) {
          turnPanelF32(keys + usize(each) * (headBytes << 3), turned + (usize(panel + each) << 8), scoreStride << 3, valueDim);
        }
      }
      panel += panels;
    }
    for (let head = 0; head < heads; head++) {
      const row = scores + usize(head) * scoreStride + firstByte;
      const headState = state + (usize(head) << 3);
      maskOutside(row, from & 7, to - (firstPanel << 3), paddedTokens);
      const shrink = softmaxShrink(headState, largestOf(row, paddedTokens));
      if (shrink != 1) scaleRow(out + usize(head) * outStride, valueDim, shrink);
      const place = placeInTile(heads, head);
      const stride = usize(rowsOfTile(heads, head)) << 2;
      const packed = packedP + usize(head - place) * scoreStride + (usize(place) << 2) + usize(firstPanel << 3) * stride;
      packWeights(row, paddedTokens, headState, packed, stride);
    }
    // Tokens before `from` and from `to` on are not read: what stands there may be anything.
    const tokens = to - from;
    const valuePanels = valueDim >> 3;
    if (!valueOffset) {
      const values = turned + (usize(from) << 5);
      tileF32Panels(heads, packedP, scoreStride, from, values, scoreStride << 3, valuePanels, out, outStride, tokens, 1);
      continue;
    }
    const values = block + valueOffset + usize(from) * tokenBytes;
    if (storage == storedF32) {
      tileF32Panels(heads, packedP, scoreStride, from, values, valueBytes, valuePanels, out, outStride, tokens, 1);
      continue;
    }
    for (let panel = 0; panel < valuePanels;) {
      const panels = panelsTogether(heads, valuePanels - panel);
      for (let each = 0; each < panels; each++) {
        expandFloats(values + usize(panel + each) * valueBytes, expanded + (usize(each * tokens) << 5), tokens << 3, storage);
      }
      const panelOut = out + (usize(panel) << 5);
      tileF32Panels(heads, packedP, scoreStride, from, expanded, usize(tokens) << 5, panels, panelOut, outStride, tokens, 1);
      panel += panels;
    }
  }
}
