import type { Arena, Buffer, RangeKind } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { tensorSeed } from "./weights.ts";

/** Rows of float32, padded to whole panels of 8. */
export interface Rows {
  readonly buffer: Buffer;
  readonly address: number;
  readonly strideBytes: number;
  readonly rows: number;
  readonly width: number;
}

/** Rows of 7-bit activations with one float32 scale a row. */
export interface QuantizedRows {
  readonly address: number;
  readonly strideBytes: number;
  readonly scales: number;
}

export function allocateRows(
  arena: Arena,
  name: string,
  rows: number,
  width: number,
  kind: RangeKind = "activations",
): Rows {
  const strideBytes = Math.ceil(width / 8) * 32;
  const buffer = arena.allocate(name, kind, rows * strideBytes);
  return { buffer, address: buffer.address, strideBytes, rows, width };
}

/** Some columns of rows, seen as rows. `firstColumn` is a multiple of 4. */
export function columnsOf(rows: Rows, firstColumn: number, width: number): Rows {
  return { ...rows, address: rows.address + firstColumn * 4, width };
}

export function allocateQuantized(arena: Arena, name: string, rows: number, width: number): QuantizedRows {
  const strideBytes = Math.ceil(width / 16) * 16;
  const values = arena.allocate(`${name}.int7`, "activations", rows * strideBytes);
  const scales = arena.allocate(`${name}.scales`, "activations", rows * 4);
  return { address: values.address, strideBytes, scales: scales.address };
}

/** Fills rows with seeded values, uniform in -scale..scale; the padding stays zero. */
export function fillRows(exports: KernelExports, rows: Rows, seed: number, tensor: number, scale = Math.sqrt(3)): void {
  const fill = kernelFunction(exports, "fillUniform");
  const padded = Math.ceil(rows.width / 4) * 4;
  for (let row = 0; row < rows.rows; row++) {
    fill(rows.address + row * rows.strideBytes, padded, tensorSeed(seed, tensor), row * padded, scale);
  }
}

/** Norm weights: 1 plus a seeded value in -0.1..0.1. */
export function fillNormWeight(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  rows: Rows,
  seed: number,
  tensor: number,
): void {
  fillRows(exports, rows, seed, tensor, 0.1);
  const values = new Float32Array(memory.buffer, rows.address, rows.width);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + 1;
}

/** One row as float64. */
export function readRow(memory: WebAssembly.Memory, rows: Rows, row: number): Float64Array {
  return Float64Array.from(new Float32Array(memory.buffer, rows.address + row * rows.strideBytes, rows.width));
}
