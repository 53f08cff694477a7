import { unitsPerValue } from "../math/steps";

/**
 * Eight rows of k float32 (one output column each, as checkpoints store a weight) become one panel: k steps of 8 columns.
 * Columns from `columns` on are zero.
 */
export function packPanelF32(source: usize, sourceStride: usize, columns: i32, k: i32, panel: usize): void {
  for (let column = 0; column < 8; column++) {
    let destination = panel + (usize(column) << 2);
    const row = source + usize(column) * sourceStride;
    for (let step = 0; step < k; step++) {
      store<f32>(destination, column < columns ? load<f32>(row + (usize(step) << 2)) : 0);
      destination += 32;
    }
  }
}

/**
 * As packPanelF32, quantized to int8 with one scale a column (max |w| / 127, round to nearest even).
 *
 * panel: ceil(k / 4) steps of 8 columns x 4 consecutive k; k beyond the end is 0.
 * scales: 8 float32. sums: 8 int32, the sum of a column's int8 values (the zero point of 7-bit activations needs it).
 */
export function packPanelInt8(source: usize, sourceStride: usize, columns: i32, k: i32, panel: usize, scales: usize, sums: usize): void {
  const groups = (k + 3) >> 2;
  for (let column = 0; column < 8; column++) {
    const row = source + usize(column) * sourceStride;
    let destination = panel + (usize(column) << 2);
    let largest: f32 = 0;
    if (column < columns) {
      for (let step = 0; step < k; step++) largest = max(largest, abs(load<f32>(row + (usize(step) << 2))));
    }
    const inverse = unitsPerValue(127, largest);
    let sum = 0;
    for (let group = 0; group < groups; group++) {
      for (let part = 0; part < 4; part++) {
        const step = (group << 2) + part;
        let value = 0;
        if (column < columns && step < k) value = i32(nearest(load<f32>(row + (usize(step) << 2)) * inverse));
        store<i8>(destination + part, i8(value));
        sum += value;
      }
      destination += 32;
    }
    store<f32>(scales + (usize(column) << 2), largest / 127);
    store<i32>(sums + (usize(column) << 2), sum);
  }
}
