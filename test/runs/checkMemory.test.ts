import { describe, expect, it } from "vitest";
import { planRows } from "../../src/runs/benchPlan.ts";
import { checkMemory } from "../../src/runs/checkMemory.ts";
import { loadModel } from "../../src/runs/models.ts";
import type { KernelName, ShapeSettings } from "../../src/runs/settings.ts";

async function check(kernel: KernelName, changes: Partial<ShapeSettings>): Promise<void> {
  const card = await loadModel({ name: "step3" });
  const common = { model: "step3", batches: [16], contexts: [8192], dtypes: ["f32"] as const, threads: [1], seed: 1 };
  const settings = { ...common, kernels: [kernel], tokensPerExpert: [16], ...changes };
  checkMemory(planRows(settings, card, 2 ** 20), 2 ** 40);
}

describe("checkMemory", () => {
  it.each<[KernelName, Partial<ShapeSettings>]>([
    ["attention.core", { batches: [1e9] }],
    ["attention.core", { contexts: [2 ** 40] }],
    ["attention.layer", { batches: [1e8] }],
  ])("refuses %s at %j without laying it out", async (kernel, changes) => {
    await expect(check(kernel, changes)).rejects.toThrow(
      / TiB; one WASM memory holds at most 4\.00 GiB: lower --batch/,
    );
  });

  it("names the dimensions of a product that is too large", async () => {
    await expect(check("linear.gemm", { m: [1e9] })).rejects.toThrow(/needs 17\.7 TiB; .*: lower --m, --n or --k$/);
  });

  it("lets through what fits", async () => {
    await expect(check("attention.core", {})).resolves.toBeUndefined();
  });
});
