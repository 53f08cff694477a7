import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import type { Arena, Buffer } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";

/** What a kernel multiplies in. */
export type Dtype = "f32" | "int8";

/** How weights are stored: int8 and int4 are multiplied in int8. */
export type WeightDtype = Dtype | "int4";

/** What weights stored so are multiplied in. */
export function computeDtype(stored: WeightDtype): Dtype {
  return stored === "f32" ? "f32" : "int8";
}

/** Bytes of one weight stored so, its scale left out. */
export function bytesPerWeightOf(stored: WeightDtype): number {
  switch (stored) {
    case "f32":
      return 4;
    case "int8":
      return 1;
    case "int4":
      return 0.5;
  }
}

/** Columns of a panel: two vectors of four. */
export const panelColumns = 8;

/**
 * A weight of `columns` outputs x `k` inputs, packed for the micro-kernels; `experts` of them lie `strideBytes` apart.
 *
 * f32: panels of [k][8]. int8: panels of [k / 4][8][4], then 8 float32 scales a panel, then 8 int32 column sums a panel.
 * int4: as int8, with two columns in a byte (assembly/tile/int4.ts).
 */
export interface PackedWeight {
  readonly buffer: Buffer;
  readonly dtype: WeightDtype;
  readonly columns: number;
  readonly k: number;
  readonly panels: number;
  /** Steps of the micro-kernel: k for f32, ceil(k / 4) for int8 and int4. */
  readonly steps: number;
  readonly experts: number;
  readonly strideBytes: number;
  /** Where threads unpack int4 panels, each in a part of its own; absent for other dtypes. */
  readonly unpackScratch?: Buffer;
}

/** Threads that can unpack int4 weights at a time, and what each needs for it (unpackedSteps of assembly/tile/int4.ts x 64 bytes). */
const unpackThreads = 256;
const unpackBytes = 256 * 64;
/** Int8 sums are exact up to here: 128 x 127 x k stays below 2^31. */
const int8InnerMost = 132104;

export function allocateWeight(
  arena: Arena,
  name: string,
  shape: { dtype: WeightDtype; columns: number; k: number; experts?: number; unpackScratch?: Buffer },
): PackedWeight {
  const { dtype, columns, k, experts = 1 } = shape;
  if (dtype !== "f32" && k > int8InnerMost)
    throw new InvalidInputError({
      field: "k",
      value: k,
      expected: `1 to ${int8InnerMost} (int8 sums are exact up to it)`,
    });
  const panels = Math.ceil(columns / panelColumns);
  const steps = dtype === "f32" ? k : Math.ceil(k / 4);
  const strideBytes = panels * steps * stepBytes(dtype) + (dtype === "f32" ? 0 : panels * 64);
  const buffer = arena.allocate(name, "weights", strideBytes * experts);
  const packed = { buffer, dtype, columns, k, panels, steps, experts, strideBytes };
  if (dtype !== "int4") return packed;
  const unpackScratch = shape.unpackScratch ?? allocateUnpackScratch(arena, name);
  return { ...packed, unpackScratch };
}

/** Where threads unpack int4 panels; weights that are multiplied one after the other may share it. */
export function allocateUnpackScratch(arena: Arena, name: string): Buffer {
  return arena.allocate(`${name}.unpacked`, "scratch", unpackThreads * unpackBytes);
}

/** Bytes of a panel's step. */
function stepBytes(dtype: WeightDtype): number {
  return dtype === "int4" ? 16 : 32;
}

/** The part of an int4 weight's scratch that belongs to a thread, as an argument of its kernels; none for other dtypes. */
export function unpackArguments({ unpackScratch }: PackedWeight, rank: number): number[] {
  if (unpackScratch === undefined) return [];
  if (rank >= unpackThreads) throw new InfeasibleError(`int4 weights run on at most ${unpackThreads} threads`);
  return [unpackScratch.address + rank * unpackBytes];
}

/** One of a weight's experts, as a weight of its own. */
export function expertOf(weight: PackedWeight, expert: number): PackedWeight {
  const { buffer, strideBytes } = weight;
  const own = { ...buffer, address: buffer.address + expert * strideBytes, bytes: strideBytes };
  return { ...weight, buffer: own, experts: 1 };
}

/** Where an expert's column scales lie; its column sums follow them. */
export function scalesAddress(weight: PackedWeight, expert = 0): number {
  return weight.buffer.address + expert * weight.strideBytes + weight.panels * weight.steps * stepBytes(weight.dtype);
}

export function sumsAddress(weight: PackedWeight, expert = 0): number {
  return scalesAddress(weight, expert) + weight.panels * 32;
}

/** Seeded source rows, one per output column: uniform with variance 1 / k, so that products keep the scale of their inputs. */
export interface WeightSource {
  readonly seed: number;
  readonly scale: number;
}

