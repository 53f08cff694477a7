import { sumLanes } from "../math/exp";
import { multiplyAdd } from "../tile/multiplyAdd";

/** y = x / sqrt(mean(x^2) + epsilon) x w, row by row; rows of `width` float32 (Step-3: epsilon 1e-5, plain w). */
export function rmsNormRows(
  x: usize, xStride: usize, w: usize, y: usize, yStride: usize, firstRow: i32, lastRow: i32, width: i32, epsilon: f32,
): void {
  const vectors = width & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const source = x + usize(row) * xStride;
    const target = y + usize(row) * yStride;
    let lanes = f32x4.splat(0);
    for (let i = 0; i < vectors; i += 4) {
      const value = v128.load(source + (usize(i) << 2));
      lanes = multiplyAdd(value, value, lanes);
    }
    let sum = sumLanes(lanes);
    for (let i = vectors; i < width; i++) {
      const value = load<f32>(source + (usize(i) << 2));
      sum += value * value;
    }
    const factor: f32 = 1 / sqrt<f32>(sum / f32(width) + epsilon);
    const factors = f32x4.splat(factor);
    for (let i = 0; i < vectors; i += 4) {
      const at = usize(i) << 2;
      v128.store(target + at, f32x4.mul(f32x4.mul(v128.load(source + at), factors), v128.load(w + at)));
    }
    for (let i = vectors; i < width; i++) {
      const at = usize(i) << 2;
      store<f32>(target + at, load<f32>(source + at) * factor * load<f32>(w + at));
    }
  }
}

/** y += x over rows of `width` float32 (the residual). */
export function addRows(x: usize, xStride: usize, y: usize, yStride: usize, firstRow: i32, lastRow: i32, width: i32): void {
  const vectors = width & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const source = x + usize(row) * xStride;
    const target = y + usize(row) * yStride;
    for (let i = 0; i < vectors; i += 4) {
      const at = usize(i) << 2;
      v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(source + at)));
    }
    for (let i = vectors; i < width; i++) {
      const at = usize(i) << 2;
      store<f32>(target + at, load<f32>(target + at) + load<f32>(source + at));
    }
  }
}

/** Sets `bytes` to zero. */
export function clearBytes(destination: usize, bytes: i32): void {
  memory.fill(destination, 0, bytes);
}

/** Adds one bias of `width` float32 to every row. */
export function addBiasRows(bias: usize, y: usize, yStride: usize, firstRow: i32, lastRow: i32, width: i32): void {
  const vectors = width & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const target = y + usize(row) * yStride;
    for (let i = 0; i < vectors; i += 4) {
      const at = usize(i) << 2;
      v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(bias + at)));
    }
    for (let i = vectors; i < width; i++) {
      const at = usize(i) << 2;
      store<f32>(target + at, load<f32>(target + at) + load<f32>(bias + at));
    }
  }
}
