import { expLanes, maxLane } from "../math/exp";

/**
 * Router of Step-3 and Qwen3-MoE: float32 softmax over all experts, the topK largest (ties: the lower id), their
 * probabilities as weights; divided by their sum where `normalize` is not 0.
 *
 * logits: rows of `experts` float32, logitStride bytes apart with room up to a multiple of 4; overwritten with probabilities.
 * ids (int32) and weights (float32): topK a token. A NaN logit makes that token's weights NaN.
 */
export function routeSoftmax(
  logits: usize, logitStride: usize, ids: usize, weights: usize,
  firstToken: i32, lastToken: i32, experts: i32, topK: i32, normalize: i32,
): void {
  const padded = (experts + 3) & ~3;
  for (let token = firstToken; token < lastToken; token++) {
    const row = logits + usize(token) * logitStride;
    for (let expert = experts; expert < padded; expert++) store<f32>(row + (usize(expert) << 2), -Infinity);
    let lanes = f32x4.splat(-Infinity);
    for (let i = 0; i < padded; i += 4) lanes = f32x4.max(lanes, v128.load(row + (usize(i) << 2)));
    const largest = f32x4.splat(maxLane(lanes));
    let sum: f32 = 0;
    for (let i = 0; i < padded; i += 4) {
      const at = row + (usize(i) << 2);
      v128.store(at, expLanes(f32x4.sub(v128.load(at), largest)));
    }
    for (let expert = 0; expert < experts; expert++) sum += load<f32>(row + (usize(expert) << 2));
    choose(row, ids + (usize(token) * usize(topK) << 2), weights + (usize(token) * usize(topK) << 2), experts, topK, sum, normalize);
  }
}

/** The topK largest of `scores`, each divided by `sum`; a chosen score is set to -2, which none lies below, so that it is not chosen again. */
function choose(scores: usize, ids: usize, weights: usize, experts: i32, topK: i32, sum: f32, normalize: i32): void {
  let chosenSum: f32 = 0;
  for (let slot = 0; slot < topK; slot++) {
    let best = 0;
    let bestScore: f32 = -2;
    for (let expert = 0; expert < experts; expert++) {
      const score = load<f32>(scores + (usize(expert) << 2));
      if (score > bestScore) {
        bestScore = score;
        best = expert;
      }
    }
    // Where every score is NaN nothing compares: the slots take ids in order, and the weight stays NaN.
    if (bestScore == -2) {
      best = slot;
      bestScore = NaN;
    }
    store<f32>(scores + (usize(best) << 2), -2);
    store<i32>(ids + (usize(slot) << 2), best);
    const weight = bestScore / sum;
    store<f32>(weights + (usize(slot) << 2), weight);
    chosenSum += weight;
  }
  if (normalize) {
    for (let slot = 0; slot < topK; slot++) {
      const at = weights + (usize(slot) << 2);
      store<f32>(at, load<f32>(at) / chosenSum);
    }
  }
}
