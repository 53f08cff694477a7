import { ropeFrequencies } from "../workload/ropeFrequencies.ts";
import { type Rows, readRow } from "./activations.ts";
import type { CoreBuffers } from "./attentionBuffers.ts";
import { checkCore } from "./attentionCore.ts";
import { keyValueOf, lowQueryOf } from "./attentionLayerSteps.ts";
import type { AttentionRows, LatentRows } from "./attentionRows.ts";
import {
  type AttentionWeights,
  type GroupedWeights,
  type LatentWeights,
  type Projection,
  packedWeights,
} from "./attentionWeights.ts";
import { type Bounded, type Check, compareBounded, worst } from "./case.ts";
import {
  boundedAdd,
  boundedMatmul,
  boundedNorm,
  boundedRope,
  boundedRound7,
  boundedStored,
  exactly,
} from "./reference/bounded.ts";
import { readToken } from "./reference/storedKv.ts";
import { expertOf, type PackedWeight, unpackColumn } from "./weights.ts";

/** A layer's attention in memory, after a run of its steps for all sequences of its core. */
export interface LaidOutLayer {
  readonly weights: AttentionWeights;
  readonly rows: AttentionRows;
  readonly core: CoreBuffers;
  readonly input: Rows;
  readonly output: Rows;
  readonly epsilon: number;
  /** Where the new token stands in every sequence. */
  readonly position: number;
}

/** Multiply-adds of a reference that checks every sequence and column. */
const fewMultiplyAdds = 4e6;
/** Output columns that are checked at a larger size. */
const sampledColumns = 64;

/**
 * Compares a layer with its float64 reference, step by step: what each step reads is taken as it stands in memory, so that every bound is
 * that of one step, and 7-bit roundings fall alike on both sides. Each result is what the next step reads, up to the output.
 */
export function checkLayer(memory: WebAssembly.Memory, layer: LaidOutLayer): Check {
  const { batch } = layer.core.dims;
  const elements = packedWeights(layer.weights).reduce(
    (sum, [{ columns, k, experts }]) => sum + columns * k * experts,
    0,
  );
  const isFew = elements * batch <= fewMultiplyAdds;
  const sequences = isFew ? Array.from({ length: batch }, (_, sequence) => sequence) : [batch - 1];
  const columnStep = isFew ? 1 : Math.max(1, Math.floor(layer.output.width / sampledColumns));
  const checks = sequences.flatMap((sequence) => {
    const at: Place = { ...layer, memory, sequence };
    const { checks: ofQuery, from } = queryInput(at);
    return [
      ...ofQuery,
      ...keyValueChecks(at),
      ...queryChecks(at, from),
      ...attendedChecks(at),
      outputCheck(at, columnStep),
    ];
  });
  return worst([...checks, checkCore(memory, layer.core)]);
}

/** One sequence of a layer. */
interface Place extends LaidOutLayer {
  readonly memory: WebAssembly.Memory;
  readonly sequence: number;
}

/** The input's norm and, where there is one, the query of low rank; and what the query's last projection reads. */
function queryInput(at: Place): { readonly checks: Check[]; readonly from: Bounded } {
  const { rows, weights, input } = at;
  const normed = compareBounded(read(at, rows.normed), normOf(at, exactly(read(at, input)), weights.inputNorm));
  const seenNormed = normedSeen(at);
  const { queryDown } = weights;
  const { lowQuery } = rows;
  if (queryDown === undefined || lowQuery === undefined) return { checks: [normed], from: seenNormed };
  const projected = read(at, lowQueryOf(rows));
  const low = read(at, lowQuery);
  return {
    checks: [
      normed,
      compareBounded(projected, product(at, seenNormed, queryDown.weight)),
      compareBounded(low, normOf(at, exactly(projected), queryDown.norm)),
    ],
    from: seenBy(queryDown.weight, low),
  };
}

/** What the new token appends, as rows and as it is stored. */
function keyValueChecks(at: Place): Check[] {
  const { rows, weights, core, memory, sequence, position } = at;
  const { attention } = rows;
  const made = read(at, keyValueOf(rows));
  const projected = projectedBy(at, normedSeen(at), weights.keyValue);
  const stored = Array.from({ length: core.dims.cache.kvHeads }, (_, kvHead) => {
    const { key, value, valueScale } = readToken(memory, core.cache, sequence, kvHead, position);
    return { key, value: value.map((unit) => unit * valueScale) };
  });
  const { kvDtype } = core.cache;
  if (attention.kind === "latent") {
    const { kvRank } = attention;
    const { heads } = weights as { readonly heads: LatentWeights };
    const expected = joined([
      normOf(at, part(projected, 0, kvRank), heads.latentNorm),
      turned(at, part(projected, kvRank, projected.values.length)),
    ]);
    const latent = boundedStored(made.subarray(0, kvRank), kvDtype);
    const key = joined([latent, boundedStored(made.subarray(kvRank), kvDtype)]);
    return [compareBounded(made, expected), ...stored.map((token) => compareBounded(token.key, key))];
  }
  const { kvHeads, headDim } = attention;
  const norms = (weights.heads as GroupedWeights).norms;
  const headOf = (x: Bounded, index: number): Bounded => part(x, index * headDim, (index + 1) * headDim);
  const expected = Array.from({ length: 2 * kvHeads }, (_, index) => {
    const head = headOf(projected, index);
    return index < kvHeads ? turned(at, normOf(at, head, norms?.key)) : head;
  });
  const storedChecks = stored.flatMap((token, kvHead) =>
    [token.key, token.value].map((values, side) => {
      const first = (side * kvHeads + kvHead) * headDim;
      return compareBounded(values, boundedStored(made.subarray(first, first + headDim), kvDtype));
    }),
  );
  return [compareBounded(made, joined(expected)), ...storedChecks];
}

