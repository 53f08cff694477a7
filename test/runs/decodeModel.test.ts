import { describe, expect, it } from "vitest";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { decodeModelOf } from "../../src/runs/decodeModel.ts";
import { InfeasibleError } from "../../src/units/errors.ts";
import { scaledCard } from "../../src/workload/scaledCard.ts";

const choice = { weightDtype: "int8", kvDtype: "fp8", seed: 3 } as const;

/** What stands in the way of each shipped model that no stage computes. */
const refused: Readonly<Record<string, string>> = {
  "deepseek-v3": "multi-head latent attention",
  "kimi-k2": "multi-head latent attention",
  "qwen3-235b-a22b": "norms of queries and keys",
  "qwen3-32b": "norms of queries and keys",
  "llama-4-maverick": "attention over chunked spans",
  "minimax-m1": "lightning linear attention",
  "pangu-pro-moe": "biases in its attention",
  "mistral-7b": "attention over sliding spans",
  "gemma-3-27b": "attention over sliding spans",
  "glm-4.5": "heads of which RoPE turns 64 of 128 elements",
  "glm-4.5-air": "heads of which RoPE turns 64 of 128 elements",
  "qwen3-next-80b-a3b": "gatedDelta linear attention",
};

describe("decodeModelOf", () => {
  it("takes Step-3 as its card says", () => {
    const card = loadCatalogModel("step3");
    const model = decodeModelOf(card, choice);
    expect(model).toMatchObject({ hidden: 7168, epsilon: 1e-5, ...choice });
    expect(model.layers.length).toBe(61);
    expect(model.layers[4]).toEqual({
      attention: { queryHeads: 64, kvHeads: 1, headDim: 256, queryRank: 2048, ropeTheta: 500000 },
      ffn: {
        ...{ kind: "moe", experts: 48, expertDim: 5120, sharedDim: 5120, activation: "silu" },
        router: card.layers[4]?.ffn.kind === "moe" ? card.layers[4].ffn.router : undefined,
      },
    });
    expect(model.layers[60]?.ffn).toEqual({ kind: "dense", width: 18432, activation: "silu" });
  });

  it("refuses what no shipped model shows first", () => {
    const card = loadCatalogModel("llama-3.1-70b");
    const [layer] = card.layers;
    const grouped = layer?.attention;
    if (layer === undefined || grouped?.kind !== "gqa") throw new Error("llama is no GQA");
    const moe = { kind: "moe", experts: 4, expertDim: 8, sharedDim: 8, activation: "silu" } as const;
    const step3 = loadCatalogModel("step3").layers[10]?.ffn;
    if (step3?.kind !== "moe") throw new Error("step3 has no experts");
    const { router } = step3;
    const cases = [
      [{ ...layer, attention: { ...grouped, sinks: true } }, "attention sinks"],
      [{ ...layer, attention: { ...grouped, outputGate: true } }, "output gates in its attention"],
      [{ ...layer, attention: { ...grouped, ropeDims: 0 } }, "layers without positions"],
      [{ ...layer, ffn: { kind: "dense", width: 8, activation: "clampedSilu" } }, "experts with biases"],
      [{ ...layer, ffn: { ...moe, sharedGate: true, router } }, "a gate on its shared expert"],
    ] as const;
    for (const [changed, why] of cases)
      expect(() => decodeModelOf({ ...card, layers: [layer, changed] }, choice)).toThrow(`llama-3.1-70b has ${why},`);
  });

  it.each(modelNames())("%s is decoded, or refused by name and feature, at any scale", (name) => {
    for (const divisor of [1, 8, 64]) {
      const card = scaledCard(loadCatalogModel(name), divisor);
      const why = refused[name];
      if (why === undefined) expect(decodeModelOf(card, choice).layers.length).toBe(card.layers.length);
      else {
        expect(() => decodeModelOf(card, choice)).toThrow(InfeasibleError);
        expect(() => decodeModelOf(card, choice)).toThrow(`${card.name} has ${why}, which no stage`);
      }
    }
  });
});
