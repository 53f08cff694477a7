import { allocatePacked, allocateRows, type PackedRows, type Rows, readRow } from "./activations.ts";
import type { Arena, Buffer } from "./arena.ts";
import type { Bounded } from "./case.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { barrier, call, type Step, shareOf } from "./program.ts";
import { boundedActivate, boundedAdd, boundedMatmul, boundedRound7, type Chain } from "./reference/bounded.ts";
import type { Activation } from "./reference/linear.ts";
import {
  allocateWeight,
  type PackedWeight,
  packSeededWeight,
  tensorSeed,
  unpackArguments,
  unpackColumn,
  type WeightDtype,
  weightSource,
} from "./weights.ts";
import { type CaseWork, vectorWork, weightWork } from "./work.ts";

/** Gated experts of one layer that stand in memory: down(act(x Wgate) x (x Wup)). */
export interface Experts {
  readonly dtype: WeightDtype;
  readonly activation: Activation;
  readonly count: number;
  readonly hidden: number;
  readonly expertDim: number;
  /** Gate columns, then up columns, in one weight; the gate is padded to whole panels. */
  readonly gateUp: PackedWeight;
  readonly down: PackedWeight;
  /** One row an expert, added to either product: the experts of gpt-oss have biases, no others. */
  readonly gateUpBias: Rows | undefined;
  /** Absent also where these are a slice of the width, and another slice adds it. */
  readonly downBias: Rows | undefined;
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

/** What experts are allocated for. */
export interface ExpertsShape {
  readonly dtype: WeightDtype;
  /** `silu` where absent. */
  readonly activation?: Activation;
  readonly count: number;
  readonly hidden: number;
  readonly expertDim: number;
  readonly rows: number;
  readonly offsets?: Buffer;
}

export function allocateExperts(arena: Arena, name: string, shape: ExpertsShape): Experts {
  return { ...allocateExpertWeights(arena, name, shape), ...allocateExpertRows(arena, name, shape) };
}

/** What experts keep; their rows may be shared with others. */
export type ExpertWeights = Omit<Experts, keyof ExpertRows>;

/** What experts work in. */
export type ExpertRows = Pick<
  Experts,
  "input" | "inputPacked" | "gateUpOut" | "activated" | "activatedPacked" | "output" | "offsets"
>;

export function allocateExpertWeights(
  arena: Arena,
  name: string,
  shape: Omit<ExpertsShape, "rows" | "offsets"> & {
    readonly unpackScratch?: Buffer;
    /** Where experts have biases, which of these stand here; both where absent. */
    readonly biases?: "both" | "gateUp";
  },
): ExpertWeights {
  const { dtype, activation = "silu", count, hidden, expertDim, unpackScratch, biases = "both" } = shape;
  const hasBias = activation === "clampedSilu";
  const bias = (part: string, width: number): Rows => allocateRows(arena, `${name}.${part}`, count, width, "weights");
  const paddedDim = Math.ceil(expertDim / 8) * 8;
  const weight = (part: string, columns: number, k: number): PackedWeight =>
    allocateWeight(arena, `${name}.${part}`, {
      ...{ dtype, columns, k, experts: count },
      ...(unpackScratch === undefined ? {} : { unpackScratch }),
    });
  return {
    dtype,
    activation,
    count,
    hidden,
    expertDim,
    gateUp: weight("gateUp", 2 * paddedDim, hidden),
    down: weight("down", hidden, expertDim),
    gateUpBias: hasBias ? bias("gateUpBias", 2 * paddedDim) : undefined,
    downBias: hasBias && biases === "both" ? bias("downBias", hidden) : undefined,
  };
}

export function allocateExpertRows(
  arena: Arena,
  name: string,
  shape: Pick<ExpertsShape, "dtype" | "count" | "hidden" | "expertDim" | "rows" | "offsets">,
): ExpertRows {
  const { dtype, count, hidden, expertDim, rows } = shape;
  const paddedDim = Math.ceil(expertDim / 8) * 8;
  const packed = (part: string, width: number): PackedRows =>
    allocatePacked(arena, `${name}.${part}`, dtype, rows, width);
  return {
    input: allocateRows(arena, `${name}.input`, rows, hidden),
    inputPacked: packed("input", hidden),
    gateUpOut: allocateRows(arena, `${name}.gateUpOut`, rows, 2 * paddedDim),
    activated: allocateRows(arena, `${name}.activated`, rows, expertDim),
    activatedPacked: packed("activated", expertDim),
    output: allocateRows(arena, `${name}.output`, rows, hidden),
    offsets: shape.offsets ?? arena.allocate(`${name}.offsets`, "scratch", (count + 1) * 4),
  };
}

/** Which of a layer's experts these are, and which part of their width, which begins at a multiple of 8. */
export interface ExpertSlice {
  readonly firstExpert: number;
  readonly firstDim: number;
  /** Width of the whole. */
  readonly expertDim: number;
}

/** Makes the weights of experts, or of a slice of all there are. */
export function packExperts(
  exports: KernelExports,
  experts: ExpertWeights,
  seed: number,
  tensor: number,
  scratch: number,
  slice: ExpertSlice = { firstExpert: 0, firstDim: 0, expertDim: experts.expertDim },
): void {
  const { hidden } = experts;
  const { firstExpert, firstDim, expertDim } = slice;
  const paddedDim = Math.ceil(expertDim / 8) * 8;
  const gateUp = {
    columns: 2 * paddedDim,
    k: hidden,
    firstExpert,
    firstK: 0,
    firstColumns: [firstDim, paddedDim + firstDim],
  };
  const down = { columns: hidden, k: expertDim, firstExpert, firstK: firstDim, firstColumns: [0] };
  packSeededWeight(exports, experts.gateUp, weightSource(seed, tensor, hidden), scratch, gateUp);
  packSeededWeight(exports, experts.down, weightSource(seed, tensor + 1, expertDim), scratch, down);
  if (experts.gateUpBias !== undefined)
    fillBiases(exports, experts.gateUpBias, tensorSeed(seed, tensor + 100), { ...gateUp, width: 2 * paddedDim });
  if (experts.downBias !== undefined)
    fillBiases(exports, experts.downBias, tensorSeed(seed, tensor + 101), { ...down, width: hidden });
}

/** Biases of -0.5 to 0.5: of a slice those that the whole has at its columns. */
function fillBiases(
  exports: KernelExports,
  biases: Rows,
  seed: number,
  whole: { readonly width: number; readonly firstExpert: number; readonly firstColumns: readonly number[] },
): void {
  const fill = kernelFunction(exports, "fillUniform");
  const stride = Math.ceil(whole.width / 4) * 4;
  const count = Math.ceil(biases.width / whole.firstColumns.length / 4) * 4;
  for (let expert = 0; expert < biases.rows; expert++) {
    for (const [run, firstColumn] of whole.firstColumns.entries()) {
      const address = biases.address + expert * biases.strideBytes + run * count * 4;
      fill(address, count, seed, ((whole.firstExpert + expert) * stride + firstColumn) | 0, 0.5);
    }
  }
}

/**
 * Both products of the experts, their weights and biases.
 *
 * @param rows of all experts together that are computed here.
 * @param busy how many of the experts have any.
 * @param times how often these experts stand for as many of the whole.
 */
export function expertWork(
  term: string,
  { gateUp, down, gateUpBias, downBias, expertDim }: Experts,
  { rows, busy, times = 1 }: { readonly rows: number; readonly busy: number; readonly times?: number },
): Pick<CaseWork, "products" | "tensors"> {
  const use = { experts: busy, times };
  const products = [
    weightWork(term, gateUp, rows, { ...use, columns: 2 * expertDim }),
    weightWork(term, down, rows, use),
  ];
  const biases = [gateUpBias, downBias].filter((bias) => bias !== undefined);
  return {
    products: products.map(({ product }) => product),
    tensors: [...products.map(({ tensor }) => tensor), ...biases.map((bias) => vectorWork(term, bias, use))],
  };
}

const activationKernels: Readonly<Record<Activation, string>> = {
  silu: "swigluRows",
  gelu: "gegluRows",
  clampedSilu: "clampedSwigluRows",
};

/** Packs the inputs (in 7 bits where weights are int8), then gate and up, activation, down, for the experts that have rows. */
export function expertSteps(experts: Experts, rank: number, ranks: number): Step[] {
  const { input, inputPacked, gateUpOut, activated, activatedPacked, output, offsets, count } = experts;
  const rowCount = offsets.address + count * 4;
  const paddedDim = gateUpOut.width / 2;
  return [
    groupedPackStep(experts, input, inputPacked, rank, ranks),
    barrier,
    ...groupedMatmulSteps(experts, experts.gateUp, inputPacked, gateUpOut, rank, ranks),
    ...groupedBiasSteps(experts, experts.gateUp, experts.gateUpBias, gateUpOut, rank, ranks),
    barrier,
    call(
      activationKernels[experts.activation],
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
    ...groupedBiasSteps(experts, experts.down, experts.downBias, output, rank, ranks),
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
  if (weight.dtype === "f32") return [call("groupedMatmulF32", ...left, ...result, weight.steps, first, last)];
  const matmul = weight.dtype === "int8" ? "groupedMatmulInt8" : "groupedMatmulInt4";
  const dims = [weight.steps, weight.panels, first, last];
  return [call(matmul, ...left, x.scales, ...result, ...dims, ...unpackArguments(weight, rank))];
}

/** Each rank adds the biases of the columns that it has made itself. */
function groupedBiasSteps(
  { offsets, count }: Experts,
  weight: PackedWeight,
  bias: Rows | undefined,
  y: Rows,
  rank: number,
  ranks: number,
): Step[] {
  const { first, last } = shareOf(weight.panels, rank, ranks);
  if (bias === undefined || first === last) return [];
  const rows = [bias.address, bias.strideBytes, y.address, y.strideBytes];
  return [call("addGroupedBias", offsets.address, count, ...rows, first, last)];
}

/** The reference's output of one expert at some columns; everything before them in full. */
export function expertReference(
  memory: WebAssembly.Memory,
  experts: Experts,
  expert: number,
  input: Bounded,
  columns: readonly number[],
): Bounded {
  const activated = activatedReference(memory, experts, expert, input);
  const column = (index: number): Float64Array => unpackColumn(memory, experts.down, columns[index] as number, expert);
  const output = boundedMatmul(activated, columns.length, column, chainOf(experts));
  if (experts.downBias === undefined) return output;
  const bias = readRow(memory, experts.downBias, expert);
  return boundedAdd(output, (index) => bias[columns[index] as number] as number);
}

function activatedReference(memory: WebAssembly.Memory, experts: Experts, expert: number, input: Bounded): Bounded {
  const seen = (x: Bounded): Bounded => (experts.dtype === "f32" ? x : boundedRound7(x));
  const x = seen(input);
  const bias = experts.gateUpBias === undefined ? undefined : readRow(memory, experts.gateUpBias, expert);
  const columnsFrom = (first: number): Bounded => {
    const column = (index: number): Float64Array => unpackColumn(memory, experts.gateUp, first + index, expert);
    const product = boundedMatmul(x, experts.expertDim, column, chainOf(experts));
    return bias === undefined ? product : boundedAdd(product, (index) => bias[first + index] as number);
  };
  const paddedDim = experts.gateUp.columns / 2;
  return seen(boundedActivate(experts.activation, columnsFrom(0), columnsFrom(paddedDim)));
}

function chainOf({ dtype }: Experts): Chain {
  return dtype === "f32" ? "float32" : "int32";
}
