import { describe, expect, it } from "vitest";
import type { LayerSpec } from "../../src/model/card.ts";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { parametersTotal } from "../../src/model/parameters.ts";
import { scaledCard } from "../../src/workload/scaledCard.ts";

const cards = modelNames().map(loadCatalogModel);
const divisors = Array.from({ length: 64 }, (_, index) => index + 1);

/** What of a layer stays: its kinds, elements of heads, experts, router. */
function unscaled({ attention, ffn }: LayerSpec): string {
  const widths = new Set(["queryHeads", "kvHeads", "keyHeads", "valueHeads", "queryRank", "kvRank"]);
  for (const width of ["width", "expertDim", "sharedDim"]) widths.add(width);
  const grouped = (key: string, value: unknown) => (key === "kind" && value !== "moe" ? isGrouped(value) : value);
  return JSON.stringify({ attention, ffn }, (key, value) => (widths.has(key) ? undefined : grouped(key, value)));
}

/** Grouped attention may become MQA or MHA. */
function isGrouped(kind: unknown): unknown {
  return kind === "gqa" || kind === "mqa" || kind === "mha" ? "grouped" : kind;
}

/** Widths and ranks that are there. */
function widthsOf({ attention, ffn }: LayerSpec): number[] {
  const widths = ffn.kind === "dense" ? [ffn.width] : [ffn.expertDim, ffn.sharedDim];
  if (attention.kind === "mla") widths.push(attention.kvRank, attention.queryRank ?? 0);
  if (attention.kind === "mfa") widths.push(attention.queryRank);
  return widths.filter((width) => width !== 0);
}

/** The larger number of heads, and the one that divides it. */
function headsOf(attention: LayerSpec["attention"]): readonly [number, number] {
  if (attention.kind === "mla") return [attention.queryHeads, attention.queryHeads];
  if (attention.kind === "linear") return [attention.valueHeads, attention.keyHeads];
  return [attention.queryHeads, attention.kvHeads];
}

describe.each(cards)("$name in small", (card) => {
  it("stays what it is at 1", () => {
    expect(scaledCard(card, 1)).toBe(card);
  });

  it("keeps what kernels take, at any divisor", () => {
    for (const divisor of divisors) {
      const { hidden, layers } = scaledCard(card, divisor);
      const widths = [hidden, ...layers.flatMap(widthsOf)];
      expect(widths.filter((width) => width < 8 || width % 8 !== 0)).toEqual([]);
      for (const { attention } of layers) {
        const [many, few] = headsOf(attention);
        expect([few >= 1, many % few], `1/${divisor}`).toEqual([true, 0]);
      }
    }
  });

  it("keeps every sort of layer, in order, and as many as the divisor says", () => {
    const sorts = new Set(card.layers.map((layer) => JSON.stringify(layer)));
    for (const divisor of divisors) {
      const { layers } = scaledCard(card, divisor);
      expect(new Set(layers.map(unscaled))).toEqual(new Set(card.layers.map(unscaled)));
      expect(Math.abs(layers.length - card.layers.length / divisor)).toBeLessThanOrEqual(sorts.size);
      // The scaled layers are a selection of the others in the same order.
      let place = 0;
      for (const layer of layers) {
        while (place < card.layers.length && unscaled(card.layers[place] as LayerSpec) !== unscaled(layer)) place++;
        place++;
      }
      expect(place).toBeLessThanOrEqual(card.layers.length);
    }
  });

  it("has fewer parameters the larger the divisor", () => {
    const sizes = [1, 2, 4, 8, 16, 32, 64].map((divisor) => parametersTotal(scaledCard(card, divisor)));
    for (const [index, size] of sizes.entries()) if (index > 0) expect(size).toBeLessThan(sizes[index - 1] as number);
  });
});

describe("step3 at 1/8", () => {
  it("has an eighth of everything but heads' elements, experts and top-k", () => {
    const { hidden, layers, name } = scaledCard(loadCatalogModel("step3"), 8);
    expect({ name, hidden, layers: layers.map(({ ffn }) => ffn.kind).join(" ") }).toEqual({
      name: "step3 at 1/8",
      hidden: 896,
      layers: `dense ${Array(7).fill("moe").join(" ")}`,
    });
    expect(layers[0]).toMatchObject({
      attention: { queryHeads: 8, kvHeads: 1, headDim: 256, queryRank: 256 },
      ffn: { width: 2304 },
    });
    expect(layers[1]).toMatchObject({ ffn: { experts: 48, expertDim: 640, sharedDim: 640, router: { topK: 3 } } });
  });

  it.each([0, 0.5, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a divisor of %d", (divisor) => {
    expect(() => scaledCard(loadCatalogModel("step3"), divisor)).toThrow(/--scale: expected a divisor of at least 1/);
  });
});
