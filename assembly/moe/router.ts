import { expLanes, maxLane, sumLanes } from "../math/exp";

/**
 * A router in steps, each over rows of tokens: scores (softmaxScores or sigmoidScores), where it has one the correction bias
 * (biasedChoice), where experts are in groups that are dropped as a whole keepBestGroups, then chooseExperts.
 *
 * Rows hold one float32 an expert, with room up to a multiple of 4. The choice is made on the logits themselves, of which both scores
 * are rising functions, or on score + bias. Equal values: the lower id (group) first. NaN is never chosen while a number is left.
 */

/** Softmax over all experts; logits stay. A NaN or +Infinity among the logits, or -Infinity in all of them, makes every score NaN. */
export function softmaxScores(
  logits: usize, logitStride: usize, scores: usize, scoreStride: usize, firstToken: i32, lastToken: i32, experts: i32,
): void {
  for (let token = firstToken; token < lastToken; token++) {
    const row = logits + usize(token) * logitStride;
    const to = scores + usize(token) * scoreStride;
    const end = padRow(row, experts);
    let lanes = f32x4.splat(-Infinity);
    for (let at: usize = 0; at < end; at += 16) lanes = f32x4.max(lanes, v128.load(row + at));
    const largest = f32x4.splat(maxLane(lanes));
    let sums = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const exponential = expLanes(f32x4.sub(v128.load(row + at), largest));
      sums = f32x4.add(sums, exponential);
      v128.store(to + at, exponential);
    }
    const sum = f32x4.splat(sumLanes(sums));
    for (let at: usize = 0; at < end; at += 16) v128.store(to + at, f32x4.div(v128.load(to + at), sum));
  }
}

/** 1 / (1 + e^-logit) of each expert; logits stay. A NaN among the logits makes every score NaN. */
export function sigmoidScores(
  logits: usize, logitStride: usize, scores: usize, scoreStride: usize, firstToken: i32, lastToken: i32, experts: i32,
): void {
  const one = f32x4.splat(1);
  for (let token = firstToken; token < lastToken; token++) {
    const row = logits + usize(token) * logitStride;
    const to = scores + usize(token) * scoreStride;
    const end = padRow(row, experts);
    let largest = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const score = f32x4.div(one, f32x4.add(one, expLanes(f32x4.neg(v128.load(row + at)))));
      largest = f32x4.max(largest, score);
      v128.store(to + at, score);
    }
    const most = maxLane(largest);
    if (most != most) for (let at: usize = 0; at < end; at += 16) v128.store(to + at, f32x4.splat(NaN));
  }
}

/** choice = score + bias: what experts are chosen by, where a learned bias takes part in the choice and not in the weights. */
export function biasedChoice(
  scores: usize, scoreStride: usize, bias: usize, choice: usize, choiceStride: usize, firstToken: i32, lastToken: i32, experts: i32,
): void {
  for (let token = firstToken; token < lastToken; token++) {
    const from = scores + usize(token) * scoreStride;
    const to = choice + usize(token) * choiceStride;
    for (let at: usize = 0; at < usize(experts) << 2; at += 16) {
      v128.store(to + at, f32x4.add(v128.load(from + at), v128.load(bias + at)));
    }
  }
}

/**
 * Drops, by NaN, the experts of all groups but the best groupsKept. A group is judged by the sum of its `bestCount` (1 or 2) largest.
 *
 * Groups are experts / groups ids in a row. groupScores: `groups` float32 a token, overwritten.
 */
export function keepBestGroups(
  choice: usize, choiceStride: usize, groupScores: usize, firstToken: i32, lastToken: i32,
  experts: i32, groups: i32, groupsKept: i32, bestCount: i32,
): void {
  const size = experts / groups;
  for (let token = firstToken; token < lastToken; token++) {
    const row = choice + usize(token) * choiceStride;
    const judged = groupScores + (usize(token) * usize(groups) << 2);
    for (let group = 0; group < groups; group++) {
      store<f32>(judged + (usize(group) << 2), groupScore(row + (usize(group * size) << 2), size, bestCount));
    }
    // A group that is kept is marked by NaN, so that it is not the largest again.
    for (let kept = 0; kept < groupsKept; kept++) {
      const best = largestIn(judged, 0, groups);
      if (best >= 0) store<f32>(judged + (usize(best) << 2), NaN);
    }
    for (let group = 0; group < groups; group++) {
      const score = load<f32>(judged + (usize(group) << 2));
      if (score != score) continue;
      for (let i = group * size; i < (group + 1) * size; i++) store<f32>(row + (usize(i) << 2), NaN);
    }
  }
}

