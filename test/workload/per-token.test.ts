import { describe, expect, it } from "vitest";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { kvBytesPerCachedToken, kvBytesReadPerToken, kvRowBytes } from "../../src/workload/kv-cache.ts";
import {
  attentionFlopsPerByte,
  attentionFlopsPerToken,
  effectiveRank,
  ffnFlopsPerToken,
  projectionFlopsPerToken,
} from "../../src/workload/per-token.ts";

// Step-3 report, Tables 2 (8K) and 3 (32K): KV bytes, attention FLOPs, linear FLOPs, FFN FLOPs per decoded token.
const published = [
  ["step3", 8192, 2.56e8, 3.27e10, 2.07e10, 5.33e10],
  ["deepseek-v3", 8192, 2.88e8, 1.47e11, 2.28e10, 4.84e10],
  ["qwen3-235b-a22b", 8192, 7.89e8, 2.52e10, 1.34e10, 2.84e10],
  ["step3", 32768, 1.02e9, 1.31e11, 2.07e10, 5.33e10],
  ["deepseek-v3", 32768, 1.15e9, 5.89e11, 2.28e10, 4.84e10],
  ["qwen3-235b-a22b", 32768, 3.15e9, 1.01e11, 1.34e10, 2.84e10],
] as const;

describe("per decoded token", () => {
  it.each(published)("%s at %d prints as the report does", (name, contextTokens, ...row) => {
    const card = loadCatalogModel(name);
    const computed = [
      kvBytesReadPerToken(card, contextTokens),
      attentionFlopsPerToken(card, contextTokens),
      projectionFlopsPerToken(card),
      ffnFlopsPerToken(card),
    ];
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

  it("stores two float scales a token and KV head", () => {
    const rows = ["step3", "qwen3-235b-a22b", "deepseek-v3"].map((name) => {
      const attention = loadCatalogModel(name).layers[0]?.attention;
      return attention && kvRowBytes(attention, 1, "scaledValues");
    });
    expect(rows).toEqual([520, 1024 + 4 * 8, 584]);
  });
});
