import { describe, expect, it } from "vitest";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { decodeModelOf } from "../../src/runs/decodeModel.ts";
import { InfeasibleError } from "../../src/units/errors.ts";
import { scaledCard } from "../../src/workload/scaledCard.ts";

const choice = { weightDtype: "int8", kvDtype: "fp8", seed: 3 } as const;

/** What stands in the way of each shipped model that no stage computes. */
const refused: Readonly<Record<string, string>> = {
  "minimax-m1": "lightning linear attention",
  "qwen3-next-80b-a3b": "gatedDelta linear attention",
};

describe("decodeModelOf", () => {
  it("takes Step-3 as its card says", () => {
    const card = loadCatalogModel("step3");
    const model = decodeModelOf(card, choice);
    expect(model).toMatchObject({ hidden: 7168, epsilon: 1e-5, ...choice });
    expect(model.layers.length).toBe(61);
    expect(model.layers[4]).toEqual({
      attention: {
        ...{ kind: "grouped", queryHeads: 64, kvHeads: 1, headDim: 256, queryRank: 2048 },
        ...{ rope: { theta: 500000, dims: 256, pairs: "halves", scaling: { kind: "none" } }, span: { kind: "full" } },
        ...{ qkNorm: false, bias: "none", sinks: false, softmaxScale: 1 / 16 },
      },
      ffn: {
        ...{ kind: "moe", experts: 48, expertDim: 5120, sharedDim: 5120, sharedGate: false, activation: "silu" },
        router: card.layers[4]?.ffn.kind === "moe" ? card.layers[4].ffn.router : undefined,
      },
    });
    expect(model.layers[60]?.ffn).toEqual({ kind: "dense", width: 18432, activation: "silu" });
  });

  it("takes absorbed latents of DeepSeek-V3, whose RoPE turns neighbours and is stretched by YaRN", () => {
    expect(decodeModelOf(loadCatalogModel("deepseek-v3"), choice).layers[0]?.attention).toEqual({
      ...{ kind: "latent", queryHeads: 128, queryRank: 1536, kvRank: 512, nopeHeadDim: 128, ropeHeadDim: 64 },
      ...{ valueHeadDim: 128, span: { kind: "full" }, softmaxScale: expect.closeTo(0.13523377886088, 14) },
      rope: {
        ...{ theta: 10000, dims: 64, pairs: "neighbours" },
        scaling: {
          ...{ kind: "yarn", factor: 40, originalTokens: 4096, betaFast: 32, betaSlow: 1, truncate: true },
          attentionFactor: 1,
        },
      },
    });
  });

  it("keeps spans, norms of heads and layers without positions", () => {
    const attentionsOf = (name: string) =>
      decodeModelOf(loadCatalogModel(name), choice).layers.map(({ attention }) => attention);
    expect(attentionsOf("llama-4-maverick").slice(2, 4)).toMatchObject([
      { span: { kind: "chunked", tokens: 8192 }, rope: { dims: 128, pairs: "neighbours" }, qkNorm: false },
      { span: { kind: "full" }, rope: { dims: 0 } },
    ]);
    expect(attentionsOf("gemma-3-27b").slice(4, 6)).toMatchObject([
      { span: { kind: "sliding", tokens: 1024 }, qkNorm: true, rope: { pairs: "halves" } },
      { span: { kind: "full" }, qkNorm: true },
    ]);
    expect(attentionsOf("glm-4.5")[0]).toMatchObject({ qkNorm: true, bias: "queryKeyValue", rope: { dims: 64 } });
  });

  it("refuses what no shipped model shows first", () => {
    const card = loadCatalogModel("llama-3.1-70b");
    const [layer] = card.layers;
    if (layer?.attention.kind !== "gqa") throw new Error("llama is no GQA");
    const gated = { ...layer, attention: { ...layer.attention, outputGate: true } };
    expect(() => decodeModelOf({ ...card, layers: [layer, gated] }, choice)).toThrow(
      "llama-3.1-70b has output gates in its attention,",
    );
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
