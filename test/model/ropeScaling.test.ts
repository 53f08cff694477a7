import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AttentionSpec, SoftmaxSpec } from "../../src/model/card.ts";
import deepseek from "../../src/model/configs/deepseek-v3.json" with { type: "json" };
import gemma from "../../src/model/configs/gemma-3-27b.json" with { type: "json" };
import kimi from "../../src/model/configs/kimi-k2.json" with { type: "json" };
import llama from "../../src/model/configs/llama-3.1-70b.json" with { type: "json" };
import minimax from "../../src/model/configs/minimax-m1.json" with { type: "json" };
import qwen3 from "../../src/model/configs/qwen3-32b.json" with { type: "json" };
import step3 from "../../src/model/configs/step3-text.json" with { type: "json" };
import { readModelConfig } from "../../src/model/reader.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { ropeFrequencies } from "../../src/workload/ropeFrequencies.ts";
import deepseekV2 from "./configs/deepseek-v2.json" with { type: "json" };
import gemma1b from "./configs/gemma-3-1b.json" with { type: "json" };
import gptOss from "./configs/gpt-oss-120b.json" with { type: "json" };
import scout from "./configs/llama-4-scout.json" with { type: "json" };

type Json = Record<string, unknown>;

const read = (config: Json) => readModelConfig(config, "config.json");
const softmax = (attention: AttentionSpec | undefined): SoftmaxSpec => {
  if (attention === undefined || attention.kind === "linear") throw new Error("no softmax attention");
  return attention;
};
const attentionOf = (config: Json, layer = 0): SoftmaxSpec => softmax(read(config).layers[layer]?.attention);
const scalingOf = (config: Json, layer = 0) => attentionOf(config, layer).ropeScaling;
const scaled = (rope_scaling: unknown, config: Json = qwen3): Json => ({ ...config, rope_scaling });

const yarn = { kind: "yarn", originalTokens: 4096, betaFast: 32, betaSlow: 1, truncate: true } as const;

describe("RoPE scaling of published configurations", () => {
  it.each<[string, Json, number, unknown]>([
    ["step3", step3, 0, { kind: "none" }],
    ["deepseek-v3", deepseek, 0, { ...yarn, factor: 40, attentionFactor: 1 }],
    ["deepseek-v2", deepseekV2, 0, { ...yarn, factor: 40, attentionFactor: 1 }],
    ["kimi-k2", kimi, 0, { ...yarn, factor: 32, betaFast: 1, attentionFactor: 1 }],
    ["gpt-oss-120b, sliding", gptOss, 0, { ...yarn, factor: 32, truncate: false, attentionFactor: 1.3465735902799727 }],
    ["gpt-oss-120b, full", gptOss, 1, { ...yarn, factor: 32, truncate: false, attentionFactor: 1.3465735902799727 }],
    ["llama-3.1", llama, 0, { kind: "llama3", factor: 8, originalTokens: 8192, lowFactor: 1, highFactor: 4 }],
    ["llama-4-scout", scout, 0, { kind: "llama3", factor: 8, originalTokens: 8192, lowFactor: 1, highFactor: 4 }],
    ["llama-4-scout without positions", scout, 3, { kind: "none" }],
    ["gemma-3-27b, sliding", gemma, 0, { kind: "none" }],
    ["gemma-3-27b, full", gemma, 5, { kind: "linear", factor: 8 }],
    ["minimax-m1", minimax, 7, { kind: "none" }],
  ])("%s", (_, config, layer, expected) => {
    expect(scalingOf(config, layer)).toEqual(expected);
  });
});

