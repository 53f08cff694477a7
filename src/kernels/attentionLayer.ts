import {
  allocatePacked,
  allocateRows,
  columnsOf,
  fillNormWeight,
  fillRows,
  type PackedRows,
  type Rows,
  readRow,
} from "./activations.ts";
import { createArena } from "./arena.ts";
import { allocateCore } from "./attentionBuffers.ts";
import { coreReference, workOf } from "./attentionCore.ts";
import { type AttentionCoreShape, resolveCore } from "./attentionShape.ts";
import { coreSteps } from "./attentionSteps.ts";
import { type Check, compare, float32Tolerance, type KernelCase, requantizedTolerance } from "./case.ts";
import { requireFits } from "./fit.ts";
import { appendArguments, fillKvCache, fillScratchBytes } from "./kvCache.ts";
import { addSteps, matmulSteps, packSteps, rmsNormSteps, rowSteps } from "./linear.ts";
import { barrier, call, type Step, shareOf, term } from "./program.ts";
import { dot, matmul, rmsNorm, rope, round7 } from "./reference/linear.ts";
import { readKv } from "./reference/storedKv.ts";
import { fillRopeTable, ropeFrequencies } from "./rope.ts";
import {
  allocateWeight,
  type PackedWeight,
  packScratchBytes,
  packSeededWeight,
  unpackColumn,
  weightSource,
} from "./weights.ts";
import { vectorWork, weightWork } from "./work.ts";

/** Step-3's MFA attention: low-rank query, one shared KV head. headDim is a multiple of 8, queryRank of 8. */
export interface AttentionLayerShape
  extends Pick<AttentionCoreShape, "batch" | "queryHeads" | "kvHeads" | "headDim" | "dtype" | "kvDtype" | "seed"> {
  /** Cached tokens of every sequence, the new one among them. */
  readonly kvTokens: number;
  readonly hidden: number;
  readonly queryRank: number;
  readonly ropeTheta: number;
  readonly epsilon: number;
}

/** Norms, RoPE, append and residual: in no formula. */
const restTerm = "attention.rest";

/**
 * A whole MFA attention layer of one decode step, out = x + Attention(RMSNorm(x)):
 * norm, query down + key + value projection in one matmul, query norm, up-projection, RoPE, cache append, core, output projection, residual.
 * The new token stands at the last of kvTokens positions.
 *
 * @source Step-3 report, section 3.1 and Table 1; order of operations as in the released modeling code.
 */
