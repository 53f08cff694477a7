import { describe, expect, it } from "vitest";
import { loadAccelerator } from "../../src/hardware/catalog.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { peakFor } from "../../src/theory/precision.ts";
import { expertsForSparsity, leastSparsity, moeSparsity } from "../../src/theory/sparsity.ts";
import { attentionWeightBytesPerCard, byteBudget, stageNs } from "../../src/theory/stageBudget.ts";

const step3 = loadCatalogModel("step3");

function least(name: string, networkBytesPerSecond = loadAccelerator(name).networkBytesPerSecond ?? Number.NaN) {
  const accelerator = loadAccelerator(name);
  const flopsPerSecond = peakFor(accelerator, "auto")?.flopsPerSecond ?? Number.NaN;
  return leastSparsity({
    roofs: { flopsPerSecond, bytesPerSecond: accelerator.memoryBytesPerSecond },
    hidden: 7168,
    layers: 61,
    networkBytesPerSecond,
    stageSeconds: stageNs(50e6, 3) / 1e9,
  });
}

describe("leastSparsity", () => {
  it("is what the Step-3 report's Table 7 prints", () => {
    const rounded = ["h800", "h20", "a800", "910b"].map((name) => Number(least(name).toFixed(3)));
    expect(rounded).toEqual([0.058, 0.007, 0.031, 0.034]);
    expect(least("h800", 8 * 40e9).toFixed(3)).toBe("0.073");
  });

  it("asks DeepSeek-V3 for 14 experts on H800, where Step-3 is not too sparse", () => {
    const ffn = loadCatalogModel("deepseek-v3").layers[60]?.ffn;
    const ours = step3.layers[4]?.ffn;
    if (ffn?.kind !== "moe" || ours?.kind !== "moe") throw new Error("no experts");
    expect(moeSparsity(ffn).toFixed(3)).toBe("0.035");
    expect(expertsForSparsity(ffn, least("h800"))).toBe(14);
    expect(moeSparsity(ours).toFixed(2)).toBe("0.08");
    expect(moeSparsity(ours)).toBeGreaterThan(least("h800"));
  });
});

describe("attentionWeightBytesPerCard", () => {
  it("is 67 MB for Step-3 on a card of eight (Step-3 report, section 6)", () => {
    const attention = step3.layers[0]?.attention;
    if (attention === undefined) throw new Error("no layers");
    const bytes = attentionWeightBytesPerCard(attention, step3.hidden, { cards: 8, bytesPerWeight: 1 });
    expect(Math.ceil(bytes / 1e6)).toBe(67);
  });
});

describe("byteBudget", () => {
  const setting = { bytesPerSecond: 1e12, stageNs: 1e7 };

  it("is what a stage reads, or the memory where that is less", () => {
    expect(byteBudget(setting)).toEqual({ bytes: 1e10, limit: "bandwidth" });
    expect(byteBudget({ ...setting, memoryBytes: 2e10 })).toEqual({ bytes: 1e10, limit: "bandwidth" });
    expect(byteBudget({ ...setting, memoryBytes: 5e9 })).toEqual({ bytes: 5e9, limit: "capacity" });
  });
});
