/**
 * Rotary embedding in place over the first ropeDims (even, at most headDim) of each of `heads` heads of headDim float32 in every row,
 * pairs (i, i + ropeDims / 2): the rotate-half style.
 *
 * tables: per row ropeDims / 2 cosines, then ropeDims / 2 sines (float32; made on the host for each sequence's position, any scaling of
 * frequencies and magnitude in them: src/kernels/rope.ts).
 */
export function ropeRows(
  x: usize, xStride: usize, tables: usize, firstRow: i32, lastRow: i32, heads: i32, headDim: i32, ropeDims: i32,
): void {
  const half = ropeDims >> 1;
  const halfBytes = usize(half) << 2;
  const vectors = half & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const cosines = tables + usize(row) * (halfBytes << 1);
    const sines = cosines + halfBytes;
    for (let head = 0; head < heads; head++) {
      const low = x + usize(row) * xStride + (usize(head) * usize(headDim) << 2);
      const high = low + halfBytes;
      for (let i = 0; i < vectors; i += 4) {
        const at = usize(i) << 2;
        const a = v128.load(low + at);
        const b = v128.load(high + at);
        const c = v128.load(cosines + at);
        const s = v128.load(sines + at);
        v128.store(low + at, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
        v128.store(high + at, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
      }
      for (let i = vectors; i < half; i++) rotate(low + (usize(i) << 2), high + (usize(i) << 2), cosines, sines, i);
    }
  }
}

/** As ropeRows with pairs of neighbours (2 i, 2 i + 1): DeepSeek, Llama 4. */
export function ropeNeighbourRows(
  x: usize, xStride: usize, tables: usize, firstRow: i32, lastRow: i32, heads: i32, headDim: i32, ropeDims: i32,
): void {
  const half = ropeDims >> 1;
  const halfBytes = usize(half) << 2;
  const vectors = half & ~3;
  for (let row = firstRow; row < lastRow; row++) {
    const cosines = tables + usize(row) * (halfBytes << 1);
    const sines = cosines + halfBytes;
    for (let head = 0; head < heads; head++) {
      const values = x + usize(row) * xStride + (usize(head) * usize(headDim) << 2);
      for (let i = 0; i < vectors; i += 4) {
        const at = values + (usize(i) << 3);
        const first = v128.load(at);
        const second = v128.load(at, 16);
        const a = v128.shuffle<f32>(first, second, 0, 2, 4, 6);
        const b = v128.shuffle<f32>(first, second, 1, 3, 5, 7);
        const c = v128.load(cosines + (usize(i) << 2));
        const s = v128.load(sines + (usize(i) << 2));
        const even = f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s));
        const odd = f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s));
        v128.store(at, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
        v128.store(at, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
      }
      for (let i = vectors; i < half; i++) {
        const at = values + (usize(i) << 3);
        rotate(at, at + 4, cosines, sines, i);
      }
    }
  }
}

/** Turns one pair by the i-th angle. */
// @ts-ignore: decorator
@inline
function rotate(first: usize, second: usize, cosines: usize, sines: usize, i: i32): void {
  const a = load<f32>(first);
  const b = load<f32>(second);
  const c = load<f32>(cosines + (usize(i) << 2));
  const s = load<f32>(sines + (usize(i) << 2));
  store<f32>(first, a * c - b * s);
  store<f32>(second, b * c + a * s);
}
