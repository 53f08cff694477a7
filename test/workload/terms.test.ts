import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { parametersTotal } from "../../src/model/parameters.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { kvBytesReadPerToken } from "../../src/workload/kv-cache.ts";
import { attentionFlopsPerToken, projectionFlopsPerToken } from "../../src/workload/per-token.ts";
import { type DecodeSetting, ffnTokens } from "../../src/workload/setting.ts";
import { intensityFlopsPerByte, layerTerms, modelTerms, type Term, type TermLabel } from "../../src/workload/terms.ts";

const setting: DecodeSetting = {
  batch: 16,
  kvTokens: 8192,
  tokensPerExpert: 16,
  bytesPerWeight: 1,
  bytesPerKvElement: 1,
};
const step3 = loadCatalogModel("step3");
const moeLayer = step3.layers[4] ?? { attention: {} as never, ffn: {} as never };
const termOf = (terms: readonly Term[], label: TermLabel) => {
  const found = terms.find((term) => term.label === label);
  if (found === undefined) throw new Error(`no term ${label}`);
  return found;
};

describe("layerTerms", () => {
  const terms = layerTerms(step3, moeLayer, setting);

  it("names the parts of a layer in the order in which they run", () => {
    expect(terms.map(({ label }) => label)).toEqual([
      "attention.projections",
      "attention.core",
      "moe.router",
      "moe.experts",
      "moe.shared",
      "moe.combine",
    ]);
    expect(layerTerms(step3, step3.layers[0] ?? moeLayer, setting).map(({ label }) => label)).toContain("ffn.dense");
    const qwen = loadCatalogModel("qwen3-235b-a22b");
    expect(layerTerms(qwen, qwen.layers[0] ?? moeLayer, setting).map(({ label }) => label)).not.toContain("moe.shared");
  });

  it("counts Step-3's matrices by hand", () => {
    const attentionWeights = 7168 * 2048 + 2 * 7168 * 256 + 2048 * 16384 + 16384 * 7168;
    const expertWeights = 3 * 7168 * 5120;
    expect(termOf(terms, "attention.projections")).toMatchObject({
      flops: 2 * 16 * attentionWeights,
      weightBytes: attentionWeights,
    });
    expect(termOf(terms, "attention.core")).toMatchObject({
      flops: 16 * 8192 * 64 * 256 * 4,
      kvBytes: 16 * 8192 * 512,
    });
    expect(termOf(terms, "moe.experts")).toMatchObject({
      flops: 2 * 48 * 16 * expertWeights,
      weightBytes: 48 * expertWeights,
    });
    expect(termOf(terms, "moe.shared")).toMatchObject({ flops: 2 * 256 * expertWeights, weightBytes: expertWeights });
    expect(termOf(terms, "moe.router")).toMatchObject({ flops: 2 * 256 * 7168 * 48, weightBytes: 4 * 7168 * 48 });
    expect(termOf(terms, "moe.combine")).toMatchObject({ flops: 2 * 256 * 3 * 7168, bytes: 0 });
  });

  it("gives 128 FLOPs per KV byte, and 126.0 for the format as stored", () => {
    expect(intensityFlopsPerByte(termOf(terms, "attention.core"))).toBe(128);
    const stored = layerTerms(step3, moeLayer, setting, "scaledValues");
    expect(intensityFlopsPerByte(termOf(stored, "attention.core"))).toBe(65536 / 520);
    expect(intensityFlopsPerByte(termOf(terms, "moe.combine"))).toBeUndefined();
    expect(intensityFlopsPerByte(termOf(terms, "moe.experts"))).toBe(32);
  });

  it.each([
    ["batch", 0],
    ["kvTokens", 0],
    ["kvTokens", 1.5],
    ["tokensPerExpert", Number.NaN],
    ["bytesPerWeight", -1],
    ["bytesPerKvElement", Number.POSITIVE_INFINITY],
  ])("refuses %s %d", (field, value) => {
    expect(() => layerTerms(step3, moeLayer, { ...setting, [field]: value })).toThrow(InvalidInputError);
    expect(() => layerTerms(step3, moeLayer, { ...setting, [field]: value })).toThrow(field);
  });
});

describe("modelTerms", () => {
  it("joins equal layers", () => {
    expect(modelTerms(step3, setting).map(({ label, layers }) => [label, layers])).toEqual([
      ["attention.projections", 61],
      ["attention.core", 61],
      ["ffn.dense", 5],
      ["moe.router", 56],
      ["moe.experts", 56],
      ["moe.shared", 56],
      ["moe.combine", 56],
    ]);
  });

  it("serves the tokens that fill every expert", () => {
    expect(ffnTokens(step3, setting)).toBe(256);
    expect(ffnTokens(loadCatalogModel("deepseek-v3"), setting)).toBe(512);
    expect(ffnTokens({ ...step3, layers: step3.layers.slice(0, 4) }, setting)).toBe(16);
  });

  it("adds up to the model: per token work, and every weight once", () => {
    const whole = fc.integer({ min: 1, max: 4096 });
    fc.assert(
      fc.property(fc.constantFrom(...modelNames()), whole, whole, whole, (name, batch, kvTokens, tokensPerExpert) => {
        const card = loadCatalogModel(name);
        const terms = modelTerms(card, { ...setting, batch, kvTokens, tokensPerExpert });
        const sum = (pick: (term: Term) => number) =>
          terms.reduce((total, term) => total + term.layers * pick(term), 0);
        const attention = (term: Term) => (term.side === "attention" ? term.flops : 0);
        expect(sum(attention)).toBe(batch * (attentionFlopsPerToken(card, kvTokens) + projectionFlopsPerToken(card)));
        expect(sum(({ kvBytes }) => kvBytes)).toBe(batch * kvBytesReadPerToken(card, kvTokens, 8));
        const routerBytes = sum((term) => (term.label === "moe.router" ? term.weightBytes : 0));
        const embeddings = (card.tiedEmbeddings ? 1 : 2) * card.vocab * card.hidden;
        expect(sum(({ weightBytes }) => weightBytes) - (routerBytes * 3) / 4 + embeddings).toBe(parametersTotal(card));
        expect(terms.every((term) => term.bytes === term.kvBytes + term.weightBytes)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
