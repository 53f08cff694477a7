/**
 * Panels that a core hands to the tiles together: a tile may take several at a time, and those that are expanded first stay in L1.
 * One or two heads take four, having few sums to hide how long a multiply-add takes.
 */
// @ts-ignore: decorator
@inline
export function panelsTogether(heads: i32, left: i32): i32 {
  return min(heads > 2 ? 2 : 4, left);
}

/** Most that panelsTogether gives. */
export const panelsMost = 4;
