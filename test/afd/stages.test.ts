import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecodeWork, FfnParallel } from "../../src/afd/decodeWork.ts";
import { oneThreadModel } from "../../src/afd/oneThread.ts";
import { type Target, targets } from "../../src/kernels/target.ts";
import { firstFreeAddress } from "../kernels/machine.ts";
import { handCluster, kernelsOf, type Order } from "./handCluster.ts";
import { anyWork, bitsOf, mixedModel, tinyModel, workOf } from "./works.ts";

function oneThreadBits(work: DecodeWork, target: Target): string[] {
  const model = oneThreadModel(work, kernelsOf(target));
  model.prepare();
  for (let step = 0; step < work.steps; step++) model.runStep(step);
  return bitsOf(model.finish(work.steps - 1));
}

function clusterBits(work: DecodeWork, target: Target, ranks = 1, order: Order = "rising"): string[] {
  const cluster = handCluster(work, target, ranks, order);
  cluster.prepare();
  for (let step = 0; step < work.steps; step++) cluster.runStep(step);
  return bitsOf(cluster.finish(work.steps - 1));
}

const divisions: readonly (readonly [number, FfnParallel])[] = [
  [1, { kind: "ep" }],
  [2, { kind: "ep" }],
  [3, { kind: "ep" }],
  [4, { kind: "ep" }],
  [2, { kind: "tp" }],
  [3, { kind: "tp" }],
  [4, { kind: "tp" }],
  [4, { kind: "tp+ep", tensorParallel: 2 }],
];

const formats: readonly DecodeWork["messages"][] = [
  { a2f: "f32", f2a: "f32" },
  { a2f: "fp8", f2a: "bf16" },
  { a2f: "int8", f2a: "f32" },
  { a2f: "bf16", f2a: "int8" },
  { a2f: "f32", f2a: "fp8" },
];

const storages = [
  ["f32", "f32"],
  ["int8", "int8"],
  ["int4", "bf16"],
  ["f32", "int4"],
] as const;

const models = [
  ["tiny", tinyModel],
  ["mixed", mixedModel],
] as const;

describe.each(targets)("stages of target %s", (target) => {
  it("give rows that are numbers, and other ones in every step", () => {
    const work = workOf();
    const model = oneThreadModel(work, kernelsOf(target));
    model.prepare();
    const seen = new Set<string>();
    for (let step = 0; step < work.steps; step++) {
      const { attentionNs, ffnNs } = model.runStep(step);
      expect(attentionNs.length).toBe(work.model.layers.length * work.microBatches.length);
      expect([...attentionNs, ...ffnNs].every((time) => time >= 0)).toBe(true);
      const rows = model.finish(step);
      expect(rows.length).toBe(work.kvTokens.length);
      for (const row of rows) expect(row.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
      for (const text of bitsOf(rows)) seen.add(text);
    }
    expect(seen.size).toBe(work.steps * work.kvTokens.length);
  });

  it.each(models)("do not depend on the micro-batches: %s", (_, model) => {
    const expected = oneThreadBits(workOf({ sizes: [7], model }), target);
    for (const sizes of [
      [3, 4],
      [1, 5, 1],
      [2, 2, 2, 1],
    ])
      expect(oneThreadBits(workOf({ sizes, model }), target), String(sizes)).toEqual(expected);
  });

  it.each(divisions)("of %i FFN instances, divided by %o, give the bits of one thread", (ffnInstances, ffnParallel) => {
    for (const [name, model] of models) {
      const work = workOf({ sizes: [5, 2], ffnInstances, ffnParallel, steps: 2, model });
      const expected = oneThreadBits(work, target);
      for (const attentionInstances of [1, 2, 3])
        expect(clusterBits({ ...work, attentionInstances }, target), `${name} ${attentionInstances}A`).toEqual(
          expected,
        );
    }
  });

  const stored = models.flatMap(([name, model]) => formats.map((messages) => [name, messages, model] as const));
  it.each(stored)("of the %s model keep their bits with messages %o", (_, messages, of) => {
    for (const [weightDtype, kvDtype] of storages) {
      const model = { ...of, weightDtype, kvDtype };
      const work = workOf({ model, messages, sizes: [4, 3], ffnInstances: 2, ffnParallel: { kind: "tp" }, steps: 2 });
      const expected = oneThreadBits(work, target);
      expect(clusterBits({ ...work, attentionInstances: 2 }, target), `${weightDtype} ${kvDtype}`).toEqual(expected);
    }
  });

  it("lose nothing to messages of float32, and something to all others", () => {
    const bitsWith = (messages: DecodeWork["messages"]): string => oneThreadBits(workOf({ messages }), target).join();
    const plain = bitsWith({ a2f: "f32", f2a: "f32" });
    for (const messages of formats.slice(1)) expect(bitsWith(messages), JSON.stringify(messages)).not.toBe(plain);
  });

  it("have nothing to do where a share is empty", () => {
    const work = workOf({ sizes: [1, 2], ffnInstances: 2, steps: 2 });
    const expected = oneThreadBits(work, target);
    expect(clusterBits({ ...work, attentionInstances: 4 }, target, 2)).toEqual(expected);
  });

  it.each(models)("give the same on any number of threads, in any order: %s", (_, model) => {
    const ffnParallel = { kind: "tp+ep", tensorParallel: 2 } as const;
    const work = workOf({
      model,
      sizes: [5, 2],
      kvTokens: [1300, 3, 0, 17, 255, 1, 2600],
      ffnInstances: 4,
      ffnParallel,
      steps: 2,
    });
    const expected = oneThreadBits(work, target);
    for (const ranks of [2, 3, 5])
      for (const order of ["rising", "falling"] as const)
        expect(clusterBits({ ...work, attentionInstances: 2 }, target, ranks, order), `${ranks} ${order}`).toEqual(
          expected,
        );
  });

  it("prepare on memory of any content", () => {
    const work = workOf({ attentionInstances: 2, ffnInstances: 2, steps: 2 });
    const expected = oneThreadBits(work, target);
    const cluster = handCluster(work, target);
    for (const round of ["first", "again"]) {
      for (const { memory } of [...cluster.attention, ...cluster.ffn]) dirty(memory);
      cluster.prepare();
      for (let step = 0; step < work.steps; step++) cluster.runStep(step);
      expect(bitsOf(cluster.finish(work.steps - 1)), round).toEqual(expected);
    }
  });

  it("finish a step as often as one likes, and go on", () => {
    const work = workOf({ attentionInstances: 2 });
    const expected = oneThreadBits(work, target);
    const cluster = handCluster(work, target);
    cluster.prepare();
    for (let step = 0; step < work.steps; step++) {
      cluster.runStep(step);
      expect(bitsOf(cluster.finish(step))).toEqual(bitsOf(cluster.finish(step)));
    }
    expect(bitsOf(cluster.finish(work.steps - 1))).toEqual(expected);
  });

  it("give equal bits for any small model, however it is divided", () => {
    fc.assert(
      fc.property(anyWork, ({ work, ranks }) => {
        const expected = oneThreadBits(work, target);
        expect(clusterBits(work, target, ranks)).toEqual(expected);
        const together = [{ first: 0, last: work.kvTokens.length }];
        expect(oneThreadBits({ ...work, microBatches: together }, target)).toEqual(expected);
      }),
      { numRuns: 60, seed: 23 },
    );
  });
});

function dirty({ buffer }: WebAssembly.Memory): void {
  new Uint8Array(buffer).fill(0xff, firstFreeAddress);
}
