import { describe, expect, it } from "vitest";
import type { DecodeWork, FfnParallel } from "../../src/afd/decodeWork.ts";
import { oneThreadModel } from "../../src/afd/oneThread.ts";
import { type Target, targets } from "../../src/kernels/target.ts";
import { handCluster, kernelsOf } from "./handCluster.ts";
import { bitsOf, workOf } from "./works.ts";

function oneThreadBits(work: DecodeWork, target: Target): string[] {
  const model = oneThreadModel(work, kernelsOf(target));
  model.prepare();
  for (let step = 0; step < work.steps; step++) model.runStep(step);
  return bitsOf(model.finish(work.steps - 1));
}

function clusterBits(work: DecodeWork, target: Target, ranks = 1): string[] {
  const cluster = handCluster(work, target, ranks);
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

  it("do not depend on the micro-batches", () => {
    const expected = oneThreadBits(workOf({ sizes: [7] }), target);
    for (const sizes of [
      [3, 4],
      [1, 5, 1],
      [2, 2, 2, 1],
    ])
      expect(oneThreadBits(workOf({ sizes }), target), String(sizes)).toEqual(expected);
  });

  it.each(divisions)("of %i FFN instances, divided by %o, give the bits of one thread", (ffnInstances, ffnParallel) => {
    const work = workOf({ sizes: [5, 2], ffnInstances, ffnParallel, steps: 2 });
    const expected = oneThreadBits(work, target);
    for (const attentionInstances of [1, 2, 3])
      expect(clusterBits({ ...work, attentionInstances }, target), `${attentionInstances}A`).toEqual(expected);
  });
});