/**
 * The topK experts with the largest choice, largest first, and their scores as weights: divided by their sum where `normalize` is not 0,
 * then times scalingFactor.
 *
 * parts: the experts are in so many equal parts, each of which gives topK / parts (1: no parts). choice is overwritten with NaN where an
 * expert was chosen. ids (int32) and weights (float32): topK a token. Where fewer than topK numbers are left, the lowest ids not yet
 * taken fill the slots: ids are distinct whatever comes in.
 */
export function chooseExperts(
  choice: usize, choiceStride: usize, scores: usize, scoreStride: usize, ids: usize, weights: usize,
  firstToken: i32, lastToken: i32, experts: i32, topK: i32, parts: i32, normalize: i32, scalingFactor: f32,
): void {
  const size = experts / parts;
  const partSlots = topK / parts;
  for (let token = firstToken; token < lastToken; token++) {
    const row = choice + usize(token) * choiceStride;
    const scoreRow = scores + usize(token) * scoreStride;
    const idRow = ids + (usize(token) * usize(topK) << 2);
    const weightRow = weights + (usize(token) * usize(topK) << 2);
    let sum: f32 = 0;
    for (let slot = 0; slot < topK; slot++) {
      const first = slot / partSlots * size;
      let best = largestIn(row, first, first + size);
      if (best < 0) best = lowestFree(idRow, slot, first);
      store<f32>(row + (usize(best) << 2), NaN);
      store<i32>(idRow + (usize(slot) << 2), best);
      const score = load<f32>(scoreRow + (usize(best) << 2));
      store<f32>(weightRow + (usize(slot) << 2), score);
      sum += score;
    }
    // Sigmoids of far negative logits are all 0: DeepSeek-V3 adds the same 1e-20.
    const factor: f32 = normalize ? scalingFactor / (sum + 1e-20) : scalingFactor;
    for (let slot = 0; slot < topK; slot++) {
      const at = weightRow + (usize(slot) << 2);
      store<f32>(at, load<f32>(at) * factor);
    }
  }
}

/** Fills a row of `experts` up to a multiple of 4 with -Infinity. @returns its bytes then. */
function padRow(row: usize, experts: i32): usize {
  const padded = (experts + 3) & ~3;
  for (let expert = experts; expert < padded; expert++) store<f32>(row + (usize(expert) << 2), -Infinity);
  return usize(padded) << 2;
}

/** Sum of the one or two largest of `count` values; NaN is passed over. -Infinity where there is no number. */
function groupScore(values: usize, count: i32, bestCount: i32): f32 {
  let best: f32 = -Infinity;
  let second: f32 = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = load<f32>(values + (usize(i) << 2));
    if (value > best) {
      second = best;
      best = value;
    } else if (value > second) second = value;
  }
  return bestCount > 1 && count > 1 ? best + second : best;
}

/** Where the largest of values first..last (exclusive) stands, the first of equal ones; -1 where all are NaN. */
function largestIn(values: usize, first: i32, last: i32): i32 {
  const vectors = first + ((last - first) & ~3);
  let lanes = f32x4.splat(-Infinity);
  // pmax(a, b) is a < b ? b : a: a NaN in b leaves a.
  for (let i = first; i < vectors; i += 4) lanes = f32x4.pmax(lanes, v128.load(values + (usize(i) << 2)));
  let largest = maxLane(lanes);
  for (let i = vectors; i < last; i++) {
    const value = load<f32>(values + (usize(i) << 2));
    if (value > largest) largest = value;
  }
  const wanted = f32x4.splat(largest);
  for (let i = first; i < vectors; i += 4) {
    const equal = i32x4.bitmask(f32x4.eq(v128.load(values + (usize(i) << 2)), wanted));
    if (equal) return i + ctz(equal);
  }
  for (let i = vectors; i < last; i++) if (load<f32>(values + (usize(i) << 2)) == largest) return i;
  return -1;
}

/** The lowest id from `first` on that is not among the `count` ids so far. */
function lowestFree(ids: usize, count: i32, first: i32): i32 {
  let id = first;
  for (let slot = 0; slot < count; slot++) {
    if (load<i32>(ids + (usize(slot) << 2)) != id) continue;
    id++;
    slot = -1;
  }
  return id;
}
