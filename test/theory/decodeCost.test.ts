import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requirePrice } from "../../src/hardware/accelerator.ts";
import { loadAccelerator, reportAcceleratorNames } from "../../src/hardware/catalog.ts";
import { loadCatalogModel, modelNames } from "../../src/model/catalog.ts";
import { cheapestPairing, decodeCost, pricedRoofs, unitCost } from "../../src/theory/decodeCost.ts";
import { peakFor } from "../../src/theory/precision.ts";
import { tokenWork } from "../../src/workload/per-token.ts";

function unitOf(name: string) {
  const accelerator = loadAccelerator(name);
  const peak = peakFor(accelerator, "auto");
  if (peak === undefined) throw new Error(`${name} has no peak`);
  return unitCost(pricedRoofs(requirePrice(accelerator), peak));
}

function costOn(model: string, accelerator: string, contextTokens: number) {
  const work = tokenWork(loadCatalogModel(model), { contextTokens, convention: "report" });
  return decodeCost(work, unitOf(accelerator));
}

const ACCELERATORS = ["h800", "h20", "a800", "910b"];

describe("decodeCost", () => {
  // Step-3 report, Table 6: attention at 8K, at 32K, FFN; each on H800, H20, A800 and 910B.
  it.each([
    ["deepseek-v3", [0.054, 0.128, 0.114, 0.113], [0.197, 0.46, 0.409, 0.407], [0.014, 0.036, 0.032, 0.032]],
    ["qwen3-235b-a22b", [0.135, 0.054, 0.091, 0.101], [0.527, 0.185, 0.338, 0.376], [0.008, 0.021, 0.019, 0.019]],
    ["step3", [0.048, 0.04, 0.04, 0.043], [0.176, 0.114, 0.12, 0.133], [0.015, 0.04, 0.036, 0.035]],
  ])("%s costs what Table 6 prints", (model, at8k, at32k, ffn) => {
    const perMillion = (usd: number) => Number((usd * 1e6).toFixed(3));
    const attention = (context: number) =>
      ACCELERATORS.map((name) => perMillion(costOn(model, name, context).attentionUsd));
    expect(attention(8192)).toEqual(at8k);
    expect(attention(32768)).toEqual(at32k);
    expect(ACCELERATORS.map((name) => perMillion(costOn(model, name, 8192).ffnUsd))).toEqual(ffn);
  });

  it("never falls with context, and the best pairing never costs more than one accelerator", () => {
    const models = fc.constantFrom(...modelNames());
    const contexts = fc.integer({ min: 1, max: 2 ** 21 });
    fc.assert(
      fc.property(models, contexts, contexts, (model, one, other) => {
        const [shorter, longer] = [Math.min(one, other), Math.max(one, other)];
        const [first, ...rest] = reportAcceleratorNames().map((name) => ({ cost: costOn(model, name, longer) }));
        if (first === undefined) throw new Error("no accelerators");
        const best = cheapestPairing([first, ...rest]);
        const bestUsd = best.attention.cost.attentionUsd + best.ffn.cost.ffnUsd;
        for (const name of reportAcceleratorNames()) {
          const cost = costOn(model, name, longer);
          expect(costOn(model, name, shorter).attentionUsd).toBeLessThanOrEqual(cost.attentionUsd);
          expect(bestUsd).toBeLessThanOrEqual(cost.attentionUsd + cost.ffnUsd);
        }
      }),
    );
  });

  it("shares a step's KV bytes among drafted tokens", () => {
    const work = tokenWork(loadCatalogModel("step3"), { contextTokens: 8192, convention: "report" });
    const plain = decodeCost(work, unitOf("h800"));
    const drafted = decodeCost(work, unitOf("h800"), { draftTokens: 1, acceptance: 1 });
    expect(drafted.attentionUsd).toBeLessThan(plain.attentionUsd);
    expect(drafted.ffnUsd).toBeCloseTo(plain.ffnUsd, 15);
  });
});
