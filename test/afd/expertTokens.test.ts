import { describe, expect, it } from "vitest";
import type { FfnParallel } from "../../src/afd/decodeWork.ts";
import { addedTokens, createExpertTokens, ExpertTokens, readExpertTokens } from "../../src/afd/expertTokens.ts";
import { layoutsOf } from "../../src/afd/stageModel.ts";
import type { Work } from "../../src/afd/work.ts";
import { tinyModel, workOf } from "./works.ts";

const CHOSEN = [
  [3, 7, 3, 11],
  [0, 3],
];

/** What the FFN instances of a work count of the same choices, which all of them get. */
function counted(ffnInstances: number, ffnParallel: FfnParallel, instances = ffnInstances) {
  const work: Work = { kind: "kernels", decode: { ...workOf({ sizes: [2, 1] }), ffnInstances, ffnParallel } };
  const buffer = createExpertTokens(work);
  for (let instance = 0; instance < instances; instance++) {
    const layout = layoutsOf(work).ffn[instance];
    const memory = new SharedArrayBuffer(layout?.memoryBytes ?? 0);
    for (const [microBatch, ids] of CHOSEN.entries()) {
      const tensor = layout?.receives[microBatch]?.find(({ key }) => key === "expertIds");
      new Int32Array(memory, tensor?.address, ids.length).set(ids);
    }
    const tokens = new ExpertTokens(work, instance, memory, buffer);
    tokens.add({ step: 0, layer: 1, microBatch: 0 });
    tokens.add({ step: 0, layer: 1, microBatch: 1 });
    tokens.add({ step: 1, layer: 2, microBatch: 1 });
  }
  return readExpertTokens(work, buffer);
}

const FIRST = [1, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1];
const SECOND = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

describe("ExpertTokens", () => {
  it.each<[number, FfnParallel]>([
    [1, { kind: "ep" }],
    [3, { kind: "ep" }],
    [2, { kind: "tp" }],
    [4, { kind: "tp+ep", tensorParallel: 2 }],
  ])("counts the experts of all slots, layer by layer, by %i instances with %j together", (instances, parallel) => {
    expect(tinyModel.layers[0]?.ffn.kind).toBe("dense");
    expect(counted(instances, parallel)).toEqual([[], FIRST, SECOND]);
  });

  it("leaves experts out whose instance has counted nothing", () => {
    const half = FIRST.map((count, expert) => (expert < 6 ? count : 0));
    expect(counted(2, { kind: "ep" }, 1)).toEqual([[], half, SECOND]);
  });

  it("adds the counts of memberships up, of which some may have none", () => {
    expect(addedTokens([], [[], [1, 2]])).toEqual([[], [1, 2]]);
    expect(addedTokens([[], [1, 2]], [[], [3, 0]])).toEqual([[], [4, 2]]);
  });

  it("has no room where nothing is routed", () => {
    const dense = { ...tinyModel, layers: tinyModel.layers.slice(0, 1) };
    const alone: Work = { kind: "kernels", decode: workOf({ model: dense }) };
    expect(createExpertTokens(alone).byteLength).toBe(0);
    expect(readExpertTokens(alone, createExpertTokens(alone))).toEqual([[]]);
  });
});
