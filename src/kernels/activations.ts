import { InvalidInputError } from "../units/errors.ts";
import type { Arena, Buffer, RangeKind } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { computeDtype, type Dtype, tensorSeed, type WeightDtype } from "./weights.ts";

/** Rows of float32, padded to whole panels of 8. */
export interface Rows {
  readonly buffer: Buffer;
  readonly address: number;
  readonly strideBytes: number;
  readonly rows: number;
  readonly width: number;
}

/**
 * Rows laid out for the micro-kernels (assembly/tile/rows.ts): float32 as they are, or 7-bit activations with one float32 scale a row
 * where the weights are int8.
 */
export interface PackedRows {
  readonly dtype: Dtype;
  readonly address: number;
  readonly rowBytes: number;
  /** Address of the scales; 0 where there are none. */
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
  if (firstColumn % 4 !== 0)
    throw new InvalidInputError({ field: "firstColumn", value: firstColumn, expected: "a multiple of 4" });
  return { ...rows, address: rows.address + firstColumn * 4, width };
}

/** @param stored - how the weights that the rows meet are stored. */
export function allocatePacked(
  arena: Arena,
  name: string,
  stored: WeightDtype,
  rows: number,
  width: number,
): PackedRows {
  const dtype = computeDtype(stored);
  const rowBytes = dtype === "f32" ? width * 4 : Math.ceil(width / 4) * 4;
  const { address } = arena.allocate(`${name}.packed`, "activations", rows * rowBytes);
  const scales = dtype === "int8" ? arena.allocate(`${name}.scales`, "activations", rows * 4).address : 0;
  return { dtype, address, rowBytes, scales };
}

/** Fills rows with seeded values, uniform in -scale..scale, up to the next multiple of 4 values. */
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
