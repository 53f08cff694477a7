import { describe, expect, it } from "vitest";
import type { AttentionLayerWeights } from "../../src/afd/attentionLayout.ts";
import type { DecodeModel } from "../../src/afd/decodeWork.ts";
import type { Rows } from "../../src/kernels/activations.ts";
import { readRow } from "../../src/kernels/activations.ts";
import {
  type Bounded,
  compare,
  compareBounded,
  float32Tolerance,
  requantizedTolerance,
} from "../../src/kernels/case.ts";
import { type Experts, expertReference } from "../../src/kernels/experts.ts";
import { kvFormats } from "../../src/kernels/kvFormat.ts";
import { attend, attendRounded } from "../../src/kernels/reference/attention.ts";
import { boundedNorm, boundedScale, boundedTotal, exactly } from "../../src/kernels/reference/bounded.ts";
import { dot, matmul, rmsNorm, rope, round7 } from "../../src/kernels/reference/linear.ts";
import { readKv } from "../../src/kernels/reference/storedKv.ts";
import { checkRouted, type Router } from "../../src/kernels/router.ts";
import { targets } from "../../src/kernels/target.ts";
import { type PackedWeight, unpackColumn } from "../../src/kernels/weights.ts";
import { type HandCluster, handCluster } from "./handCluster.ts";
import { tinyModel, workOf } from "./works.ts";

const storages = [
  ["f32", "f32"],
  ["f32", "bf16"],
  ["int8", "int8"],
] as const;

describe.each(targets)("stages of target %s beside float64", (target) => {
  it.each(storages)("%s weights, %s cache: every layer of the second step", (weightDtype, kvDtype) => {
    const model: DecodeModel = { ...tinyModel, weightDtype, kvDtype };
    const messages = { a2f: "f32", f2a: "f32" } as const;
    const work = workOf({ model, messages, sizes: [3], ffnInstances: 2, ffnParallel: { kind: "tp" } });
    const cluster = handCluster(work, target);
    cluster.prepare();
    cluster.runStep(0);
    for (const layer of model.layers.keys()) {
      const place = { step: 1, layer, microBatch: 0 };
      cluster.runPlace(place);
      for (let sequence = 0; sequence < 3; sequence++) {
        expect(attentionError(cluster, layer, sequence), `attention ${layer} ${sequence}`).toBeLessThanOrEqual(1);
        for (const shard of [0, 1])
          expect(ffnError(cluster, layer, sequence, shard), `ffn ${layer} ${sequence} ${shard}`).toBeLessThanOrEqual(1);
      }
    }
  });
});

function stateOf(cluster: HandCluster, layer: number, step: number): { readonly input: Rows; readonly output: Rows } {
  const { plan } = first(cluster.attention);
  const [even, odd] = first(plan.shares).states;
  const isEven = (step * plan.layers.length + layer) % 2 === 0;
  return isEven ? { input: even, output: odd } : { input: odd, output: even };
}

