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

/** Widths of a cache's rows, padding included. */
export interface SourceWidths {
  readonly keyDim: number;
  readonly valueDim: number;
  readonly layout: "keysAndValues" | "latent";
}

/** Key and value of one token as the KV cache is filled with them, before they are padded and stored; one width stands for both. */
export function sourceKv(
  seed: number,
  cacheIndex: number,
  widths: SourceWidths | number,
  token: number,
): { readonly key: Float64Array; readonly value: Float64Array } {
  const { keyDim, valueDim, layout } =
    typeof widths === "number" ? { keyDim: widths, valueDim: widths, layout: "keysAndValues" } : widths;
  const width = layout === "latent" ? keyDim : keyDim + valueDim;
  const row = seededValues(tensorSeed(seed, 1000 + cacheIndex), token * width, width, Math.sqrt(3));
  return { key: row.slice(0, keyDim), value: layout === "latent" ? row.slice(0, valueDim) : row.slice(keyDim) };
}

function mix(counter: number): number {
  const first = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
  const second = Math.imul(first ^ (first >>> 15), 0x735a2d97);
  return second ^ (second >>> 15);
}
