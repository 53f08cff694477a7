import { describe, expect, it } from "vitest";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { parametersActivated, parametersTotal } from "../../src/model/parameters.ts";

describe("catalog", () => {
  // Published sizes in billions: total and active per token, embeddings in both.
  const sizes: [string, number, number][] = [
    ["step3", 316.3, 38.8],
    ["step3-text", 316.3, 38.8],
    ["deepseek-v3", 671.0, 37.6],
    ["kimi-k2", 1026.4, 32.9],
    ["qwen3-235b-a22b", 235.1, 22.2],
    ["qwen3-32b", 32.8, 32.8],
    ["llama-4-maverick", 400.7, 17.2],
    ["minimax-m1", 456.1, 48.4],
    ["ernie-4.5-300b-a47b", 298.6, 47.1],
    ["pangu-pro-moe", 72.0, 16.5],
    ["llama-3.1-70b", 70.6, 70.6],
    ["mistral-7b", 7.2, 7.2],
    ["gemma-3-27b", 27.0, 27.0],
    ["glm-4.5", 352.8, 33.6],
    ["glm-4.5-air", 106.9, 13.4],
    ["qwen3-next-80b-a3b", 79.7, 3.9],
  ];

  it("holds these models", () => {
    expect(modelNames()).toEqual(sizes.map(([name]) => name));
  });

  it.each(sizes)("%s has %d / %d billion parameters", (name, total, activated) => {
    const card = loadCatalogModel(name);
    expect(card.name).toBe(name);
    expect(card.source).not.toBe("");
    expect(card.notes.filter((note) => note.startsWith("Not read"))).toEqual([]);
    expect(parametersTotal(card) / 1e9).toBeCloseTo(total, 1);
    expect(parametersActivated(card) / 1e9).toBeCloseTo(activated, 1);
  });

  it("reads Step-3's layer as the report has it", () => {
    const card = loadCatalogModel("Step3");
    const dense = card.layers.flatMap(({ ffn }, index) => (ffn.kind === "dense" ? [index] : []));
    expect(dense).toEqual([0, 1, 2, 3, 60]);
    expect(card.layers[4]).toEqual({
      attention: {
        kind: "mfa",
        queryHeads: 64,
        kvHeads: 1,
        headDim: 256,
        queryRank: 2048,
        span: { kind: "full" },
        kvBits: 8,
        ropeTheta: 500000,
        ropeDims: 256,
        ropeScaling: { kind: "none" },
        softmaxScale: 1 / 16,
      },
      ffn: {
        kind: "moe",
        experts: 48,
        expertDim: 5120,
        sharedDim: 5120,
        sharedGate: false,
        activation: "silu",
        router: {
          score: "softmax",
          topK: 3,
          normalizeTopK: false,
          scalingFactor: 1,
          correctionBias: false,
          logitBias: false,
          scalesInput: false,
          groups: 1,
          groupsKept: 1,
          groupRule: "none",
        },
      },
    });
    expect({ ...card, layers: card.layers.length }).toMatchObject({
      modelType: "step3_text",
      hidden: 7168,
      vocab: 128815,
      rmsNormEpsilon: 1e-5,
      tiedEmbeddings: false,
      maxContextTokens: 65536,
      layers: 61,
    });
  });

  it("reads DeepSeek-V3's groups and Qwen3's normalized top 8", () => {
    expect(loadCatalogModel("deepseek-v3").layers[3]?.ffn).toMatchObject({
      sharedDim: 2048,
      router: {
        score: "sigmoid",
        topK: 8,
        normalizeTopK: true,
        scalingFactor: 2.5,
        correctionBias: true,
        groups: 8,
        groupsKept: 4,
      },
    });
    const qwen = loadCatalogModel("qwen3-235b-a22b").layers[0];
    expect(qwen?.attention).toMatchObject({ kind: "gqa", queryHeads: 64, kvHeads: 4, headDim: 128, qkNorm: true });
    expect(qwen?.ffn).toMatchObject({ sharedDim: 0, router: { score: "softmax", topK: 8, normalizeTopK: true } });
  });

  it("suggests the nearest names", () => {
    expect(() => loadCatalogModel("deepseek-v2")).toThrow(/got "deepseek-v2"; did you mean "deepseek-v3"\?$/);
    expect(() => loadCatalogModel("constructor")).toThrow(/^model: expected one of step3, /);
  });
});
