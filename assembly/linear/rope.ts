/**
 * Rotary embedding in place, rotate-half pairs (i, i + headDim / 2), over `heads` heads of headDim float32 in each row.
 *
 * tables: per row headDim / 2 cosines, then headDim / 2 sines (float32; made on the host for each sequence's position).
 */
export function ropeRows(
  x: usize, xStride: usize, tables: usize, firstRow: i32, lastRow: i32, heads: i32, headDim: i32,
): void {
  const half = headDim >> 1;
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
      for (let i = vectors; i < half; i++) {
        const at = usize(i) << 2;
        const a = load<f32>(low + at);
        const b = load<f32>(high + at);
        const c = load<f32>(cosines + at);
        const s = load<f32>(sines + at);
        store<f32>(low + at, a * c - b * s);
        store<f32>(high + at, b * c + a * s);
      }
    }
  }
}