describe("rope_scaling", () => {
  it.each<[unknown, unknown]>([
    [null, { kind: "none" }],
    [undefined, { kind: "none" }],
    [{ rope_type: "default" }, { kind: "none" }],
    [
      { type: "linear", factor: 2.5 },
      { kind: "linear", factor: 2.5 },
    ],
    [
      { type: "ntk", factor: 4 },
      { kind: "ntk", factor: 4 },
    ],
    // Qwen3-32B says 40960.
    [
      { type: "dynamic", factor: 2 },
      { kind: "dynamic", factor: 2, originalTokens: 40960 },
    ],
    [
      { rope_type: "dynamic", factor: 2, original_max_position_embeddings: 2048 },
      { kind: "dynamic", factor: 2, originalTokens: 2048 },
    ],
    [
      { rope_type: "yarn", factor: 4.0, original_max_position_embeddings: 32768 },
      { ...yarn, factor: 4, originalTokens: 32768, attentionFactor: 1.138629436111989 },
    ],
    [
      { rope_type: "yarn", factor: null, original_max_position_embeddings: 10240, attention_factor: 1.5 },
      { ...yarn, factor: 4, originalTokens: 10240, attentionFactor: 1.5 },
    ],
    [
      { rope_type: "yarn", factor: 1 },
      { ...yarn, factor: 1, originalTokens: 40960, attentionFactor: 1 },
    ],
  ])("%j is %j", (raw, expected) => {
    expect(scalingOf(scaled(raw))).toEqual(expected);
  });

  it("divides two magnitudes where mscale and mscale_all_dim differ", () => {
    const both = { type: "yarn", factor: 40, original_max_position_embeddings: 4096, mscale: 1, mscale_all_dim: 0.5 };
    // (0.1 ln 40 + 1) / (0.05 ln 40 + 1)
    expect(scalingOf(scaled(both))).toMatchObject({ attentionFactor: expect.closeTo(1.1557219902, 9) });
    // Where only one is there, neither counts: the class takes both or none.
    expect(scalingOf(scaled({ ...both, mscale_all_dim: 0 }))).toMatchObject({
      attentionFactor: expect.closeTo(1.3688879454, 9),
    });
  });

  it("reads a divisor for each pair under LongRoPE", () => {
    const [short_factor, long_factor] = [1, 2].map((factor) => Array.from({ length: 64 }, () => factor));
    const raw = { type: "longrope", short_factor, long_factor, factor: 32, original_max_position_embeddings: 4096 };
    expect(scalingOf(scaled(raw))).toEqual({
      ...{ kind: "longrope", originalTokens: 4096, shortFactors: short_factor, longFactors: long_factor },
      attentionFactor: expect.closeTo(1.1902380714238083, 14),
    });
    expect(() => read(scaled({ ...raw, long_factor: [1, 2] }))).toThrow(
      "config.json: rope_scaling.long_factor: expected 64 numbers, one for each pair that RoPE turns, got a list of 2",
    );
  });

  it("may stand in rope_parameters, with an object for each kind of layer or one for all", () => {
    const { rope_scaling, rope_theta, ...rest } = llama;
    expect(scalingOf({ ...rest, rope_parameters: { ...rope_scaling, rope_theta } })).toEqual(scalingOf(llama));
    const nested = {
      full_attention: { rope_type: "linear", factor: 4, rope_theta: 1e6 },
      sliding_attention: { rope_type: "yarn", factor: 2, original_max_position_embeddings: 4096, rope_theta: 1e4 },
    };
    const { rope_theta: _, rope_local_base_freq: __, rope_scaling: ___, ...text } = gemma1b;
    const layers = read({ ...text, rope_parameters: nested }).layers.map(({ attention }) => softmax(attention));
    expect(layers[0]?.ropeScaling).toMatchObject({ kind: "yarn", factor: 2 });
    expect(layers[5]?.ropeScaling).toEqual({ kind: "linear", factor: 4 });
    const both = { rope_scaling: { type: "linear", factor: 2 }, rope_parameters: { rope_type: "linear", factor: 2 } };
    expect(scalingOf({ ...qwen3, ...both })).toEqual({ kind: "linear", factor: 2 });
    expect(() => read({ ...qwen3, ...both, rope_parameters: { rope_type: "linear", factor: 4 } })).toThrow(
      "config.json: rope_parameters: expected the same as rope_scaling, or one of the two left out",
    );
  });

  it.each<[unknown, string]>([
    ["yarn", "rope_scaling: expected an object or null"],
    [
      { type: "yarm", factor: 4 },
      'rope_scaling.type: expected one of default, linear, ntk, dynamic, yarn, llama3, longrope, got "yarm"; did you mean "yarn"',
    ],
    [{ factor: 4 }, "rope_scaling.rope_type: expected one of default,"],
    [{ rope_type: "linear" }, "rope_scaling.factor: expected a number from 1 to 1000000, got nothing"],
    [{ rope_type: "linear", factor: "4" }, 'rope_scaling.factor: expected a number from 1 to 1000000, got "4"'],
    [{ rope_type: "yarn", factor: 0.5 }, "rope_scaling.factor: expected a number from 1 to 1000000, got 0.5"],
    [
      { rope_type: "yarn", factor: 2, original_max_position_embeddings: 0.5 },
      "original_max_position_embeddings: expected a whole number from 1",
    ],
    [{ rope_type: "yarn", factor: 2, truncate: "no" }, 'truncate: expected true or false, got "no"'],
    [
      { rope_type: "yarn", factor: 2, beta_fast: 1, beta_slow: 2 },
      "rope_scaling.beta_fast: expected a number of at least the slow one's (2)",
    ],
    [
      { rope_type: "yarn", factor: 2, attention_factor: -1 },
      "rope_scaling.attention_factor: expected a number from 0.001",
    ],
    [{ rope_type: "llama3", factor: 8, high_freq_factor: 4 }, "low_freq_factor: expected a number from"],
    [
      { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
      "rope_scaling.high_freq_factor: expected a number above the low one's (4), got 4",
    ],
    [
      { rope_type: "longrope", short_factor: [1, "2"], long_factor: [] },
      "short_factor: expected a list of numbers from",
    ],
  ])("%j is refused by name", (raw, message) => {
    expect(() => read(scaled(raw))).toThrow(InvalidInputError);
    expect(() => read(scaled(raw))).toThrow(
      `config.json: ${message.includes("rope_scaling") ? "" : "rope_scaling."}${message}`,
    );
  });

  it("does not go with a base of 1", () => {
    expect(() => read({ ...scaled({ type: "yarn", factor: 2 }), rope_theta: 1 })).toThrow(
      "rope_scaling.rope_type: expected a scaling other than yarn where RoPE's base is 1",
    );
  });
});

describe("any scaling that is read", () => {
  const number = fc.oneof(fc.constantFrom(0, 1, -1, 1e-9, 1e9, null), fc.double({ min: 1, max: 100, noNaN: true }));
  const raw = fc.record(
    {
      rope_type: fc.constantFrom("default", "linear", "ntk", "dynamic", "yarn", "llama3", "longrope", "x"),
      ...{ factor: number, beta_fast: number, beta_slow: number, attention_factor: number },
      ...{ mscale: number, mscale_all_dim: number, low_freq_factor: number, high_freq_factor: number },
      original_max_position_embeddings: fc.oneof(number, fc.integer({ min: 1, max: 2 ** 31 })),
      ...{ truncate: fc.boolean(), short_factor: fc.array(number), long_factor: fc.array(number) },
    },
    { requiredKeys: ["rope_type"] },
  );

  it("has finite frequencies, no faster than without, at any length", () => {
    let count = 0;
    fc.assert(
      fc.property(raw, fc.integer({ min: 1, max: 2 ** 31 }), (rope_scaling, tokens) => {
        let attention: SoftmaxSpec;
        try {
          attention = attentionOf(scaled(rope_scaling, deepseek));
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          return;
        }
        count += 1;
        const { ropeDims: dims, ropeTheta: theta, ropeScaling: scaling, softmaxScale } = attention;
        const { anglePerPosition, magnitude } = ropeFrequencies({ dims, theta, scaling })(tokens);
        expect(anglePerPosition.length).toBe(32);
        for (const [i, angle] of anglePerPosition.entries()) {
          expect(angle).toBeGreaterThan(0);
          expect(angle).toBeLessThanOrEqual(theta ** ((-2 * i) / dims) * (1 + 1e-12));
        }
        expect(Number.isFinite(magnitude) && magnitude > 0).toBe(true);
        expect(Number.isFinite(softmaxScale) && softmaxScale >= 192 ** -0.5).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(count).toBeGreaterThan(200);
  });
});

describe("what scores are multiplied with", () => {
  it.each<[string, Json, number]>([
    ["step3", step3, 1 / 16],
    ["llama-3.1", llama, 128 ** -0.5],
    ["gpt-oss, whose cosines are scaled", gptOss, 1 / 8],
    // Not its 128 elements a head: query_pre_attn_scalar is hidden size over heads.
    ["gemma-3-27b", gemma, 168 ** -0.5],
    ["gemma-3-1b", gemma1b, 1 / 16],
    // (0.1 x mscale_all_dim x ln factor + 1)^2 / sqrt(192), computed apart from this program.
    ["deepseek-v3", deepseek, 0.1352337788608801],
    [
      "deepseek-v2 with a smaller mscale_all_dim",
      { ...deepseekV2, rope_scaling: { ...deepseekV2.rope_scaling, mscale_all_dim: 0.8 } },
      0.1210494827678595,
    ],
    ["kimi-k2", kimi, 0.1308607999629501],
    ["deepseek without mscale_all_dim", { ...deepseek, rope_scaling: { type: "yarn", factor: 40 } }, 192 ** -0.5],
    ["deepseek without scaling", { ...deepseek, rope_scaling: null }, 192 ** -0.5],
    ["deepseek with a linear one", scaled({ type: "linear", factor: 4, mscale_all_dim: 1 }, deepseek), 192 ** -0.5],
  ])("%s", (_, config, expected) => {
    expect(attentionOf(config).softmaxScale).toBeCloseTo(expected, 14);
  });

  it("is refused where mscale_all_dim is no number", () => {
    const wrong = { ...deepseek.rope_scaling, mscale_all_dim: "1" };
    expect(() => read({ ...deepseek, rope_scaling: wrong })).toThrow("rope_scaling.mscale_all_dim: expected a number");
  });
});
