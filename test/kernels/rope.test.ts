import { describe, expect, it } from "vitest";
import { fillRopeTable, readRopeScaling, ropeFrequencies } from "../../src/kernels/rope.ts";
import deepseekV3 from "../../src/model/configs/deepseek-v3.json" with { type: "json" };
import { InvalidInputError } from "../../src/units/errors.ts";

/** gpt-oss-120b: base 150000 over 64 dimensions. */
const gptOss = {
  rope_type: "yarn",
  factor: 32,
  beta_fast: 32,
  beta_slow: 1,
  original_max_position_embeddings: 4096,
  truncate: false,
};

describe("RoPE frequencies", () => {
  it("are theta^(-2i / dims) without scaling", () => {
    const { anglePerPosition, magnitude } = ropeFrequencies(256, 500_000);
    expect(anglePerPosition).toHaveLength(128);
    expect([anglePerPosition[0], anglePerPosition[64], magnitude]).toEqual([1, 500_000 ** -0.5, 1]);
  });

  it("are all divided by the factor under linear scaling", () => {
    const scaled = ropeFrequencies(8, 10_000, readRopeScaling({ type: "linear", factor: 4 }));
    expect([...scaled.anglePerPosition]).toEqual([...ropeFrequencies(8, 10_000).anglePerPosition].map((f) => f / 4));
  });

  it("keep the fastest and divide the slowest by the factor under NTK scaling", () => {
    const plain = ropeFrequencies(64, 10_000).anglePerPosition;
    const { anglePerPosition } = ropeFrequencies(64, 10_000, readRopeScaling({ type: "ntk", factor: 8 }));
    expect(anglePerPosition[0]).toBe(1);
    expect((plain[31] as number) / (anglePerPosition[31] as number)).toBeCloseTo(8, 9);
    expect((plain[16] as number) / (anglePerPosition[16] as number)).toBeGreaterThan(1);
  });

  it("keep the fast, divide the slow and mix what lies between under YaRN: DeepSeek-V3", () => {
    const plain = ropeFrequencies(64, 10_000).anglePerPosition;
    const { anglePerPosition, magnitude } = ropeFrequencies(64, 10_000, readRopeScaling(deepseekV3.rope_scaling));
    // Both mscale are 1, so cosines and sines stay.
    expect(magnitude).toBe(1);
    // 32 turns within 4096 tokens: dimension 10.47; one turn: 22.51. Rounded outwards, 10 and 23.
    const ratios = plain.map((angle, i) => angle / (anglePerPosition[i] as number));
    for (let i = 0; i <= 10; i++) expect(ratios[i]).toBeCloseTo(1, 12);
    for (let i = 23; i < 32; i++) expect(ratios[i]).toBeCloseTo(40, 9);
    for (let i = 11; i < 23; i++) expect(ratios[i]).toBeGreaterThan(ratios[i - 1] as number);
    expect(1 / (ratios[15] as number)).toBeCloseTo(1 - 5 / 13 + 5 / 13 / 40, 12);
  });

  it("scale cosines and sines by 0.1 ln factor + 1 under YaRN, and leave the range's ends as they are: gpt-oss", () => {
    const { anglePerPosition, magnitude } = ropeFrequencies(64, 150_000, readRopeScaling(gptOss));
    expect(magnitude).toBeCloseTo(1.3466, 4);
    const low = (64 * Math.log(4096 / (32 * 2 * Math.PI))) / (2 * Math.log(150_000));
    const high = (64 * Math.log(4096 / (2 * Math.PI))) / (2 * Math.log(150_000));
    const divided = (12 - low) / (high - low);
    expect((anglePerPosition[12] as number) / 150_000 ** (-24 / 64)).toBeCloseTo(1 - divided + divided / 32, 12);
  });

  it("make a table of cosines, then sines, with the magnitude in them", () => {
    const table = new Float32Array(8);
    fillRopeTable(table, 3, { anglePerPosition: Float64Array.of(1, 0.5, 0.25, 0), magnitude: 2 });
    expect([...table].map((value) => value.toFixed(5))).toEqual(
      [Math.cos(3), Math.cos(1.5), Math.cos(0.75), 1, Math.sin(3), Math.sin(1.5), Math.sin(0.75), 0].map((value) =>
        (2 * value).toFixed(5),
      ),
    );
  });
});

describe("rope_scaling", () => {
  it.each([null, undefined, { rope_type: "default" }])("%j is none", (raw) => {
    expect(readRopeScaling(raw)).toEqual({ kind: "none" });
  });

  it.each([
    [{ type: "yarm", factor: 4 }, "rope_scaling.type", "yarn"],
    [{ rope_type: "yarn", factor: 0, original_max_position_embeddings: 4096 }, "rope_scaling.factor", "above 0"],
    [{ rope_type: "yarn", factor: 2 }, "rope_scaling.original_max_position_embeddings", "nothing"],
    [{ rope_type: "linear", factor: "4" }, "rope_scaling.factor", '"4"'],
    ["yarn", "rope_scaling", "an object"],
  ])("%j is refused by name", (raw, field, text) => {
    const refused = (): unknown => readRopeScaling(raw);
    expect(refused).toThrow(InvalidInputError);
    expect(refused).toThrow(field);
    expect(refused).toThrow(text);
  });
});
