import { describe, expect, it } from "vitest";
import { layOutAttention } from "../../src/afd/attentionLayout.ts";
import type { DecodeModel, DecodeWork, FfnParallel } from "../../src/afd/decodeWork.ts";
import { layOutFfn } from "../../src/afd/ffnLayout.ts";
import { checkFfnParallel, ffnShard } from "../../src/afd/ffnShard.ts";
import { readRow } from "../../src/kernels/activations.ts";
import { compare, float32Tolerance } from "../../src/kernels/case.ts";
import { targets } from "../../src/kernels/target.ts";
import { InfeasibleError, InvalidInputError } from "../../src/units/errors.ts";
import { type HandCluster, handCluster } from "./handCluster.ts";
import { bitsOf, mixedModel, softmaxRule, tinyModel, workOf } from "./works.ts";

const plainMessages = { a2f: "f32", f2a: "f32" } as const;

const divisions: readonly (readonly [number, FfnParallel])[] = [
  [3, { kind: "ep" }],
  [2, { kind: "tp" }],
  [3, { kind: "tp" }],
  [5, { kind: "tp" }],
  [4, { kind: "tp+ep", tensorParallel: 2 }],
];

/** An FFN instance's partial sums of one sequence. */
function sumsOf(cluster: HandCluster, instance: number, row: number): Float64Array {
  const each = cluster.ffn[instance] as HandCluster["ffn"][number];
  const sums = each.plan.microBatches[0]?.sums.sums;
  if (sums?.kind !== "f32") throw new Error("sums are rounded");
  return readRow(each.memory, sums.rows, row);
}

/** The bytes of a row of the first micro-batch's partial sums. */
function sumBits({ plan, memory }: HandCluster["ffn"][number], row: number): string[] {
  return (plan.sends[0] ?? []).map(({ address, rowBytes }) =>
    Buffer.from(Buffer.from(memory.buffer, address + row * rowBytes, rowBytes)).toString("hex"),
  );
}

/** Overwrites rows that came for the first micro-batch. */
function fillReceived({ plan, memory }: HandCluster["ffn"][number], rows: readonly number[], content: number): void {
  for (const { address, rowBytes } of plan.receives[0] ?? [])
    for (const row of rows) new Uint8Array(memory.buffer, address + row * rowBytes, rowBytes).fill(content);
}

