import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionLayerCase } from "../../src/kernels/attentionLayer.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import type { DecodeAttention, GroupedAttention } from "../../src/kernels/decodeAttention.ts";
import { moeLayerCase } from "../../src/kernels/moe.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import type { RopeScaling } from "../../src/workload/ropeFrequencies.ts";
import { anyGrouped, anyLatent } from "../afd/works.ts";
import { mfa, plainRule } from "./edgeCases.ts";
import { bufferOf, checked, floatsOf, machineOf, prepare } from "./machine.ts";

const machine = machineOf("simd");

const layerOf = (attention: DecodeAttention, kvTokens = 20): KernelCase =>
  attentionLayerCase({
    ...{ batch: 1, kvTokens, hidden: 16, attention, epsilon: 1e-5 },
    ...{ weightDtype: "f32", kvDtype: "f32", seed: 3 },
  });

const biasesOf = ({ buffers }: KernelCase): string[] =>
  buffers.flatMap(({ name }) => (name.endsWith("Bias") ? [name] : [])).toSorted();

describe("biases of an attention layer", () => {
  it("are those of query, key and value, of all projections, or none; products and other weights stay", () => {
    const projected = { none: [], queryKeyValue: ["keyValueBias", "queryBias"] } as const;
    const all = ["keyValueBias", "outputBias", "queryBias"];
    fc.assert(
      fc.property(anyGrouped, (attention: GroupedAttention) => {
        const [none, some, every] = (["none", "queryKeyValue", "all"] as const).map((bias) =>
          layerOf({ ...attention, bias }),
        ) as [KernelCase, KernelCase, KernelCase];
        expect([none, some, every].map(biasesOf)).toEqual([projected.none, projected.queryKeyValue, all]);
        expect(some.work?.products).toEqual(none.work?.products);
        expect(every.work?.products).toEqual(none.work?.products);
      }),
      { numRuns: 30 },
    );
    fc.assert(
      fc.property(anyLatent, (attention) => {
        expect(biasesOf(layerOf(attention))).toEqual([]);
      }),
      { numRuns: 10 },
    );
  });

  it("change the output: one of the output projection by its own values", () => {
    const outputs = (["queryKeyValue", "all"] as const).map((bias) => {
      const kernelCase = layerOf({ ...mfa(2, 8, 16), bias });
      expect(checked(machine, kernelCase)).toMatchObject({ ok: true });
      const added = bias === "all" ? [...floatsOf(machine, kernelCase, "outputBias")] : [];
      return { out: [...floatsOf(machine, kernelCase, "out")], added };
    });
    const [some, all] = outputs as [(typeof outputs)[number], (typeof outputs)[number]];
    for (const [i, value] of all.out.entries()) {
      expect(value - (some.out[i] as number)).toBeCloseTo(all.added[i] as number, 5);
    }
  });
});

describe("RoPE and scale of an attention layer", () => {
  const yarn: RopeScaling = {
    ...{ kind: "yarn", factor: 8, originalTokens: 100, betaFast: 8, betaSlow: 0.1, truncate: false },
    attentionFactor: 1.25,
  };
  const plain = mfa(2, 8, 16);

  it("are what its tables and its core's queries are made with", () => {
    const kernelCase = layerOf({ ...plain, rope: { ...plain.rope, scaling: yarn }, softmaxScale: 0.4 }, 20);
    prepare(machine, kernelCase);
    const table = floatsOf(machine, kernelCase, "ropeTables");
    // The fastest of four pairs stays; the last is divided by 8: 19 x 500000^(-3/4) / 8.
    expect(table[0]).toBeCloseTo(1.25 * Math.cos(19), 6);
    expect(table[4]).toBeCloseTo(1.25 * Math.sin(19), 6);
    expect((table[7] as number) / (1.25 * Math.sin((19 * 500_000 ** -0.75) / 8))).toBeCloseTo(1, 5);
    const queries = kernelCase
      .steps(0, 1)
      .filter((step) => step.kind === "call" && step.name === "attentionQueriesF32");
    expect(queries.length).toBeGreaterThan(0);
    for (const step of queries) expect(step.kind === "call" && step.args.at(-1)).toBe(0.4);
  });

  it("follow the length of the sequence where the scaling does", () => {
    const scaling: RopeScaling = { kind: "dynamic", factor: 3, originalTokens: 100 };
    const firstSine = (kvTokens: number): number => {
      const kernelCase = layerOf({ ...plain, rope: { ...plain.rope, scaling } }, kvTokens);
      prepare(machine, kernelCase);
      return floatsOf(machine, kernelCase, "ropeTables")[5] as number;
    };
    expect(firstSine(100)).toBeCloseTo(Math.sin(99 * 500_000 ** -0.25), 6);
    // At 200 tokens the base is 3 x 200 / 100 - 2 times as large, to the power of 8 / 6.
    const base = 500_000 * 4 ** (8 / 6);
    expect(firstSine(200)).toBeCloseTo(Math.sin(199 * base ** -0.25), 6);
  });

  it("are refused where they do not go together", () => {
    const longrope: RopeScaling = {
      ...{ kind: "longrope", originalTokens: 100, attentionFactor: 1 },
      ...{ shortFactors: [1, 1, 1, 1], longFactors: [1, 1] },
    };
    const refused = () => layerOf({ ...plain, rope: { ...plain.rope, scaling: longrope } });
    expect(refused).toThrow(InvalidInputError);
    expect(refused).toThrow("ropeScaling.longFactors: expected 4 numbers, one for each pair that RoPE turns");
  });
});

describe("seeded tensors of an MoE layer", () => {
  it("differ, biases of experts and of the router's choice among them", () => {
    const router = { ...plainRule, score: "sigmoid", topK: 2, correctionBias: true, logitBias: true } as const;
    const kernelCase = moeLayerCase({
      ...{ tokens: 2, hidden: 16, experts: 16, residentExperts: 16, expertDim: 8, sharedDim: 8, router },
      ...{ activation: "clampedSilu", dtype: "f32", routing: "router", epsilon: 1e-5, seed: 5 },
    });
    prepare(machine, kernelCase);
    const names = ["logitBias", "choiceBias", "experts.gateUpBias", "experts.downBias", "shared.gateUpBias"];
    for (const name of names) bufferOf(kernelCase, name);
    // Uniform values: the same seed would give the same ones but for their scale.
    const starts = names.map((name) => {
      const values = floatsOf(machine, kernelCase, name).slice(0, 8);
      return [...values].map((value) => (value / (values[0] as number)).toFixed(3)).join(" ");
    });
    expect(new Set(starts).size).toBe(names.length);
  });
});
