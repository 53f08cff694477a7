import { tileF32Panel } from "../tile/f32";
import { tileInt8Panel } from "../tile/int8";

/**
 * c = a x w for the columns of panels firstPanel..lastPanel (exclusive), weights packed in panels of 8 columns.
 *
 * a: m rows of k float32, aStride bytes apart. w: panels of k x 8 float32. c: m rows, cStride bytes apart.
 * Loops: row blocks (their part of a stays in L2), then panels, then blocks of k (a panel's part stays in L1 while all row
 * tiles read it, and the next part streams in meanwhile). Partial sums pass through c between blocks of k, unrounded.
 */
export function matmulF32(
  a: usize, aStride: usize, w: usize, c: usize, cStride: usize,
  m: i32, k: i32, firstPanel: i32, lastPanel: i32, rowBlock: i32, kBlock: i32,
): void {
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * aStride;
    const cRows = c + usize(row) * cStride;
    for (let panel = firstPanel; panel < lastPanel; panel++) {
      const wPanel = w + usize(panel) * (usize(k) << 5);
      const cPanel = cRows + (usize(panel) << 5);
      for (let step = 0; step < k; step += kBlock) {
        tileF32Panel(rows, aRows + (usize(step) << 2), aStride, wPanel + (usize(step) << 5), cPanel, cStride, min(kBlock, k - step), step);
      }
    }
  }
}

/** As matmulF32 with int8 panels: a holds 7-bit activations, k counts groups of four, c receives raw int32 sums. */
export function matmulInt8(
  a: usize, aStride: usize, w: usize, c: usize, cStride: usize,
  m: i32, k: i32, firstPanel: i32, lastPanel: i32, rowBlock: i32, kBlock: i32,
): void {
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * aStride;
    const cRows = c + usize(row) * cStride;
    for (let panel = firstPanel; panel < lastPanel; panel++) {
      const wPanel = w + usize(panel) * (usize(k) << 5);
      const cPanel = cRows + (usize(panel) << 5);
      for (let step = 0; step < k; step += kBlock) {
        tileInt8Panel(rows, aRows + (usize(step) << 2), aStride, wPanel + (usize(step) << 5), cPanel, cStride, min(kBlock, k - step), step);
      }
    }
  }
}
