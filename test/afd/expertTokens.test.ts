import { describe, expect, it } from "vitest";
import { createExpertTokens, ExpertTokens, readExpertTokens } from "../../src/afd/expertTokens.ts";
import { layoutsOf } from "../../src/afd/stageModel.ts";
import type { Work } from "../../src/afd/work.ts";
import { tinyModel, workOf } from "./works.ts";

const work: Work = { kind: "kernels", decode: workOf({ sizes: [2, 1] }) };

describe("ExpertTokens", () => {
  it("counts the experts of all slots of a micro-batch's tokens, layer by layer", () => {
    const layout = layoutsOf(work).ffn[0];
    const memory = new SharedArrayBuffer(layout?.memoryBytes ?? 0);
    const chosen = [
      [3, 7, 3, 11],
      [0, 3],
    ];
    for (const [microBatch, ids] of chosen.entries()) {
      const tensor = layout?.receives[microBatch]?.find(({ key }) => key === "expertIds");
      new Int32Array(memory, tensor?.address, ids.length).set(ids);
    }
    const buffer = createExpertTokens(work);
    const tokens = new ExpertTokens(work, 0, memory, buffer);
    tokens.add({ step: 0, layer: 1, microBatch: 0 });
    tokens.add({ step: 0, layer: 1, microBatch: 1 });
    tokens.add({ step: 1, layer: 2, microBatch: 1 });
    const [dense, first, second] = readExpertTokens(work, buffer);
    expect(tinyModel.layers[0]?.ffn.kind).toBe("dense");
    expect(dense).toEqual([]);
    expect(first).toEqual([1, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect(second).toEqual([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("has no room where nothing is routed", () => {
    const dense = { ...tinyModel, layers: tinyModel.layers.slice(0, 1) };
    const alone: Work = { kind: "kernels", decode: workOf({ model: dense }) };
    expect(createExpertTokens(alone).byteLength).toBe(0);
    expect(readExpertTokens(alone, createExpertTokens(alone))).toEqual([[]]);
  });
});
