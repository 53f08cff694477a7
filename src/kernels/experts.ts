import { allocatePacked, allocateRows, type PackedRows, type Rows } from "./activations.ts";
import type { Arena, Buffer } from "./arena.ts";
import type { KernelExports } from "./exports.ts";
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
  /** Inputs sorted by expert, the same packed for the matmul, and what the two matmuls make of them. */
  readonly input: Rows;
  readonly inputPacked: PackedRows;
  readonly gateUpOut: Rows;
  readonly activated: Rows;
  readonly activatedPacked: PackedRows;
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
  const packed = (part: string, width: number): PackedRows =>
    allocatePacked(arena, `${name}.${part}`, dtype, rows, width);
  return {
    dtype,
    count,
    hidden,
    expertDim,
    gateUp: allocateWeight(arena, `${name}.gateUp`, { dtype, columns: 2 * paddedDim, k: hidden, experts: count }),
    down: allocateWeight(arena, `${name}.down`, { dtype, columns: hidden, k: expertDim, experts: count }),
    input: allocateRows(arena, `${name}.input`, rows, hidden),
    inputPacked: packed("input", hidden),
    gateUpOut: allocateRows(arena, `${name}.gateUpOut`, rows, 2 * paddedDim),
    activated: allocateRows(arena, `${name}.activated`, rows, expertDim),
    activatedPacked: packed("activated", expertDim),
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

/** Packs the inputs (in 7 bits where weights are int8), then gate and up, SwiGLU, down, for the experts that have rows. */
export function expertSteps(experts: Experts, rank: number, ranks: number): Step[] {
  const { input, inputPacked, gateUpOut, activated, activatedPacked, output, offsets, count } = experts;
  const rowCount = offsets.address + count * 4;
  const paddedDim = gateUpOut.width / 2;
  return [
    groupedPackStep(experts, input, inputPacked, rank, ranks),
    barrier,
    ...groupedMatmulSteps(experts, experts.gateUp, inputPacked, gateUpOut, rank, ranks),
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
    groupedPackStep(experts, activated, activatedPacked, rank, ranks),
    barrier,
    ...groupedMatmulSteps(experts, experts.down, activatedPacked, output, rank, ranks),
  ];
}

function groupedPackStep({ offsets, count }: Experts, x: Rows, packed: PackedRows, rank: number, ranks: number): Step {
  const operands = [offsets.address, count, x.address, x.strideBytes, packed.address, packed.rowBytes];
  return packed.dtype === "f32"
    ? call("packGroupedRows", ...operands, rank, ranks, x.width)
    : call("quantizeGroupedRows", ...operands, packed.scales, rank, ranks, x.width);
}

function groupedMatmulSteps(
  { offsets, count }: Experts,
  weight: PackedWeight,
  x: PackedRows,
  y: Rows,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  if (first === last) return [];
  const result = [weight.buffer.address, weight.strideBytes, y.address, y.strideBytes];
  const left = [offsets.address, count, x.address, x.rowBytes];
  return weight.dtype === "f32"
    ? [call("groupedMatmulF32", ...left, ...result, weight.steps, first, last)]
    : [call("groupedMatmulInt8", ...left, x.scales, ...result, weight.steps, weight.panels, first, last)];
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