describe.each(targets)("shards of target %s", (target) => {
  const models = [
    ["plain", tinyModel],
    ["with biases and gates", mixedModel],
  ] as const;
  const cases = models.flatMap(([name, model]) => divisions.map((division) => [name, ...division, model] as const));
  it.each(cases)("%s, %i instances, %o: their sums are the whole layer's", (_, ffnInstances, ffnParallel, model) => {
    const work = workOf({ sizes: [3], messages: plainMessages, model });
    const whole = handCluster(work, target);
    const divided = handCluster({ ...work, ffnInstances, ffnParallel }, target);
    whole.prepare();
    divided.prepare();
    for (const layer of work.model.layers.keys()) {
      whole.runPlace({ step: 0, layer, microBatch: 0 });
      divided.runPlace({ step: 0, layer, microBatch: 0 });
      for (let row = 0; row < 3; row++) {
        const expected = sumsOf(whole, 0, row);
        const sum = new Float64Array(expected.length);
        for (let instance = 0; instance < ffnInstances; instance++)
          for (const [index, value] of sumsOf(divided, instance, row).entries())
            sum[index] = (sum[index] as number) + value;
        // Both see inputs that differ in the last bits from the second layer on.
        const tolerance = float32Tolerance((layer + 1) * 400);
        expect(compare(sum, expected, tolerance).maxErrorFraction, `${layer} ${row}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it("are added in the order of the instances", () => {
    const work = workOf({ sizes: [3], messages: plainMessages, ffnInstances: 3, ffnParallel: { kind: "tp" } });
    const cluster = handCluster(work, target);
    cluster.prepare();
    cluster.runPlace({ step: 0, layer: 0, microBatch: 0 });
    const [attention] = cluster.attention;
    if (attention === undefined) throw new Error("no attention");
    const states = attention.plan.shares[0]?.states;
    const expected = [0, 1, 2].map((row) => {
      const state = Float32Array.from(readRow(attention.memory, states?.[1] as NonNullable<typeof states>[1], row));
      for (let instance = 0; instance < 3; instance++)
        for (const [index, value] of sumsOf(cluster, instance, row).entries())
          state[index] = (state[index] as number) + value;
      return state;
    });
    const place = { step: 0, layer: 1, microBatch: 0 };
    cluster.runPlace(place);
    expect(bitsOf(attention.run((stages) => stages.input(place)))).toEqual(bitsOf(expected));
  });

  it("give a row its bits whatever the other rows hold", () => {
    for (const ffnInstances of [1, 12]) {
      const work = workOf({ sizes: [3], ffnInstances });
      const cluster = handCluster(work, target);
      cluster.prepare();
      const place = { step: 0, layer: 1, microBatch: 0 };
      cluster.runPlace({ ...place, layer: 0 });
      cluster.runPlace(place);
      for (const each of cluster.ffn) {
        const before = sumBits(each, 1);
        // The rows of peers that have sent nothing to an instance that was just restarted.
        for (const content of [0, 0xff, 0x7f]) {
          fillReceived(each, [0, 2], content);
          each.run((stages) => stages.run(place));
          expect(sumBits(each, 1)).toEqual(before);
        }
      }
    }
  });

  it("of no width give zeros", () => {
    const work = workOf({ sizes: [2], messages: plainMessages, ffnInstances: 5, ffnParallel: { kind: "tp" } });
    const cluster = handCluster(work, target);
    cluster.prepare();
    for (const layer of work.model.layers.keys()) {
      cluster.runPlace({ step: 0, layer, microBatch: 0 });
      const empty = [0, 1, 2, 3, 4].filter((instance) => {
        const { expertDims, wholeDims } = ffnShard(
          work,
          work.model.layers[layer]?.ffn as DecodeModel["layers"][number]["ffn"],
          instance,
        );
        return expertDims.first === expertDims.last && wholeDims.first === wholeDims.last;
      });
      expect(empty.length).toBeGreaterThan(0);
      for (const instance of empty) expect([...sumsOf(cluster, instance, 1)]).toEqual(Array(40).fill(0));
    }
  });
});

describe("checkFfnParallel", () => {
  const refused = (ffnInstances: number, ffnParallel: FfnParallel) => (): void =>
    checkFfnParallel(workOf({ ffnInstances, ffnParallel }));

  it("names --ffn, its value and what is allowed", () => {
    expect(refused(5, { kind: "ep" })).toThrow(InvalidInputError);
    expect(refused(5, { kind: "ep" })).toThrow("--ffn: expected a divisor of the 12 experts, got 5");
    expect(refused(3, { kind: "tp+ep", tensorParallel: 2 })).toThrow(
      "--ffn: expected a multiple of the 2 instances that share an expert's width, got 3",
    );
    expect(refused(10, { kind: "tp+ep", tensorParallel: 2 })).toThrow(
      "--ffn: expected 2 times a divisor of the 12 experts, got 10",
    );
    expect(() => layOutFfn(workOf({ ffnInstances: 5 }), 0)).toThrow("--ffn: expected a divisor");
  });

  it("takes what divides", () => {
    for (const ffnInstances of [1, 2, 3, 4, 6, 12]) expect(refused(ffnInstances, { kind: "ep" })).not.toThrow();
    expect(refused(7, { kind: "tp" })).not.toThrow();
    expect(refused(12, { kind: "tp+ep", tensorParallel: 3 })).not.toThrow();
  });
});

describe("layouts refuse", () => {
  const layer = tinyModel.layers[1] as DecodeModel["layers"][number];
  const withLayer = (changed: Partial<typeof layer>, model: Partial<DecodeModel> = {}): DecodeWork =>
    workOf({ model: { ...tinyModel, ...model, layers: [layer, { ...layer, ...changed }] } });

  it("sizes that kernels do not take", () => {
    expect(() => layOutAttention(withLayer({}, { hidden: 12 }), 0)).toThrow("hidden: expected a multiple of 8, got 12");
    if (layer.attention.kind !== "grouped") throw new Error("layer 1 has latents");
    const attention = { ...layer.attention, headDim: 20 };
    expect(() => layOutAttention(withLayer({ attention }), 0)).toThrow("headDim: expected a multiple of 8, got 20");
    const low = { ...layer.attention, queryRank: 4 };
    expect(() => layOutAttention(withLayer({ attention: low }), 0)).toThrow(
      "queryRank: expected a multiple of 8, got 4",
    );
    const turned = { ...layer.attention, rope: { ...layer.attention.rope, dims: 10 } };
    expect(() => layOutAttention(withLayer({ attention: turned }), 0)).toThrow(
      "ropeDims: expected an even number of 0 to 8 (headDim), got 10",
    );
    const [latent] = mixedModel.layers.flatMap(({ attention }) => (attention.kind === "latent" ? [attention] : []));
    if (latent === undefined) throw new Error("no latent attention");
    const withLatent = (changed: Partial<typeof latent>): (() => void) => {
      return () => layOutAttention(withLayer({ attention: { ...latent, ...changed } }), 0);
    };
    expect(withLatent({ kvRank: 12 })).toThrow("kvRank: expected a multiple of 8, got 12");
    expect(withLatent({ valueHeadDim: 4 })).toThrow("valueHeadDim: expected a multiple of 8, got 4");
    const part = { ...latent.rope, dims: 4 };
    expect(withLatent({ rope: part })).toThrow("ropeDims: expected 8 (ropeHeadDim), got 4");
  });

  it("layers whose ids do not fit into one message", () => {
    const moe = {
      kind: "moe",
      experts: 12,
      expertDim: 8,
      sharedDim: 0,
      sharedGate: false,
      activation: "silu",
    } as const;
    const ffn = { ...moe, router: { ...softmaxRule, topK: 3 } };
    expect(() => layOutAttention(withLayer({ ffn }), 0)).toThrow(InfeasibleError);
  });
});
