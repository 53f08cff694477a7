import { allocateQuantized, allocateRows, type QuantizedRows, type Rows } from "./activations.ts";
import type { Arena, Buffer } from "./arena.ts";
import type { KernelExports } from "./exports.ts";
import { matmulBlocks } from "./linear.ts";
import { barrier, call, type Step, shareOf } from "./program.ts";
import { matmul, round7, swiglu } from "./reference/linear.ts";
import {
  allocateWeight,
  type Dtype,
  type PackedWeight,
  packSeededWeight,
  unpackColumn,
  weightSource,
} from "./weights.ts";

/** SwiGLU experts of one layer that stand in memory: down(silu(x Wgate) x (x Wup)). */
export interface Experts {
  readonly dtype: Dtype;
  readonly count: number;
  readonly hidden: number;
  readonly expertDim: number;
  /** Gate columns, then up columns, in one weight; the gate is padded to whole panels. */
  readonly gateUp: PackedWeight;
  readonly down: PackedWeight;
  /** Inputs sorted by expert, their 7-bit form, and what the two matmuls make of them. */
  readonly input: Rows;
  readonly input7: QuantizedRows | undefined;
  readonly gateUpOut: Rows;
  readonly activated: Rows;
  readonly activated7: QuantizedRows | undefined;
  readonly output: Rows;
  /** count + 1 int32: where each expert's rows begin. The entry after the last says how many rows there are. */
  readonly offsets: Buffer;
}

export function allocateExperts(
  arena: Arena,
  name: string,
  shape: { dtype: Dtype; count: number; hidden: number; expertDim: number; rows: number; offsets?: Buffer },
): Experts {
  const { dtype, count, hidden, expertDim, rows } = shape;
  const paddedDim = Math.ceil(expertDim / 8) * 8;
  const quantized = (part: string, width: number): QuantizedRows | undefined =>
    dtype === "int8" ? allocateQuantized(arena, `${name}.${part}`, rows, width) : undefined;
  return {
    dtype,
    count,
    hidden,
    expertDim,
    gateUp: allocateWeight(arena, `${name}.gateUp`, { dtype, columns: 2 * paddedDim, k: hidden, experts: count }),
    down: allocateWeight(arena, `${name}.down`, { dtype, columns: hidden, k: expertDim, experts: count }),
    input: allocateRows(arena, `${name}.input`, rows, hidden),
    input7: quantized("input", hidden),
    gateUpOut: allocateRows(arena, `${name}.gateUpOut`, rows, 2 * paddedDim),
    activated: allocateRows(arena, `${name}.activated`, rows, expertDim),
    activated7: quantized("activated", expertDim),
    output: allocateRows(arena, `${name}.output`, rows, hidden),
    offsets: shape.offsets ?? arena.allocate(`${name}.offsets`, "scratch", (count + 1) * 4),
  };
}

export function packExperts(
  exports: KernelExports,
  experts: Experts,
  seed: number,
  tensor: number,
  scratch: number,
): void {
  packSeededWeight(exports, experts.gateUp, weightSource(seed, tensor, experts.hidden), scratch);
  packSeededWeight(exports, experts.down, weightSource(seed, tensor + 1, experts.expertDim), scratch);
}

/** Quantizes the inputs where weights are int8, then gate and up, SwiGLU, down, for the experts that have rows. */
export function expertSteps(experts: Experts, rank: number, ranks: number): Step[] {
  const { input, input7, gateUpOut, activated, activated7, output, offsets, count } = experts;
  const rowCount = offsets.address + count * 4;
  const paddedDim = gateUpOut.width / 2;
  const quantize = (rows: Rows, rows7: QuantizedRows | undefined): Step[] =>
    rows7 === undefined
      ? []
      : [
          call(
            "quantizeCountedRows",
            rows.address,
            rows.strideBytes,
            rows7.address,
            rows7.strideBytes,
            rows7.scales,
            rowCount,
            rank,
            ranks,
            rows.width,
          ),
          barrier,
        ];
  return [
    ...quantize(input, input7),
    ...groupedSteps(experts, experts.gateUp, input, input7, gateUpOut, rank, ranks),
    barrier,
    call(
      "swigluRows",
      gateUpOut.address,
      gateUpOut.strideBytes,
      activated.address,
      activated.strideBytes,
      rowCount,
      rank,
      ranks,
      paddedDim,
    ),
    barrier,
    ...quantize(activated, activated7),
    ...groupedSteps(experts, experts.down, activated, activated7, output, rank, ranks),
  ];
}

function groupedSteps(
  experts: Experts,
  weight: PackedWeight,
  x: Rows,
  x7: QuantizedRows | undefined,
  y: Rows,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  if (first === last) return [];
  const { rowBlock, kBlock } = matmulBlocks;
  const w = weight.buffer.address;
  const offsets = experts.offsets.address;
  if (x7 === undefined) {
    const a = [x.address, x.strideBytes, w, weight.strideBytes, y.address, y.strideBytes];
    return [call("groupedMatmulF32", offsets, experts.count, ...a, weight.steps, first, last, rowBlock, kBlock)];
  }
  const a = [x7.address, x7.strideBytes, x7.scales, w, weight.strideBytes, y.address, y.strideBytes];
  return [
    call("groupedMatmulInt8", offsets, experts.count, ...a, weight.steps, weight.panels, first, last, rowBlock, kBlock),
  ];
}

/** The reference's output of one expert at some columns; everything before them in full. */
export function expertReference(
  memory: WebAssembly.Memory,
  experts: Experts,
  expert: number,
  input: Float64Array,
  columns: readonly number[],
): Float64Array {
  const activated = activatedReference(memory, experts, expert, input, experts.gateUp.columns / 2);
  return matmul(activated, columns.length, (index) =>
    unpackColumn(memory, experts.down, columns[index] as number, expert),
  );
}

function activatedReference(
  memory: WebAssembly.Memory,
  experts: Experts,
  expert: number,
  input: Float64Array,
  paddedDim: number,
): Float64Array {
  const seen = (values: Float64Array): Float64Array => (experts.dtype === "int8" ? round7(values) : values);
  const x = seen(input);
  const gate = matmul(x, experts.expertDim, (column) => unpackColumn(memory, experts.gateUp, column, expert));
  const up = matmul(x, experts.expertDim, (column) => unpackColumn(memory, experts.gateUp, paddedDim + column, expert));
  return seen(swiglu(gate, up));
}