export function weightSource(seed: number, tensor: number, k: number): WeightSource {
  return { seed: tensorSeed(seed, tensor), scale: Math.fround(Math.sqrt(3 / k)) };
}

/** One 32-bit seed a tensor, so that equal positions of two tensors hold different values. */
export function tensorSeed(seed: number, tensor: number): number {
  return Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(tensor + 1, 0x85ebca6b);
}

/** Bytes of scratch that packing needs: eight source rows. */
export function packScratchBytes(k: number): number {
  return panelColumns * rowBytes(k);
}

/** Something to be made before a run, in the scratch at hand. */
export type PreparationTask = (scratch: number) => void;

const packKernels: Readonly<Record<WeightDtype, string>> = {
  f32: "packPanelF32",
  int8: "packPanelInt8",
  int4: "packPanelInt4",
};

/** Which part of a larger seeded weight a weight is. */
export interface WeightSlice {
  /** Columns, inputs of the whole. */
  readonly columns: number;
  readonly k: number;
  readonly firstExpert: number;
  /** First input, a multiple of 4. */
  readonly firstK: number;
  /** First columns of runs of the whole that stand one after the other, each a run of as many panels. */
  readonly firstColumns: readonly number[];
}

/**
 * Fills a weight from its seeded source: rows are made eight at a time in `scratch`, as a checkpoint would be read, and packed.
 * Element (column, i) of expert e is value (e x columns + column) x k4 + i of the source, k4 being k rounded up to 4.
 *
 * @param slice - where the weight is a part of a larger one: the numbers above are then those of the whole, so that parts hold its values
 * (scales of int8 and int4 are those of the part).
 */
export function packSeededWeight(
  exports: KernelExports,
  weight: PackedWeight,
  source: WeightSource,
  scratch: number,
  slice: WeightSlice = { columns: weight.columns, k: weight.k, firstExpert: 0, firstK: 0, firstColumns: [0] },
): void {
  const fill = kernelFunction(exports, "fillUniform");
  const pack = kernelFunction(exports, packKernels[weight.dtype]);
  const stride = rowBytes(weight.k);
  const wholeStride = rowBytes(slice.k);
  const runPanels = weight.panels / slice.firstColumns.length;
  for (let expert = 0; expert < weight.experts; expert++) {
    for (let panel = 0; panel < weight.panels; panel++) {
      const column = panel * panelColumns;
      const columns = Math.min(panelColumns, weight.columns - column);
      const firstColumn =
        (slice.firstColumns[Math.floor(panel / runPanels)] as number) + (panel % runPanels) * panelColumns;
      const row = (slice.firstExpert + expert) * slice.columns + firstColumn;
      for (let index = 0; index < columns; index++) {
        const start = (row + index) * (wholeStride / 4) + slice.firstK;
        fill(scratch + index * stride, stride / 4, source.seed, start | 0, source.scale);
      }
      const destination =
        weight.buffer.address + expert * weight.strideBytes + panel * weight.steps * stepBytes(weight.dtype);
      if (weight.dtype === "f32") pack(scratch, stride, columns, weight.k, destination);
      else {
        const offset = panel * 32;
        pack(
          scratch,
          stride,
          columns,
          weight.k,
          destination,
          scalesAddress(weight, expert) + offset,
          sumsAddress(weight, expert) + offset,
        );
      }
    }
  }
}

/** One column of a packed weight as stored (whole numbers times their scale), read by its own index arithmetic: the reference's view. */
export function unpackColumn(
  memory: WebAssembly.Memory,
  weight: PackedWeight,
  column: number,
  expert = 0,
): Float64Array {
  const out = new Float64Array(weight.k);
  const panel = Math.floor(column / panelColumns);
  const lane = column % panelColumns;
  const address = weight.buffer.address + expert * weight.strideBytes + panel * weight.steps * stepBytes(weight.dtype);
  if (weight.dtype === "f32") {
    const values = new Float32Array(memory.buffer, address, weight.k * panelColumns);
    for (let i = 0; i < weight.k; i++) out[i] = values[i * panelColumns + lane] as number;
    return out;
  }
  const values = new Int8Array(memory.buffer, address, weight.steps * stepBytes(weight.dtype));
  const scale = new Float32Array(memory.buffer, scalesAddress(weight, expert) + panel * 32, panelColumns)[
    lane
  ] as number;
  if (weight.dtype === "int8") {
    for (let i = 0; i < weight.k; i++) out[i] = (values[(i >> 2) * 32 + lane * 4 + (i & 3)] as number) * scale;
    return out;
  }
  for (let i = 0; i < weight.k; i++) {
    const both = values[(i >> 2) * 16 + (lane & 3) * 4 + (i & 3)] as number;
    const units = lane < 4 ? (both & 15) - 8 : both >> 4;
    out[i] = units * 16 * scale;
  }
  return out;
}

function rowBytes(k: number): number {
  return Math.ceil(k / 4) * 16;
}
