import { describe, expect, it } from "vitest";
import { allocateRows, columnsOf } from "../../src/kernels/activations.ts";
import { createArena } from "../../src/kernels/arena.ts";
import { createMemory } from "../../src/kernels/load.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase, type MoeLayerShape, moeLayerCase } from "../../src/kernels/moe.ts";
import { routerCase } from "../../src/kernels/router.ts";
import { wireCase } from "../../src/kernels/wire.ts";
import { InfeasibleError, InvalidInputError } from "../../src/units/errors.ts";
import { modelRules, plainRule } from "./edgeCases.ts";

const product = { m: 2, n: 8, k: 4, dtype: "f32", seed: 1 } as const;
const experts = { count: 1, tokensPerExpert: 1, hidden: 8, expertDim: 8, dtype: "f32", seed: 1 } as const;
const routed = { tokens: 2, hidden: 8, experts: 8, router: plainRule, seed: 1 };
const layer: MoeLayerShape = {
  ...{ ...routed, residentExperts: 8, expertDim: 8, sharedDim: 0, epsilon: 1e-5 },
  ...{ routing: "router", dtype: "f32" },
};
const message = { format: "fp8", direction: "quantize", rows: 1, width: 8, block: 8, seed: 1 } as const;
const grouped = modelRules["deepseekV3"]?.rule ?? plainRule;

describe("kernels refuse before anything is laid out", () => {
  it.each([
    ["m", () => matmulCase({ ...product, m: 0 })],
    ["n", () => matmulCase({ ...product, n: 1.5 })],
    ["k", () => matmulCase({ ...product, k: Number.NaN })],
    ["count", () => expertMatmulCase({ ...experts, count: -1 })],
    ["tokens", () => routerCase({ ...routed, tokens: 0 })],
    ["residentExperts", () => moeLayerCase({ ...layer, residentExperts: 9 })],
    ["block", () => wireCase({ ...message, block: 0 })],
    ["topK", () => routerCase({ ...routed, router: { ...plainRule, topK: 9 } })],
    ["groups", () => routerCase({ ...routed, router: { ...plainRule, groups: 3 } })],
    ["groupsKept", () => routerCase({ ...routed, router: { ...grouped, groupsKept: 5 } })],
    ["topK", () => routerCase({ ...routed, router: { ...grouped, groupsKept: 1, topK: 3 } })],
    [
      "topK",
      () =>
        routerCase({
          ...routed,
          router: { ...plainRule, topK: 3, groups: 2, groupsKept: 2, groupRule: "equalShares" },
        }),
    ],
    ["firstColumn", () => columnsOf(allocateRows(createArena(), "x", 1, 8), 2, 4)],
  ])("%s, by its name", (field, build) => {
    expect(build).toThrow(InvalidInputError);
    expect(build).toThrow(`${field}: expected`);
  });

  it.each(["int8", "int4"] as const)("%s products whose int32 sums could overflow: k above 132104", (dtype) => {
    expect(() => matmulCase({ ...product, dtype, k: 132_105 })).toThrow("k: expected 1 to 132104");
    expect(() => matmulCase({ ...product, dtype, k: 132_104 })).not.toThrow();
    expect(() => matmulCase({ ...product, k: 132_105 })).not.toThrow();
  });

  it("what does not fit into a memory, with the bytes that it needs", () => {
    const { totalBytes } = matmulCase({ ...product, n: 65_536, k: 65_536 });
    expect(totalBytes).toBeGreaterThan(2 ** 34);
    expect(() => createMemory(totalBytes)).toThrow(InfeasibleError);
    expect(() => createMemory(totalBytes)).toThrow("needs 16.0 GiB, a WASM memory ends at 4.00 GiB");
  });
});
