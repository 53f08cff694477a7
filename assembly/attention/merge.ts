import { multiplyAdd } from "../tile/multiplyAdd";
import { exp2, scaleRow } from "./softmax";

/**
 * Folds the part of a context that follows into what is summed up so far: both outputs shrink to the larger of the two largest scores.
 * Parts are folded one by one in the order of their tokens, whoever made them.
 *
 * out, partOut: heads rows of valueDim float32, outStride and valueDim x 4 bytes apart. state, partState: as attentionPartF32 leaves them.
 */
export function mergeAttentionPart(
  out: usize, outStride: usize, state: usize, partOut: usize, partState: usize, heads: i32, valueDim: i32,
): void {
  for (let head = 0; head < heads; head++) {
    const at = usize(head) << 3;
    const before = load<f32>(state + at);
    const largest = max(before, load<f32>(partState + at));
    // No score of either is above -Infinity: there is nothing to add.
    if (largest == -Infinity) continue;
    const shrink = shrinkTo(largest, before);
    const partShrink = shrinkTo(largest, load<f32>(partState + at));
    store<f32>(state + at, largest);
    store<f32>(state + at, load<f32>(state + at, 4) * shrink + load<f32>(partState + at, 4) * partShrink, 4);
    const row = out + usize(head) * outStride;
    const partRow = partOut + usize(head) * (usize(valueDim) << 2);
    const shrinks = f32x4.splat(shrink);
    const partShrinks = f32x4.splat(partShrink);
    for (let i: usize = 0; i < usize(valueDim) << 2; i += 16) {
      v128.store(row + i, multiplyAdd(v128.load(partRow + i), partShrinks, f32x4.mul(v128.load(row + i), shrinks)));
    }
  }
}

/** Divides each head's output by its sum of exponentials; zeros where no score was above -Infinity. */
export function finishAttention(out: usize, outStride: usize, state: usize, heads: i32, valueDim: i32): void {
  for (let head = 0; head < heads; head++) {
    const sum = load<f32>(state + (usize(head) << 3), 4);
    scaleRow(out + usize(head) * outStride, valueDim, sum == 0 ? 0 : 1 / sum);
  }
}

// @ts-ignore: decorator
@inline
function shrinkTo(largest: f32, before: f32): f32 {
  return before == largest ? 1 : exp2(before - largest);
}
