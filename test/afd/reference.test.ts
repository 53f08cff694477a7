import { describe, expect, it } from "vitest";
import { type AttentionPlan, cachedTokens } from "../../src/afd/attentionLayout.ts";
import type { AttentionLayerWeights } from "../../src/afd/attentionWeights.ts";
import type { DecodeModel } from "../../src/afd/decodeWork.ts";
import type { Rows } from "../../src/kernels/activations.ts";
import { readRow } from "../../src/kernels/activations.ts";
import { coreReference } from "../../src/kernels/attentionCore.ts";
import { coreOf } from "../../src/kernels/attentionLayerSteps.ts";
import { coreDimsOf } from "../../src/kernels/attentionRows.ts";
import type { GroupedWeights, LatentWeights, Projection } from "../../src/kernels/attentionWeights.ts";
import {
  type Bounded,
  compare,
  compareBounded,
  float32Tolerance,
  requantizedTolerance,
} from "../../src/kernels/case.ts";
import type { DecodeRope, GroupedAttention, LatentAttention } from "../../src/kernels/decodeAttention.ts";
import { type Experts, expertReference } from "../../src/kernels/experts.ts";
import type { KvCache } from "../../src/kernels/kvCache.ts";
import {
  boundedMatmul,
  boundedNorm,
  boundedScale,
  boundedTotal,
  exactly,
} from "../../src/kernels/reference/bounded.ts";
import { dot, matmul, rmsNorm, round7 } from "../../src/kernels/reference/linear.ts";
import { readKv, type StoredKv } from "../../src/kernels/reference/storedKv.ts";
import { checkRouted, type Router } from "../../src/kernels/router.ts";
import { targets } from "../../src/kernels/target.ts";
import { expertOf, type PackedWeight, unpackColumn } from "../../src/kernels/weights.ts";
import { ropeFrequencies } from "../../src/workload/ropeFrequencies.ts";
import { type HandCluster, handCluster } from "./handCluster.ts";
import { mixedModel, tinyModel, workOf } from "./works.ts";

const storages = [
  ["f32", "f32"],
  ["f32", "bf16"],
  ["int8", "int8"],
] as const;

const models = [
  ["tiny", tinyModel],
  ["mixed", mixedModel],
] as const;

const cases = models.flatMap(([name, model]) => storages.map((stored) => [name, ...stored, model] as const));

