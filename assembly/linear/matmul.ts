import { tileF32Panels } from "../tile/f32";
import { fewRows, fewRowsInt4, rowInt4, rowsInt4 } from "../tile/int4";
import { tileInt8Panels } from "../tile/int8";
import { rowBlock, wordsAtOnce } from "../tile/rows";

/**
 * c = a x w for the columns of panels firstPanel..lastPanel (exclusive), weights packed in panels of 8 columns.
 *
 * a: m packed rows of k float32 (tile/rows.ts), rowBytes each. w: panels of k x 8 float32. c: m rows, cStride bytes apart.
 * Loops: blocks of rows, then blocks of k (that part of a stays in L2 or near it), then panels (which all row tiles read one after the
 * other): every weight comes from memory once a row block. Partial sums pass through c between blocks of k, in the same order as without
 * blocks.
 */
export function matmulF32(
  a: usize, rowBytes: usize, w: usize, c: usize, cStride: usize, m: i32, k: i32, firstPanel: i32, lastPanel: i32,
): void {
  const panelBytes = usize(k) << 5;
  const wPanels = w + usize(firstPanel) * panelBytes;
  const cPanels = c + (usize(firstPanel) << 5);
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * rowBytes;
    const cRows = cPanels + usize(row) * cStride;
    const wordsMost = wordsAtOnce(rows, k);
    for (let word = 0; word < k; word += wordsMost) {
      const words = min(wordsMost, k - word);
      const wPart = wPanels + (usize(word) << 5);
      tileF32Panels(rows, aRows, rowBytes, word, wPart, panelBytes, lastPanel - firstPanel, cRows, cStride, words, word);
    }
  }
}

/** As matmulF32 with int8 panels: a holds packed words of four 7-bit activations, k counts words, c receives raw int32 sums. */
export function matmulInt8(
  a: usize, rowBytes: usize, w: usize, c: usize, cStride: usize, m: i32, k: i32, firstPanel: i32, lastPanel: i32,
): void {
  const panelBytes = usize(k) << 5;
  const wPanels = w + usize(firstPanel) * panelBytes;
  const cPanels = c + (usize(firstPanel) << 5);
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * rowBytes;
    const cRows = cPanels + usize(row) * cStride;
    const wordsMost = wordsAtOnce(rows, k);
    for (let word = 0; word < k; word += wordsMost) {
      const words = min(wordsMost, k - word);
      const wPart = wPanels + (usize(word) << 5);
      tileInt8Panels(rows, aRows, rowBytes, word, wPart, panelBytes, lastPanel - firstPanel, cRows, cStride, words, word);
    }
  }
}

/**
 * As matmulInt8 with int4 panels (tile/int4.ts): c receives 16 times the sums, which the column scales take out again.
 *
 * scratch: unpackedSteps x 64 bytes of this thread alone, where m is above fewRows.
 */
export function matmulInt4(
  a: usize, rowBytes: usize, w: usize, c: usize, cStride: usize, m: i32, k: i32, firstPanel: i32, lastPanel: i32, scratch: usize,
): void {
  const panelBytes = usize(k) << 4;
  const wPanels = w + usize(firstPanel) * panelBytes;
  const cPanels = c + (usize(firstPanel) << 5);
  const panels = lastPanel - firstPanel;
  if (m == 1) return rowInt4(a, wPanels, panelBytes, panels, cPanels, k);
  if (m <= fewRows) return fewRowsInt4(m, a, wPanels, panelBytes, panels, cPanels, cStride, k);
  for (let row = 0; row < m; row += rowBlock) {
    const rows = min(rowBlock, m - row);
    const aRows = a + usize(row) * rowBytes;
    const cRows = cPanels + usize(row) * cStride;
    const wordsMost = wordsAtOnce(rows, k);
    for (let word = 0; word < k; word += wordsMost) {
      const words = min(wordsMost, k - word);
      const wPart = wPanels + (usize(word) << 4);
      rowsInt4(rows, aRows, rowBytes, word, wPart, panelBytes, panels, cRows, cStride, words, word, scratch);
    }
  }
}
