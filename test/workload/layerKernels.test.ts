import { describe, expect, it } from "vitest";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { attentionParameters } from "../../src/model/parameters.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import {
  attentionCore,
  attentionLayer,
  expertProducts,
  type LayerSetting,
  moeLayer,
  routedExperts,
} from "../../src/workload/layerKernels.ts";

const SETTING: LayerSetting = {
  batch: 16,
  kvTokens: 8192,
  tensorParallel: 1,
  expertParallel: 1,
  operand: "fp8",
  bytesPerWeight: 1,
  bytesPerKvElement: 2,
};

describe("the kernels of an attention layer", () => {
  it.each(modelNames())("of %s hold all of its weights", (name) => {
    const card = loadCatalogModel(name);
    for (const { attention } of card.layers) {
      if (attention.kind === "linear" || ("outputGate" in attention && attention.outputGate)) continue;
      const products = attentionLayer(attention, card.hidden, SETTING).map(({ shape }) => shape);
      const weights = products.reduce((sum, shape) => sum + ("n" in shape ? shape.groups * shape.n * shape.k : 0), 0);
      expect(weights).toBe(attentionParameters(attention, card.hidden));
    }
  });

  it("divide heads among cards", () => {
    const { attention } = loadCatalogModel("qwen3-235b-a22b").layers[0] ?? {};
    if (attention === undefined || attention.kind === "linear") throw new Error("no cache");
    const core = attentionCore(attention, { ...SETTING, tensorParallel: 4 }).shape;
    expect(core).toMatchObject({ queryHeads: 16, kvHeads: 1, kvTokens: 8192 });
    const wide = attentionCore(attention, { ...SETTING, tensorParallel: 16 }).shape;
    expect(wide).toMatchObject({ queryHeads: 4, kvHeads: 1 });
    expect(() => attentionCore(attention, { ...SETTING, tensorParallel: 7 })).toThrow(InvalidInputError);
  });
});

describe("the kernels of a MoE layer", () => {
  const card = loadCatalogModel("deepseek-v3");
  const ffn = card.layers.map((layer) => layer.ffn).find(({ kind }) => kind === "moe");
  if (ffn?.kind !== "moe") throw new Error("no experts");

  it("divide experts among cards, each with its batch", () => {
    const experts = routedExperts(card, ffn, { ...SETTING, batch: 128, expertParallel: 32 });
    expect(experts).toMatchObject({ localExperts: 8, tokens: 4096, routedTokens: 1024 });
    expect(experts.touchedExperts).toBeCloseTo(8, 3);
    const [up, down] = expertProducts(card, ffn, { ...SETTING, batch: 128, expertParallel: 32 });
    expect(up?.shape).toMatchObject({ groups: 8, m: 128, n: 4096, k: 7168 });
    expect(down?.shape).toMatchObject({ groups: 8, m: 128, n: 7168, k: 2048 });
  });

  it("are router, experts and shared expert", () => {
    expect(moeLayer(card, ffn, SETTING).map(({ part }) => part)).toEqual([
      "router",
      "experts",
      "shared gate and up",
      "shared down",
    ]);
  });
});
