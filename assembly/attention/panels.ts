import { tileF32Panel } from "../tile/f32";
import { tileInt8Panel } from "../tile/int8";

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

/** tileF32Panel over `panels` panels, panelBytes apart, whose outputs lie side by side. */
// @ts-ignore: decorator
@inline
export function tileF32Panels(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
): void {
  for (let panel = 0; panel < panels; panel++) {
    tileF32Panel(m, a, rowBytes, firstWord, b, c, cStride, k, accumulate);
    b += panelBytes;
    c += 32;
  }
}

/** The same for int8. */
// @ts-ignore: decorator
@inline
export function tileInt8Panels(
  m: i32, a: usize, rowBytes: usize, firstWord: i32, b: usize, panelBytes: usize, panels: i32, c: usize, cStride: usize, k: i32, accumulate: i32,
): void {
  for (let panel = 0; panel < panels; panel++) {
    tileInt8Panel(m, a, rowBytes, firstWord, b, c, cStride, k, accumulate);
    b += panelBytes;
    c += 32;
  }
}