export function attentionLayerCase(shape: AttentionLayerShape): KernelCase {
  const { batch, hidden, queryHeads, kvHeads, headDim, queryRank, dtype, seed } = shape;
  const dims = resolveCore(shape);
  const { kvDtype } = dims.cache;
  const arena = createArena();
  const kvWidth = kvHeads * headDim;
  const queryWidth = queryHeads * headDim;
  const packed = (name: string, width: number): PackedRows => allocatePacked(arena, name, dtype, batch, width);

  const x = allocateRows(arena, "x", batch, hidden);
  const inputNorm = allocateRows(arena, "inputNorm", 1, hidden, "weights");
  const normed = allocateRows(arena, "normed", batch, hidden);
  const normedPacked = packed("normed", hidden);
  const down = allocateWeight(arena, "queryDownKeyValue", { dtype, columns: queryRank + 2 * kvWidth, k: hidden });
  const projected = allocateRows(arena, "projected", batch, queryRank + 2 * kvWidth);
  const queryNorm = allocateRows(arena, "queryNorm", 1, queryRank, "weights");
  const latent = allocateRows(arena, "latent", batch, queryRank);
  const latentPacked = packed("latent", queryRank);
  const up = allocateWeight(arena, "queryUp", { dtype, columns: queryWidth, k: queryRank });
  const tables = arena.allocate("ropeTables", "activations", batch * headDim * 4);
  const core = allocateCore(arena, dims);
  const attendedPacked = packed("attended", queryWidth);
  const output = allocateWeight(arena, "output", { dtype, columns: hidden, k: queryWidth });
  const out = allocateRows(arena, "out", batch, hidden);
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(Math.max(hidden, queryRank, queryWidth)), fillScratchBytes(core.cache)),
  );

  const queries = columnsOf(projected, 0, queryRank);
  const keys = columnsOf(projected, queryRank, kvWidth);
  const values = columnsOf(projected, queryRank + kvWidth, kvWidth);
  // Heads of a sequence lie one after the other: rows of the core are columns of these.
  const q: Rows = { ...core.q, rows: batch, width: queryWidth, strideBytes: queryWidth * 4 };
  const attended: Rows = { ...core.out, rows: batch, width: queryWidth, strideBytes: queryWidth * 4 };
  const position = shape.kvTokens - 1;

  const projections = [down, up, output].map((weight) => weightWork("attention.projections", weight, batch));
  const coreWork = workOf(core);
  const work = {
    term: restTerm,
    products: [...projections.map(({ product }) => product), ...coreWork.products],
    tensors: [
      ...projections.map(({ tensor }) => tensor),
      ...[inputNorm, queryNorm].map((rows) => vectorWork(restTerm, rows)),
      coreWork.tensor,
    ],
  };
  const project = (weight: PackedWeight, from: PackedRows, to: Rows, rank: number, ranks: number): Step[] => [
    term("attention.projections"),
    ...matmulSteps(weight, from, to, batch, rank, ranks),
    term(restTerm),
  ];

  function steps(rank: number, ranks: number): Step[] {
    const share = shareOf(batch, rank, ranks);
    const appends: Step[] = [];
    for (let sequence = share.first; sequence < share.last; sequence++) {
      for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
        const at = sequence * projected.strideBytes + kvHead * headDim * 4;
        const [key, value] = [keys.address + at, values.address + at];
        appends.push(call("appendToken", ...appendArguments(core.cache, sequence, kvHead, position, key, value)));
      }
    }
    const ropeOf = (rows: Rows, heads: number): Step[] =>
      rowSteps(batch, rank, ranks, ({ first, last }) =>
        call("ropeRows", rows.address, rows.strideBytes, tables.address, first, last, heads, headDim, headDim),
      );
    return [
      ...rmsNormSteps(x, inputNorm, normed, shape.epsilon, rank, ranks),
      ...packSteps(normed, normedPacked, rank, ranks),
      barrier,
      ...project(down, normedPacked, projected, rank, ranks),
      barrier,
      ...rmsNormSteps(queries, queryNorm, latent, shape.epsilon, rank, ranks),
      ...packSteps(latent, latentPacked, rank, ranks),
      ...ropeOf(keys, kvHeads),
      ...appends,
      barrier,
      ...project(up, latentPacked, q, rank, ranks),
      barrier,
      ...ropeOf(q, queryHeads),
      barrier,
      term("attention.core"),
      ...coreSteps(core, rank, ranks),
      term(restTerm),
      barrier,
      ...packSteps(attended, attendedPacked, rank, ranks),
      barrier,
      ...project(output, attendedPacked, out, rank, ranks),
      barrier,
      ...addSteps(x, out, rank, ranks),
    ];
  }

  /** The last sequence's output at sampled columns; everything before it in full, in float64. */
  function check(memory: WebAssembly.Memory): Check {
    const seen = (values64: Float64Array): Float64Array => (dtype === "int8" ? round7(values64) : values64);
    const column = (weight: PackedWeight) => (index: number) => unpackColumn(memory, weight, index);
    const sequence = batch - 1;
    const input = readRow(memory, x, sequence);
    const hiddenIn = seen(rmsNorm(input, readRow(memory, inputNorm, 0), shape.epsilon));
    const latentIn = seen(
      rmsNorm(matmul(hiddenIn, queryRank, column(down)), readRow(memory, queryNorm, 0), shape.epsilon),
    );
    const kv = matmul(hiddenIn, 2 * kvWidth, (index) => unpackColumn(memory, down, queryRank + index));
    const query = matmul(latentIn, queryWidth, column(up));
    const attendedRow = new Float64Array(queryWidth);
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const stored = readKv(memory, core.cache, sequence, kvHead);
      if (kvDtype === "f32") {
        // The reference's own new token, not the kernel's.
        const key = rope(kv.slice(kvHead * headDim, (kvHead + 1) * headDim), position, shape.ropeTheta);
        (stored.keys as Float64Array[])[position] = key;
        (stored.values as Float64Array[])[position] = kv.slice(
          kvWidth + kvHead * headDim,
          kvWidth + (kvHead + 1) * headDim,
        );
      }
      const groupHeads = queryHeads / kvHeads;
      for (let head = kvHead * groupHeads; head < (kvHead + 1) * groupHeads; head++) {
        const rotated = rope(query.slice(head * headDim, (head + 1) * headDim), position, shape.ropeTheta);
        attendedRow.set(coreReference(memory, core, stored, sequence * queryHeads + head, rotated), head * headDim);
      }
    }
    const attendedIn = seen(attendedRow);
    const stride = Math.max(1, Math.floor(hidden / 64));
    const actual: number[] = [];
    const expected: number[] = [];
    const got = readRow(memory, out, sequence);
    for (let index = 0; index < hidden; index += stride) {
      actual.push((got[index] as number) - (input[index] as number));
      expected.push(dot(attendedIn, unpackColumn(memory, output, index)));
    }
    const terms = hidden + queryRank + headDim + shape.kvTokens + queryWidth;
    // What the layer adds to x is compared; x itself carries its own rounding of 2^-24 of its size.
    return compare(
      actual,
      expected,
      dtype === "f32" ? residualTolerance(terms, input, expected) : requantizedTolerance * 3,
    );
  }

  return {
    work,
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports, memory) {
      requireFits(arena.buffers, memory);
      fillRows(exports, x, seed, 1);
      fillNormWeight(exports, memory, inputNorm, seed, 2);
      fillNormWeight(exports, memory, queryNorm, seed, 3);
      packSeededWeight(exports, down, weightSource(seed, 4, hidden), scratch.address);
      packSeededWeight(exports, up, weightSource(seed, 5, queryRank), scratch.address);
      packSeededWeight(exports, output, weightSource(seed, 6, queryWidth), scratch.address);
      fillKvCache(exports, memory, core.cache, dims.elements, seed, scratch.address);
      const table = new Float32Array(memory.buffer, tables.address, batch * headDim);
      for (let row = 0; row < batch; row++)
        fillRopeTable(
          table.subarray(row * headDim, (row + 1) * headDim),
          position,
          ropeFrequencies(headDim, shape.ropeTheta),
        );
    },
    steps,
    check,
  };
}

function residualTolerance(terms: number, x: Float64Array, added: readonly number[]): number {
  const size = (values: ArrayLike<number>): number =>
    Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length));
  return float32Tolerance(terms) + (2 ** -22 * size(x)) / Math.max(size(added), Number.MIN_VALUE);
}
