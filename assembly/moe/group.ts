/**
 * Sorts the tokens x topK assignments by expert, tokens in rising order within one. Expert firstExpert comes first, those below it last:
 * so the experts that stand in memory come before all others. An id that is no expert's stands for the last in this order: rows that
 * nobody has sent yet write nowhere else.
 *
 * ids: int32 expert of each assignment. offsets: experts + 1 int32, where each expert's rows begin, in this order. rows: int32 row of each
 * assignment (token x topK + slot). Runs on one thread: a counting sort of a few hundred entries.
 */
export function groupByExpert(
  ids: usize, assignments: i32, experts: i32, firstExpert: i32, offsets: usize, rows: usize,
): void {
  memory.fill(offsets, 0, usize(experts + 1) << 2);
  for (let i = 0; i < assignments; i++) {
    const at = offsets + placeOf(ids, i, experts, firstExpert);
    store<i32>(at, load<i32>(at, 4) + 1, 4);
  }
  for (let expert = 0; expert < experts; expert++) {
    const at = offsets + (usize(expert) << 2);
    store<i32>(at, load<i32>(at) + load<i32>(at, 4), 4);
  }
  // Places assignments from the back, so that each expert's end moves down to where its rows begin.
  for (let i = assignments - 1; i >= 0; i--) {
    const at = offsets + placeOf(ids, i, experts, firstExpert);
    const row = load<i32>(at, 4) - 1;
    store<i32>(at, row, 4);
    store<i32>(rows + (usize(i) << 2), row);
  }
  // Every end now stands at its own beginning: entry e + 1 holds begin(e). Shift down by one and close with the total.
  for (let expert = 0; expert < experts; expert++) {
    store<i32>(offsets + (usize(expert) << 2), load<i32>(offsets + (usize(expert) << 2), 4));
  }
  store<i32>(offsets + (usize(experts) << 2), assignments);
}

/** Offset of the place of assignment i's expert, of `experts`, when `firstExpert` comes first and those below it last. */
// @ts-ignore: decorator
@inline
function placeOf(ids: usize, i: i32, experts: i32, firstExpert: i32): usize {
  const id = load<u32>(ids + (usize(i) << 2));
  if (id >= u32(experts)) return usize(experts - 1) << 2;
  const place = i32(id) - firstExpert;
  return usize(place < 0 ? place + experts : place) << 2;
}

/** Copies each token's row (rowBytes) to the rows of its assignments that lie below rowLimit: experts that are not here get none. */
export function gatherRows(
  source: usize, sourceStride: usize, destination: usize, destinationStride: usize, rowBytes: i32,
  rows: usize, firstAssignment: i32, lastAssignment: i32, topK: i32, rowLimit: usize,
): void {
  const limit = load<i32>(rowLimit);
  for (let i = firstAssignment; i < lastAssignment; i++) {
    const row = load<i32>(rows + (usize(i) << 2));
    if (row < limit) memory.copy(destination + usize(row) * destinationStride, source + usize(i / topK) * sourceStride, rowBytes);
  }
}

/** As gatherRows, each row times its assignment's weight: what a router that scales the input of its experts asks for. */
export function gatherScaledRows(
  source: usize, sourceStride: usize, weights: usize, destination: usize, destinationStride: usize, rowBytes: i32,
  rows: usize, firstAssignment: i32, lastAssignment: i32, topK: i32, rowLimit: usize,
): void {
  const limit = load<i32>(rowLimit);
  for (let i = firstAssignment; i < lastAssignment; i++) {
    const row = load<i32>(rows + (usize(i) << 2));
    if (row >= limit) continue;
    const weight = f32x4.splat(load<f32>(weights + (usize(i) << 2)));
    const from = source + usize(i / topK) * sourceStride;
    const to = destination + usize(row) * destinationStride;
    for (let at: usize = 0; at < usize(rowBytes); at += 16) v128.store(to + at, f32x4.mul(v128.load(from + at), weight));
  }
}

/** y += sum over a token's slots, in order, of weight (1 where weights is 0) x its expert's row; rows at or above the limit are left out. */
export function combineRows(
  expertRows: usize, expertStride: usize, weights: usize, rows: usize, y: usize, yStride: usize,
  firstToken: i32, lastToken: i32, topK: i32, width: i32, rowLimit: usize,
): void {
  const limit = load<i32>(rowLimit);
  for (let token = firstToken; token < lastToken; token++) {
    const target = y + usize(token) * yStride;
    for (let slot = 0; slot < topK; slot++) {
      const assignment = usize(token * topK + slot) << 2;
      const row = load<i32>(rows + assignment);
      if (row >= limit) continue;
      const weight: f32 = weights ? load<f32>(weights + assignment) : 1;
      const lanes = f32x4.splat(weight);
      const source = expertRows + usize(row) * expertStride;
      for (let at: usize = 0; at < usize(width) << 2; at += 16) {
        v128.store(target + at, f32x4.add(v128.load(target + at), f32x4.mul(v128.load(source + at), lanes)));
      }
    }
  }
}