/** The core's queries. */
function queryChecks(at: Place, from: Bounded): Check[] {
  const { rows, weights, memory, sequence } = at;
  const { attention, latent } = rows;
  const queryOf = (head: number): Float64Array => readRow(memory, rows.q, sequence * attention.queryHeads + head);
  if (attention.kind === "latent") {
    const { heads } = weights as { readonly heads: LatentWeights };
    const nope = read(at, (latent as LatentRows).queryNope);
    const { queryHeads, kvRank, nopeHeadDim } = attention;
    const ofHeads = Array.from({ length: queryHeads }, (_, head) => {
      const own = seenBy(heads.keyUp, nope.slice(head * nopeHeadDim, (head + 1) * nopeHeadDim));
      const absorbed = product(at, own, expertOf(heads.keyUp, head));
      const rotated = turned(at, product(at, from, expertOf(heads.queryRope, head)));
      return compareBounded(queryOf(head).subarray(0, kvRank + attention.ropeHeadDim), joined([absorbed, rotated]));
    });
    return [compareBounded(nope, product(at, from, heads.queryNope)), ...ofHeads];
  }
  const { queryHeads, headDim } = attention;
  const heads = weights.heads as GroupedWeights;
  const projected = projectedBy(at, from, heads.query);
  return Array.from({ length: queryHeads }, (_, head) => {
    const own = part(projected, head * headDim, (head + 1) * headDim);
    return compareBounded(queryOf(head), turned(at, normOf(at, own, heads.norms?.query)));
  });
}

/** What the output projection reads; of grouped attention it is what the core gave. */
function attendedChecks(at: Place): Check[] {
  const { rows, weights, memory, sequence } = at;
  const { attention } = rows;
  if (attention.kind === "grouped") return [];
  const { queryHeads, kvRank, valueHeadDim } = attention;
  const { heads } = weights as { readonly heads: LatentWeights };
  const attended = read(at, rows.attended);
  return Array.from({ length: queryHeads }, (_, head) => {
    const out = readRow(memory, rows.out, sequence * queryHeads + head).slice(0, kvRank);
    const expected = product(at, seenBy(heads.valueUp, out), expertOf(heads.valueUp, head));
    return compareBounded(attended.subarray(head * valueHeadDim, (head + 1) * valueHeadDim), expected);
  });
}

/** Input + attention, at every so many columns. */
function outputCheck(at: Place, columnStep: number): Check {
  const { weights, memory, rows, input, output } = at;
  const { weight, bias } = weights.output;
  const columns = Array.from({ length: Math.ceil(output.width / columnStep) }, (_, index) => index * columnStep);
  const of = (values: Float64Array): Float64Array => Float64Array.from(columns, (column) => values[column] as number);
  const attended = seenBy(weight, read(at, rows.attended));
  const column = (index: number): Float64Array => unpackColumn(memory, weight, columns[index] as number);
  const projected = boundedMatmul(attended, columns.length, column, chainOf(weight));
  const x = of(read(at, input));
  const added = withBias(projected, bias === undefined ? undefined : of(readRow(memory, bias, 0)));
  return compareBounded(
    of(read(at, output)),
    boundedAdd(added, (index) => x[index] as number),
  );
}

function read({ memory, sequence }: Place, rows: Rows): Float64Array {
  return readRow(memory, rows, sequence);
}

function normedSeen(at: Place): Bounded {
  return seenBy(at.weights.keyValue.weight, read(at, at.rows.normed));
}

/** Activations in memory, as a product with the weight sees them. */
function seenBy({ dtype }: PackedWeight, values: Float64Array): Bounded {
  return dtype === "f32" ? exactly(values) : boundedRound7(exactly(values));
}

function chainOf({ dtype }: PackedWeight): "float32" | "int32" {
  return dtype === "f32" ? "float32" : "int32";
}

function product({ memory }: Place, x: Bounded, weight: PackedWeight): Bounded {
  return boundedMatmul(x, weight.columns, (index) => unpackColumn(memory, weight, index), chainOf(weight));
}

function projectedBy(at: Place, x: Bounded, { weight, bias }: Projection): Bounded {
  return withBias(product(at, x, weight), bias === undefined ? undefined : readRow(at.memory, bias, 0));
}

function withBias(x: Bounded, bias: Float64Array | undefined): Bounded {
  return bias === undefined ? x : boundedAdd(x, (index) => bias[index] as number);
}

function normOf({ memory, epsilon }: Place, x: Bounded, weight: Rows | undefined): Bounded {
  return weight === undefined ? x : boundedNorm(x, readRow(memory, weight, 0), epsilon);
}

function turned({ rows: { attention }, position }: Place, x: Bounded): Bounded {
  const { rope } = attention;
  return boundedRope(x, position, { frequencies: ropeFrequencies(rope)(position + 1), pairs: rope.pairs });
}

function part({ values, errors }: Bounded, first: number, last: number): Bounded {
  return { values: values.slice(first, last), errors: errors.slice(first, last) };
}

function joined(parts: readonly Bounded[]): Bounded {
  return {
    values: Float64Array.from(parts.flatMap(({ values }) => [...values])),
    errors: Float64Array.from(parts.flatMap(({ errors }) => [...errors])),
  };
}
