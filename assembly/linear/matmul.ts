import { tileF32Panel } from "../tile/f32";
import { tileInt8Panel } from "../tile/int8";

/**
 * c = a x w for the columns of panels firstPanel..lastPanel (exclusive), weights packed in panels of 8 columns.
 *
 * a: m rows of k float32, aStride bytes apart. w: panels of k x 8 float32. c: m rows, cStride bytes apart.
 * Loops: blocks of rows, then blocks of k (that part of a, rowBlock x kBlock, stays in L2), then panels (a panel's part, kBlock x 8,
 * stays in L1 while all row tiles read it): every weight comes from memory once a row block. Partial sums pass through c
 * between blocks of k, in the same order as without blocks.
 */
export function matmulF32(
  a: usize, aStride: usize, w: usize, c: usize, cStride: usize,
  m: i32, k: i32, firstPanel: i32, lastPanel: i32, rowBlock: i32, kBlock: i32,
): void {
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * aStride;
    const cRows = c + usize(row) * cStride;
    for (let step = 0; step < k; step += kBlock) {
      const steps = min(kBlock, k - step);
      const aPart = aRows + (usize(step) << 2);
      for (let panel = firstPanel; panel < lastPanel; panel++) {
        const wPart = w + usize(panel) * (usize(k) << 5) + (usize(step) << 5);
        tileF32Panel(rows, aPart, aStride, wPart, cRows + (usize(panel) << 5), cStride, steps, step);
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
    for (let step = 0; step < k; step += kBlock) {
      const steps = min(kBlock, k - step);
      const aPart = aRows + (usize(step) << 2);
      for (let panel = firstPanel; panel < lastPanel; panel++) {
        const wPart = w + usize(panel) * (usize(k) << 5) + (usize(step) << 5);
        tileInt8Panel(rows, aPart, aStride, wPart, cRows + (usize(panel) << 5), cStride, steps, step);
      }
    }
  }
}
