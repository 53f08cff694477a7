import { tensorSeed, weightSource } from "../../src/kernels/weights.ts";

/** Values start … start + count of a seeded tensor, as the kernel fillUniform makes them: uniform in -scale..scale. */
export function seededValues(seed: number, start: number, count: number, scale: number): Float32Array {
  const factor = Math.fround(Math.fround(scale) * 2 ** -31);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    values[index] = (mix((Math.imul(start + index, 0x9e3779b1) + seed) | 0) & ~255) * factor;
  }
  return values;
}

/** Rows of activations, [rows][width], as fillRows makes them. */
export function seededRows(
  seed: number,
  tensor: number,
  rows: number,
  width: number,
  scale = Math.sqrt(3),
): Float32Array {
  const padded = Math.ceil(width / 4) * 4;
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    out.set(seededValues(tensorSeed(seed, tensor), row * padded, width, scale), row * width);
  }
  return out;
}

/** A weight as checkpoints store it, [columns][k], one expert's part of a tensor. */
export function seededWeight(seed: number, tensor: number, columns: number, k: number, expert = 0): Float32Array {
  if (k % 4 !== 0) throw new Error(`k is ${k}, not a multiple of 4`);
  const source = weightSource(seed, tensor, k);
  return seededValues(source.seed, expert * columns * k, columns * k, source.scale);
}

/** Keys and values of one cache, [kvTokens][headDim] each, as fillKvCache makes them. */
export function seededKv(
  seed: number,
  cacheIndex: number,
  kvTokens: number,
  headDim: number,
): { readonly keys: Float32Array; readonly values: Float32Array } {
  const keys = new Float32Array(kvTokens * headDim);
  const values = new Float32Array(kvTokens * headDim);
  for (let token = 0; token < kvTokens; token++) {
    const rows = seededValues(tensorSeed(seed, 1000 + cacheIndex), token * headDim * 2, headDim * 2, Math.sqrt(3));
    keys.set(rows.subarray(0, headDim), token * headDim);
    values.set(rows.subarray(headDim), token * headDim);
  }
  return { keys, values };
}

/** Whole numbers of `steps` steps each side of zero with one scale a row, nearest. */
export interface Quantized {
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** Rows [rows][k] in 8 bits (steps 127) or 4 (steps 7), one scale a row. */
export function quantizeRows(rows: Float32Array, k: number, steps: 127 | 7): Quantized {
  const count = rows.length / k;
  const values = new Int8Array(rows.length);
  const scales = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    let largest = 0;
    for (let i = row * k; i < (row + 1) * k; i++) largest = Math.max(largest, Math.abs(rows[i] as number));
    scales[row] = largest / steps;
    const inverse = largest === 0 ? 0 : Math.fround(steps / largest);
    for (let i = row * k; i < (row + 1) * k; i++) values[i] = nearestEven(Math.fround((rows[i] as number) * inverse));
  }
  return { values, scales };
}

/** [rows][columns] to [columns][rows]. */
export function transposed<Values extends Float32Array | Int8Array>(values: Values, columns: number): Values {
  const rows = values.length / columns;
  const out = values.slice() as Values;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return out;
}

function nearestEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value - Math.trunc(value)) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function mix(counter: number): number {
  const first = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
  const second = Math.imul(first ^ (first >>> 15), 0x735a2d97);
  return second ^ (second >>> 15);
}