describe.each(targets)("stages of target %s beside float64", (target) => {
  it.each(cases)("%s model, %s weights, %s cache: every layer of the second step", (_, weightDtype, kvDtype, of) => {
    const model: DecodeModel = { ...of, weightDtype, kvDtype };
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

/** One sequence of one layer in step 1, of which the reference makes all but what was cached before. */
interface Attended {
  readonly plan: AttentionPlan;
  readonly memory: WebAssembly.Memory;
  readonly weights: AttentionLayerWeights;
  readonly sequence: number;
  readonly position: number;
  readonly cache: KvCache;
  /** The layer's input, normed and rounded, and what the query's last projection reads. */
  readonly normed: Float64Array;
  readonly forQuery: Float64Array;
}

/** What attention adds to a layer's input in step 1, as attentionLayerCase is checked. */
function attentionError(cluster: HandCluster, layer: number, sequence: number): number {
  const { plan, memory } = first(cluster.attention);
  const { model, kvTokens } = plan.work;
  const weights = plan.layers[layer] as AttentionLayerWeights;
  const { attention } = model.layers[layer] as Layer;
  const position = (kvTokens[sequence] as number) + 1;
  const { input, output } = stateOf(cluster, layer, 1);
  const x = readRow(memory, input, sequence);
  const cache = first(plan.shares).caches[layer];
  if (cache === undefined) throw new Error("no cache");
  const normed = seenBy(model, rmsNorm(x, readRow(memory, weights.inputNorm, 0), model.epsilon));
  const { queryDown } = weights;
  const forQuery =
    queryDown === undefined
      ? normed
      : seenBy(
          model,
          rmsNorm(product(memory, normed, queryDown.weight), readRow(memory, queryDown.norm, 0), model.epsilon),
        );
  const place = { plan, memory, weights, sequence, position, cache, normed, forQuery };
  const attended = attention.kind === "grouped" ? groupedAttended(place, attention) : latentAttended(place, attention);
  const expected = [...projected(memory, seenBy(model, attended), weights.output)];
  const actual = expected.map(
    (_, index) => (readRow(memory, output, sequence)[index] as number) - (x[index] as number),
  );
  const inner = attention.kind === "grouped" ? attention.headDim : attention.kvRank * 3;
  const terms = model.hidden + (attention.queryRank ?? 0) + inner + position + 1 + attended.length;
  const size = (of: ArrayLike<number>): number =>
    Math.sqrt(dot(Float64Array.from(of), Float64Array.from(of)) / of.length);
  const residual = (2 ** -22 * size(x)) / size(expected);
  const isInt8 = model.weightDtype !== "f32";
  return compare(actual, expected, isInt8 ? requantizedTolerance * 3 : float32Tolerance(terms) + residual)
    .maxErrorFraction;
}

function groupedAttended(place: Attended, attention: GroupedAttention): Float64Array {
  const { plan, memory, position, normed, forQuery } = place;
  const weights = place.weights.heads as GroupedWeights;
  const { queryHeads, kvHeads, headDim, rope: turning } = attention;
  const head = (x: Float64Array, index: number, norm: Rows | undefined): Float64Array => {
    const values = x.slice(index * headDim, (index + 1) * headDim);
    return norm === undefined ? values : rmsNorm(values, readRow(memory, norm, 0), plan.work.model.epsilon);
  };
  const query = projected(memory, forQuery, weights.query);
  const kv = projected(memory, normed, place.weights.keyValue);
  const attended = new Float64Array(queryHeads * headDim);
  for (let index = 0; index < queryHeads; index++) {
    const kvHead = Math.floor((index * kvHeads) / queryHeads);
    const key = turned(head(kv, kvHead, weights.norms?.key), position, turning);
    const stored = withNewToken(place, kvHead, key, head(kv, kvHeads + kvHead, undefined));
    const rotated = turned(head(query, index, weights.norms?.query), position, turning);
    attended.set(coreOutput(place, attention, stored, index, rotated), index * headDim);
  }
  return attended;
}

function latentAttended(place: Attended, attention: LatentAttention): Float64Array {
  const { plan, memory, position, normed, forQuery } = place;
  const { model } = plan.work;
  const weights = place.weights.heads as LatentWeights;
  const { queryHeads, kvRank, nopeHeadDim, valueHeadDim, rope: turning } = attention;
  const down = projected(memory, normed, place.weights.keyValue);
  const latent = rmsNorm(down.slice(0, kvRank), readRow(memory, weights.latentNorm, 0), model.epsilon);
  const key = Float64Array.of(...latent, ...turned(down.slice(kvRank), position, turning));
  const stored = withNewToken(place, 0, key, latent);
  const nope = product(memory, forQuery, weights.queryNope);
  const attended = new Float64Array(queryHeads * valueHeadDim);
  for (let head = 0; head < queryHeads; head++) {
    const own = seenBy(model, nope.slice(head * nopeHeadDim, (head + 1) * nopeHeadDim));
    const absorbed = product(memory, own, expertOf(weights.keyUp, head));
    const rotated = turned(product(memory, forQuery, expertOf(weights.queryRope, head)), position, turning);
    const out = coreOutput(place, attention, stored, head, Float64Array.of(...absorbed, ...rotated));
    attended.set(product(memory, seenBy(model, out), expertOf(weights.valueUp, head)), head * valueHeadDim);
  }
  return attended;
}

/** What is cached, the reference's own new token in place of the stage's where nothing is rounded on the way there. */
function withNewToken(place: Attended, kvHead: number, key: Float64Array, value: Float64Array): StoredKv {
  const { plan, memory, cache, sequence, position } = place;
  const stored = readKv(memory, cache, sequence, kvHead);
  if (plan.work.model.kvDtype !== "f32") return stored;
  const replaced = (rows: readonly Float64Array[], row: Float64Array): Float64Array[] =>
    rows.map((kept, token) => (token === position ? row : kept));
  return { ...stored, keys: replaced(stored.keys, key), values: replaced(stored.values, value) };
}

function coreOutput(
  { plan, memory, weights, cache, sequence, position }: Attended,
  attention: GroupedAttention | LatentAttention,
  stored: StoredKv,
  head: number,
  query: Float64Array,
): Float64Array {
  const { tokens, scale } = seenByQuery(attention, position + 1);
  const attended = plan.work.kvTokens.map(() => tokens);
  const full = cachedTokens(plan.work, first(plan.shares).sequences, 2);
  const dims = { ...coreDimsOf(plan.work.model, attention, full), attended, scale };
  const rows = plan.kinds[weights.kind] as AttentionPlan["kinds"][number];
  const core = coreOf({ weights, rows }, cache, dims);
  expect(core.sinks !== undefined).toBe(attention.kind === "grouped" && attention.sinks);
  return coreReference(memory, core, stored, sequence * attention.queryHeads + head, query);
}

/** Which of so many cached tokens the last one's query sees, and what its scores are multiplied with. */
function seenByQuery(attention: GroupedAttention | LatentAttention, count: number) {
  const { span } = attention;
  const sees = (token: number): boolean => {
    if (span.kind === "sliding") return token > count - 1 - span.tokens;
    return span.kind === "full" || Math.floor(token / span.tokens) === Math.floor((count - 1) / span.tokens);
  };
  const from = Array.from({ length: count }, (_, token) => token).findIndex(sees);
  return { tokens: { first: from, last: count }, scale: attention.softmaxScale };
}

/** RoPE of the first elements of a head. */
function turned(x: Float64Array, position: number, rope: DecodeRope): Float64Array {
  const { dims, pairs } = rope;
  const half = dims / 2;
  const { anglePerPosition, magnitude } = ropeFrequencies(rope)(position + 1);
  // Where each element stands when pairs are half the turned elements apart.
  const apart = (i: number): number => (pairs === "halves" ? i : Math.floor(i / 2) + (i % 2) * half);
  const ordered = new Float64Array(dims);
  for (let i = 0; i < dims; i++) ordered[apart(i)] = x[i] as number;
  return x.map((value, i) => {
    if (i >= dims) return value;
    const angle = position * (anglePerPosition[apart(i) % half] as number);
    const other = ordered[(apart(i) + half) % dims] as number;
    return magnitude * (value * Math.cos(angle) + (apart(i) < half ? -other : other) * Math.sin(angle));
  });
}

function seenBy({ weightDtype }: DecodeModel, values: Float64Array): Float64Array {
  return weightDtype === "f32" ? values : round7(values);
}

function product(memory: WebAssembly.Memory, x: Float64Array, weight: PackedWeight): Float64Array {
  return matmul(x, weight.columns, (index) => unpackColumn(memory, weight, index));
}

function projected(memory: WebAssembly.Memory, x: Float64Array, { weight, bias }: Projection): Float64Array {
  const added = bias === undefined ? undefined : readRow(memory, bias, 0);
  return product(memory, x, weight).map((value, index) => value + (added?.[index] ?? 0));
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
  const normed = boundedNorm(
    exactly(readRow(sent, output, sequence)),
    readRow(sent, weights.ffnNorm, 0),
    model.epsilon,
  );
  const z = exactly(readRow(memory, tokens.tokens.rows, sequence));
  const columns = Array.from({ length: model.hidden }, (_, column) => column);
  const parts: Bounded[] = [];
  if (kept.whole !== undefined && kind.whole !== undefined)
    parts.push(
      gated(memory, kept.sharedGate, z, expertReference(memory, { ...kept.whole, ...kind.whole }, 0, z, columns)),
    );
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
      if (ffn.router.scalesInput) parts.push(expertReference(memory, experts, id, boundedScale(z, weight), columns));
      else parts.push(boundedScale(expertReference(memory, experts, id, z, columns), weight));
    }
  }
  const zeros = columns.map(() => 0);
  const actual = readRow(memory, sums.sums.rows, sequence);
  errors.push(compareBounded(actual, boundedTotal(zeros, parts)).maxErrorFraction);
  return Math.max(...errors);
}

/** What a shared expert gives times the sigmoid of its gate, where it has one. */
function gated(memory: WebAssembly.Memory, gate: Rows | undefined, z: Bounded, output: Bounded): Bounded {
  if (gate === undefined) return output;
  const logit = boundedMatmul(z, 1, () => readRow(memory, gate, 0), "float32");
  const value = 1 / (1 + Math.exp(-(logit.values[0] as number)));
  return boundedScale(output, { value, error: value * ((logit.errors[0] as number) + 2 ** -20) });
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("nothing there");
  return item;
}
