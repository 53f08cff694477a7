import { tensorSeed, weightSource } from "../../src/kernels/weights.ts";

/** fillUniform, written anew: value i is a mix of (start + i) x golden ratio + seed, its upper 24 bits scaled to -scale..scale. */
export function seededValues(seed: number, start: number, count: number, scale: number): Float64Array {
  const factor = Math.fround(Math.fround(scale) * 2 ** -31);
  return Float64Array.from({ length: count }, (_, index) => {
    const bits = mix((Math.imul(start + index, 0x9e3779b1) + seed) | 0);
    return Math.fround((bits & ~255) * factor);
  });
}

/** One output column of a seeded weight, before it is packed. */
export function sourceColumn(
  seed: number,
  tensor: number,
  shape: { readonly columns: number; readonly k: number },
  column: number,
  expert = 0,
): Float64Array {
  const source = weightSource(seed, tensor, shape.k);
  const stride = Math.ceil(shape.k / 4) * 4;
  return seededValues(source.seed, (expert * shape.columns + column) * stride, shape.k, source.scale);
}

/** Key and value of one token as the KV cache is filled with them; headDim a multiple of 8. */
export function sourceKv(
  seed: number,
  cacheIndex: number,
  headDim: number,
  token: number,
): { readonly key: Float64Array; readonly value: Float64Array } {
  const rows = seededValues(tensorSeed(seed, 1000 + cacheIndex), token * headDim * 2, headDim * 2, Math.sqrt(3));
  return { key: rows.slice(0, headDim), value: rows.slice(headDim) };
}

function mix(counter: number): number {
  const first = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
  const second = Math.imul(first ^ (first >>> 15), 0x735a2d97);
  return second ^ (second >>> 15);
}
