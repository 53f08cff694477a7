import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAccelerator, reportAcceleratorNames } from "../../src/hardware/catalog.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { cheapestDeployment, type DeploymentWork, deployments } from "../../src/theory/deployment.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { type DecodeSetting, ffnTokens } from "../../src/workload/setting.ts";
import { modelTerms } from "../../src/workload/terms.ts";

const accelerators = reportAcceleratorNames().map(loadAccelerator);

const workOf = (name: string, change: Partial<DecodeSetting>): DeploymentWork => {
  const card = loadCatalogModel(name);
  const base = { batch: 16, kvTokens: 8192, tokensPerExpert: 16, bytesPerWeight: 1, bytesPerKvElement: 1 };
  const setting = { ...base, ...change };
  return { terms: modelTerms(card, setting), batch: setting.batch, ffnTokens: ffnTokens(card, setting), dtype: "int8" };
};

/** Batches so large that weights cost nothing, as the report's section 4.2 assumes. */
const large = { batch: 2 ** 20, tokensPerExpert: 2 ** 20 };

describe("deployments", () => {
  // Step-3 report, Table 6, best AFD pairing, USD per million tokens.
  it.each([
    ["step3", 8192, 0.055],
    ["step3", 32768, 0.129],
    ["qwen3-235b-a22b", 8192, 0.062],
    ["qwen3-235b-a22b", 32768, 0.193],
  ])("%s at %d costs %d", (name, kvTokens, usd) => {
    const best = cheapestDeployment(workOf(name, { ...large, kvTokens }), accelerators);
    expect(best.ffnOn).toBe("h800");
    expect(Math.abs(best.usdPerMillionTokens - usd)).toBeLessThanOrEqual(0.001);
  });

  it("works out by hand what two terms take on two cards", () => {
    const terms = [
      { side: "attention" as const, flops: 1.98e12, bytes: 0, layers: 2 },
      { side: "ffn" as const, flops: 0, bytes: 4e9, layers: 3 },
    ];
    const [first, second, ...others] = deployments(
      { terms, batch: 10, ffnTokens: 100, dtype: "int8" },
      ["h800", "h20"].map(loadAccelerator),
    );
    expect(others).toHaveLength(2);
    expect(first).toEqual({
      attentionOn: "h800",
      ffnOn: "h20",
      attentionPrecision: "fp8",
      ffnPrecision: "fp8",
      attentionNs: expect.closeTo(2e6, 3),
      ffnNs: expect.closeTo(3e6, 3),
      tpotNs: expect.closeTo(5e6, 3),
      tokensPerSecondPerCard: expect.closeTo(1e9 / 2.3e5, 3),
      attentionCardShare: expect.closeTo(2 / 2.3, 9),
      usdPerMillionTokens: expect.closeTo((2e5 * 2 + 3e4 * 0.8) / 3.6e6, 9),
    });
    expect(second?.usdPerMillionTokens).toBeGreaterThan(first?.usdPerMillionTokens ?? Number.NaN);
  });

  it("weighs a small batch's weights: TPOT grows by less than the batch", () => {
    const small = cheapestDeployment(workOf("step3", {}), accelerators);
    const double = cheapestDeployment(workOf("step3", { batch: 32, tokensPerExpert: 32 }), accelerators);
    expect(double.tpotNs).toBeLessThan(2 * small.tpotNs);
    expect(double.usdPerMillionTokens).toBeLessThan(small.usdPerMillionTokens);
  });

  it("holds cards, rate and price together for every pairing", () => {
    const whole = fc.integer({ min: 1, max: 512 });
    fc.assert(
      fc.property(whole, whole, whole, (batch, kvTokens, tokensPerExpert) => {
        const work = workOf("step3", { batch, kvTokens, tokensPerExpert });
        const all = deployments(work, accelerators);
        expect(all).toHaveLength(16);
        for (const pairing of all) {
          const share = pairing.attentionCardShare;
          // Per card of the whole deployment, both sides handle as many tokens a second.
          const attentionRate = (share * work.batch * 1e9) / pairing.attentionNs;
          const ffnRate = ((1 - share) * work.ffnTokens * 1e9) / pairing.ffnNs;
          expect(attentionRate / pairing.tokensPerSecondPerCard).toBeCloseTo(1, 9);
          expect(ffnRate / pairing.tokensPerSecondPerCard).toBeCloseTo(1, 9);
          expect(pairing.usdPerMillionTokens).toBeGreaterThanOrEqual(all[0]?.usdPerMillionTokens ?? Number.NaN);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("refuses what has no deployment", () => {
    const work = workOf("step3", {});
    expect(() => deployments(work, [])).toThrow(InvalidInputError);
    expect(() => deployments({ ...work, batch: 0 }, accelerators)).toThrow("batch");
    expect(() => deployments({ ...work, ffnTokens: Number.NaN }, accelerators)).toThrow("ffnTokens");
    const attention = work.terms.filter(({ side }) => side === "attention");
    expect(() => cheapestDeployment({ ...work, terms: attention }, accelerators)).toThrow("terms of the ffn side");
  });
});