/** What attention adds to a layer's input in step 1, as attentionLayerCase is checked. */
function attentionError(cluster: HandCluster, layer: number, sequence: number): number {
  const { plan, memory } = first(cluster.attention);
  const { model, kvTokens } = plan.work;
  const weights = plan.layers[layer] as AttentionLayerWeights;
  const { queryHeads, kvHeads, headDim, queryRank = 0, ropeTheta } = (model.layers[layer] as Layer).attention;
  const position = (kvTokens[sequence] as number) + 1;
  const isInt8 = model.weightDtype !== "f32";
  const seen = (values: Float64Array): Float64Array => (isInt8 ? round7(values) : values);
  const product = (x: Float64Array, weight: PackedWeight): Float64Array =>
    matmul(x, weight.columns, (index) => unpackColumn(memory, weight, index));
  const { input, output } = stateOf(cluster, layer, 1);
  const x = readRow(memory, input, sequence);
  const normed = seen(rmsNorm(x, readRow(memory, weights.inputNorm, 0), model.epsilon));
  const low = product(normed, weights.query);
  const query =
    weights.queryUp === undefined || weights.queryNorm === undefined
      ? low
      : product(seen(rmsNorm(low, readRow(memory, weights.queryNorm, 0), model.epsilon)), weights.queryUp);
  const kv = product(normed, weights.keyValue);
  const cache = first(plan.shares).caches[layer];
  if (cache === undefined) throw new Error("no cache");
  const attended = new Float64Array(queryHeads * headDim);
  for (let head = 0; head < queryHeads; head++) {
    const kvHead = Math.floor((head * kvHeads) / queryHeads);
    const stored = readKv(memory, cache, sequence, kvHead);
    const keys = stored.keys.slice(0, position + 1);
    const values = stored.values.slice(0, position + 1);
    if (model.kvDtype === "f32") {
      // The reference's own new token, not the stage's.
      keys[position] = rope(kv.slice(kvHead * headDim, (kvHead + 1) * headDim), position, ropeTheta);
      const from = (kvHeads + kvHead) * headDim;
      values[position] = kv.slice(from, from + headDim);
    }
    const rotated = rope(query.slice(head * headDim, (head + 1) * headDim), position, ropeTheta);
    const scale = headDim ** -0.5;
    attended.set(
      kvFormats[model.kvDtype].dtype === "f32"
        ? attend(rotated, keys, values, scale, -Infinity)
        : attendRounded(round7(rotated), keys, values, stored.valueScales.slice(0, position + 1), scale, -Infinity, 0),
      head * headDim,
    );
  }
  const expected = [...product(seen(attended), weights.output)];
  const actual = expected.map(
    (_, index) => (readRow(memory, output, sequence)[index] as number) - (x[index] as number),
  );
  const terms = model.hidden + queryRank + headDim + position + 1 + queryHeads * headDim;
  const size = (of: ArrayLike<number>): number =>
    Math.sqrt(dot(Float64Array.from(of), Float64Array.from(of)) / of.length);
  const residual = (2 ** -22 * size(x)) / size(expected);
  return compare(actual, expected, isInt8 ? requantizedTolerance * 3 : float32Tolerance(terms) + residual)
    .maxErrorFraction;
}

type Layer = DecodeModel["layers"][number];

/** A shard's partial sums of what attention and router sent, and that these are right. */
function ffnError(cluster: HandCluster, layer: number, sequence: number, shard: number): number {
  const { plan: sender, memory: sent } = first(cluster.attention);
  const { plan, memory } = cluster.ffn[shard] as HandCluster["ffn"][number];
  const { model } = plan.work;
  const kept = plan.layers[layer] as (typeof plan.layers)[number];
  const kind = plan.kinds[kept.kind] as (typeof plan.kinds)[number];
  const { tokens, sums } = first(plan.microBatches);
  if (tokens.tokens.kind !== "f32" || sums.sums.kind !== "f32") throw new Error("messages are rounded");
  const { output } = stateOf(cluster, layer, 1);
  const weights = sender.layers[layer] as AttentionLayerWeights;
  const normed = boundedNorm(readRow(sent, output, sequence), readRow(sent, weights.ffnNorm, 0), model.epsilon);
  const z = exactly(readRow(memory, tokens.tokens.rows, sequence));
  const columns = Array.from({ length: model.hidden }, (_, column) => column);
  const parts: Bounded[] = [];
  if (kept.whole !== undefined && kind.whole !== undefined)
    parts.push(expertReference(memory, { ...kept.whole, ...kind.whole }, 0, z, columns));
  const errors = [compareBounded([...z.values], normed).maxErrorFraction];
  if (kind.ffn.kind === "moe" && weights.router !== undefined) {
    const { ffn, ...gate } = weights.router;
    const { expertIds: ids, expertWeights } = first(sender.shares).tokens;
    const shape = { tokens: 3, hidden: model.hidden, experts: ffn.experts, router: ffn.router, seed: 0 };
    const router = { ...gate, ...sender.rows.routerRows, shape, ids, weights: expertWeights } as Router;
    const routed = checkRouted(sent, router, sequence, exactly(z.values));
    errors.push(routed.check.maxErrorFraction);
    for (const [slot, id] of routed.ids.entries()) {
      const weight = { value: routed.weights.values[slot] as number, error: routed.weights.errors[slot] as number };
      const experts = { ...kept.routed, ...kind.routed } as Experts;
      if (kept.routed === undefined) continue;
      parts.push(boundedScale(expertReference(memory, experts, id, z, columns), weight));
    }
  }
  const zeros = columns.map(() => 0);
  const actual = readRow(memory, sums.sums.rows, sequence);
  errors.push(compareBounded(actual, boundedTotal(zeros, parts)).maxErrorFraction);
  return Math.max(...errors);
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("nothing there");
  return item;
}
