import { describe, expect, it } from "vitest";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { kvBytesPerCachedToken, kvRowBytes } from "../../src/workload/kv-cache.ts";
import { attentionFlopsPerByte, effectiveRank, tokenWork } from "../../src/workload/per-token.ts";

// Step-3 report, Tables 2 (8K) and 3 (32K): KV bytes, attention FLOPs, linear FLOPs, FFN FLOPs per decoded token.
const published = [
  ["deepseek-v3", 8192, 2.88e8, 1.47e11, 2.28e10, 4.84e10],
  ["kimi-k2", 8192, 2.88e8, 7.37e10, 1.23e10, 4.84e10],
  ["qwen3-235b-a22b", 8192, 7.89e8, 2.52e10, 1.34e10, 2.84e10],
  ["qwen3-32b", 8192, 1.07e9, 1.72e10, 1.21e10, 5.03e10],
  ["llama-4-maverick", 8192, 1.01e9, 8.05e9, 6.04e9, 2.42e10],
  ["minimax-m1", 8192, 9.23e8, 3.42e9, 3.75e10, 5.44e10],
  ["ernie-4.5-300b-a47b", 8192, 9.06e8, 1.45e10, 1.63e10, 7.61e10],
  ["pangu-pro-moe", 8192, 8.05e8, 8.05e9, 6.04e9, 2.38e10],
  ["step3", 8192, 2.56e8, 3.27e10, 2.07e10, 5.33e10],
  ["deepseek-v3", 32768, 1.15e9, 5.89e11, 2.28e10, 4.84e10],
  ["kimi-k2", 32768, 1.15e9, 2.95e11, 1.23e10, 4.84e10],
  ["qwen3-235b-a22b", 32768, 3.15e9, 1.01e11, 1.34e10, 2.84e10],
  ["qwen3-32b", 32768, 4.29e9, 6.87e10, 1.21e10, 5.03e10],
  ["llama-4-maverick", 32768, 2.21e9, 1.41e10, 6.04e9, 2.42e10],
  ["minimax-m1", 32768, 1.93e9, 1.15e10, 3.75e10, 5.44e10],
  ["ernie-4.5-300b-a47b", 32768, 3.62e9, 5.8e10, 1.63e10, 7.61e10],
  ["pangu-pro-moe", 32768, 3.22e9, 3.22e10, 6.04e9, 2.38e10],
  ["step3", 32768, 1.02e9, 1.31e11, 2.07e10, 5.33e10],
] as const;

describe("per decoded token", () => {
  it.each(published)("%s at %d prints as the report does", (name, contextTokens, ...row) => {
    const card = loadCatalogModel(name);
    const { kvBytes, attentionFlops, linearFlops, ffnFlops } = tokenWork(card, { contextTokens, convention: "report" });
    const computed = [kvBytes, attentionFlops, linearFlops, ffnFlops];
    expect(computed.map((value) => Number(value.toPrecision(3)))).toEqual(row);
  });

  it.each([
    ["step3", 128, 16384, 61 * 512],
    ["deepseek-v3", 512, 16384, 61 * 576],
    ["qwen3-235b-a22b", 32, 8192, 94 * 1024],
  ])("%s: %d FLOPs per KV byte, rank %d, %d bytes a cached token", (name, intensity, rank, bytes) => {
    const card = loadCatalogModel(name);
    const attention = card.layers[0]?.attention;
    expect(attentionFlopsPerByte(card, { contextTokens: 8192, convention: "report" })).toBe(intensity);
    expect(attention && effectiveRank(attention)).toBe(rank);
    expect(kvBytesPerCachedToken(card)).toBe(bytes);
  });

  it("depends on the context where layers differ in what they attend to and in precision", () => {
    const card = loadCatalogModel("llama-4-maverick");
    const at = (contextTokens: number) => attentionFlopsPerByte(card, { contextTokens, convention: "report" });
    expect([at(8192), at(32768)].map((value) => value.toFixed(2))).toEqual(["8.00", "6.36"]);
  });

  it("stores two float scales a token and KV head", () => {
    const rows = ["step3", "qwen3-235b-a22b", "deepseek-v3"].map((name) => {
      const attention = loadCatalogModel(name).layers[0]?.attention;
      return attention && kvRowBytes(attention, 1, "scaledValues");
    });
    expect(rows).toEqual([520, 1024 + 4 * 8, 584]);
  });
});
