import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelCard } from "../../src/model/card.ts";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { attentionFlopsPerByte } from "../../src/workload/per-token.ts";
import { intensityFlopsPerByte, modelTerms } from "../../src/workload/terms.ts";

const cards = modelNames().map(loadCatalogModel);

const contexts = fc.integer({ min: 1, max: 2 ** 21 });

/** Every layer attends to all of a cache, in one KV precision, by the same count a byte. */
function isUniform({ layers }: ModelCard): boolean {
  const kinds = layers.map(({ attention }) =>
    attention.kind === "linear" ? "state" : `${attention.kind} ${attention.span.kind} ${attention.kvBits}`,
  );
  return new Set(kinds).size === 1 && / full /.test(kinds[0] ?? "");
}

function coreIntensity(card: ModelCard, batch: number, kvTokens: number): number {
  const setting = { batch, kvTokens, tokensPerExpert: 1, bytesPerWeight: 1, bytesPerKvElement: 1 };
  const cores = modelTerms(card, setting).filter(({ label }) => label === "attention.core");
  const total = (key: "flops" | "kvBytes") => cores.reduce((sum, term) => sum + term.layers * term[key], 0);
  return intensityFlopsPerByte({ flops: total("flops"), kvBytes: total("kvBytes"), weightBytes: 0 }) ?? Number.NaN;
}

describe("intensity of attention", () => {
  it("does not depend on the batch", () => {
    const batches = fc.integer({ min: 2, max: 4096 });
    fc.assert(
      fc.property(fc.constantFrom(...cards), batches, contexts, (card, batch, context) => {
        expect(coreIntensity(card, batch, context) / coreIntensity(card, 1, context)).toBeCloseTo(1, 12);
      }),
    );
  });

  it("does not depend on the context where all layers attend to all of it in one KV precision", () => {
    const uniform = cards.filter(isUniform);
    expect(uniform.map(({ name }) => name)).toContain("step3");
    fc.assert(
      fc.property(fc.constantFrom(...uniform), contexts, contexts, (card, one, other) => {
        const at = (contextTokens: number) => attentionFlopsPerByte(card, { contextTokens, convention: "report" });
        expect(at(one) / at(other)).toBeCloseTo(1, 12);
      }),
    );
  });

  it("falls with context in Llama 4 Maverick, whose full layers keep BF16", () => {
    const card = loadCatalogModel("llama-4-maverick");
    const at = (contextTokens: number) => attentionFlopsPerByte(card, { contextTokens, convention: "report" });
    expect(at(8192)).toBe(8);
    expect(at(32768)).toBeCloseTo(6.36, 2);
  });
});
