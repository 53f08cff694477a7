import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Rope, type RopeScaling, ropeFrequencies } from "../../src/workload/ropeFrequencies.ts";

const none: RopeScaling = { kind: "none" };
const anglesOf = (dims: number, theta: number, scaling: RopeScaling, tokens = 1) =>
  ropeFrequencies({ dims, theta, scaling })(tokens).anglePerPosition;

const yarn = { kind: "yarn", originalTokens: 4096, betaFast: 32, betaSlow: 1, truncate: true } as const;
const deepseekV3: RopeScaling = { ...yarn, factor: 40, attentionFactor: 1 };
const kimiK2: RopeScaling = { ...yarn, factor: 32, betaFast: 1, attentionFactor: 1 };
const qwen3: RopeScaling = { ...yarn, factor: 4, originalTokens: 32768, attentionFactor: 1.1386294361119891 };
const gptOss: RopeScaling = { ...yarn, factor: 32, truncate: false, attentionFactor: 1.3465735902799727 };
const llama31: RopeScaling = { kind: "llama3", factor: 8, originalTokens: 8192, lowFactor: 1, highFactor: 4 };
const dynamic: RopeScaling = { kind: "dynamic", factor: 2, originalTokens: 4096 };

describe("RoPE frequencies", () => {
  it("are theta^(-2i / dims) without scaling, whatever the length", () => {
    const { anglePerPosition, magnitude } = ropeFrequencies({ dims: 256, theta: 500_000, scaling: none })(1e6);
    expect(anglePerPosition).toHaveLength(128);
    expect([anglePerPosition[0], anglePerPosition[64], magnitude]).toEqual([1, 500_000 ** -0.5, 1]);
  });

  // Computed apart from this program with 40 decimal digits: YaRN with the correction range and ramp of DeepSeek-V3's released class
  // (which transformers has, too), llama3 with transformers' wavelengths, dynamic with its growing base.
  it.each<[string, Readonly<Record<number, number>>, Rope, number]>([
    [
      "deepseek-v3",
      {
        0: 1.0,
        1: 0.749894209332456,
        9: 0.0749894209332456,
        10: 0.0562341325190349,
        11: 0.0390069265671439,
        15: 0.00833450895102078,
        20: 0.000790569415042095,
        22: 0.000177827941003892,
        23: 3.33380358040831e-5,
        31: 3.33380358040831e-6,
      },
      { dims: 64, theta: 10_000, scaling: deepseekV3 },
      1,
    ],
    [
      "kimi-k2",
      {
        0: 1.0,
        18: 0.00227420375651044,
        19: 0.00162175990811595,
        20: 3.61404677357263e-5,
        21: 2.57721681562485e-5,
        31: 8.76441291158987e-7,
      },
      { dims: 64, theta: 50_000, scaling: kimiK2 },
      1,
    ],
    [
      "qwen3 by 4",
      {
        0: 1.0,
        23: 0.00697830584859866,
        24: 0.0053753214907901,
        30: 0.001064360981247,
        39: 6.49039432083703e-5,
        40: 4.44569852509731e-5,
        41: 3.58253142559241e-5,
        63: 3.1023444018793e-7,
      },
      { dims: 128, theta: 1e6, scaling: qwen3 },
      1,
    ],
    [
      "gpt-oss, its range not rounded",
      {
        0: 1.0,
        8: 0.0508132748154615,
        9: 0.0317056961846638,
        12: 0.00679495948973222,
        17: 0.000129318701245063,
        18: 3.83088123737534e-5,
        31: 3.02351142811921e-7,
      },
      { dims: 64, theta: 150_000, scaling: gptOss },
      1,
    ],
    [
      "llama-3.1",
      {
        0: 1.0,
        26: 0.00483942134571989,
        28: 0.00321144599475259,
        29: 0.00216657076350336,
        30: 0.00137189356776114,
        32: 0.000524846160992955,
        34: 0.000178507812767996,
        35: 9.55621235396468e-5,
        36: 7.78465527393245e-5,
        63: 3.06892598891451e-7,
      },
      { dims: 128, theta: 500_000, scaling: llama31 },
      1,
    ],
    [
      "twice a dynamic context",
      { 0: 1.0, 1: 0.850994291341216, 32: 0.00572338150838124, 63: 3.84927328229819e-5 },
      { dims: 128, theta: 10_000, scaling: dynamic },
      8192,
    ],
  ])("of %s", (_, expected, rope, tokens) => {
    const angles = ropeFrequencies(rope)(tokens).anglePerPosition;
    for (const [i, angle] of Object.entries(expected)) expect((angles[Number(i)] as number) / angle).toBeCloseTo(1, 13);
  });

  it("are all divided by the factor under linear scaling", () => {
    const plain = anglesOf(8, 10_000, none);
    expect([...anglesOf(8, 10_000, { kind: "linear", factor: 4 })]).toEqual([...plain].map((angle) => angle / 4));
  });

  it("keep the fastest and divide the slowest by the factor under NTK scaling", () => {
    const plain = anglesOf(64, 10_000, none);
    const angles = anglesOf(64, 10_000, { kind: "ntk", factor: 8 });
    expect(angles[0]).toBe(1);
    expect((plain[31] as number) / (angles[31] as number)).toBeCloseTo(8, 9);
    expect((plain[16] as number) / (angles[16] as number)).toBeGreaterThan(1);
    expect([...anglesOf(2, 10_000, { kind: "ntk", factor: 8 })]).toEqual([1]);
  });

  it("are plain up to the first context under dynamic scaling, then as NTK scaling has them", () => {
    const plain = [...anglesOf(64, 10_000, none)];
    const scaling: RopeScaling = { kind: "dynamic", factor: 4, originalTokens: 1000 };
    const frequencies = ropeFrequencies({ dims: 64, theta: 10_000, scaling });
    expect([...frequencies(1).anglePerPosition]).toEqual(plain);
    expect([...frequencies(1000).anglePerPosition]).toEqual(plain);
    // 4 x 1500 / 1000 - 3
    expect([...frequencies(1500).anglePerPosition]).toEqual([...anglesOf(64, 10_000, { kind: "ntk", factor: 3 })]);
  });

  it("are divided by lists under LongRoPE, others beyond the first context", () => {
    const scaling: RopeScaling = {
      ...{ kind: "longrope", originalTokens: 100, attentionFactor: 1.19 },
      ...{ shortFactors: [1, 2], longFactors: [4, 8] },
    };
    const frequencies = ropeFrequencies({ dims: 4, theta: 100, scaling });
    expect(frequencies(100)).toEqual({ anglePerPosition: Float64Array.of(1, 0.05), magnitude: 1.19 });
    expect([...frequencies(101).anglePerPosition]).toEqual([0.25, 0.0125]);
  });

  it("multiply cosines and sines with the attention factor, which YaRN's paper gives as 0.1 ln s + 1", () => {
    expect(ropeFrequencies({ dims: 64, theta: 150_000, scaling: gptOss })(1).magnitude).toBe(1.3465735902799727);
    expect(ropeFrequencies({ dims: 64, theta: 10_000, scaling: deepseekV3 })(1).magnitude).toBe(1);
  });
});

/** Any of YaRN's and Llama 3's parameters that models could have. */
const stretched = fc.record({
  dims: fc.integer({ min: 8, max: 64 }).map((pairs) => 2 * pairs),
  theta: fc.double({ min: 1000, max: 1e7, noNaN: true }),
  factor: fc.double({ min: 1, max: 128, noNaN: true }),
  originalTokens: fc.integer({ min: 256, max: 2 ** 18 }),
  slow: fc.double({ min: 0.5, max: 8, noNaN: true }),
  ratio: fc.double({ min: 1.01, max: 64, noNaN: true }),
  truncate: fc.boolean(),
});

/** Section 3.2 of the YaRN paper: what a frequency that turns r times within the first context becomes, gamma a ramp of r. */
function byParts(angle: number, tokens: number, factor: number, alpha: number, beta: number): number {
  const turns = tokens / ((2 * Math.PI) / angle);
  const ramp = (turns - alpha) / (beta - alpha);
  const gamma = turns < alpha ? 0 : turns > beta ? 1 : ramp;
  return ((1 - gamma) * angle) / factor + gamma * angle;
}

describe("NTK by parts", () => {
  it("llama3 is the YaRN paper's formula, a ramp in turns", () => {
    fc.assert(
      fc.property(stretched, ({ dims, theta, factor, originalTokens, slow, ratio }) => {
        const highFactor = slow * ratio;
        const scaling: RopeScaling = { kind: "llama3", factor, originalTokens, lowFactor: slow, highFactor };
        const plain = anglesOf(dims, theta, none);
        for (const [i, angle] of anglesOf(dims, theta, scaling).entries()) {
          const expected = byParts(plain[i] as number, originalTokens, factor, slow, highFactor);
          expect(angle / expected).toBeCloseTo(1, 9);
        }
      }),
    );
  });

  it("YaRN agrees with the paper where a frequency stays or is divided in full, and lies between elsewhere", () => {
    const seen = { kept: 0, divided: 0 };
    fc.assert(
      fc.property(stretched, ({ dims, theta, factor, originalTokens, slow, ratio, truncate }) => {
        const betaFast = slow * ratio;
        const scaling: RopeScaling = {
          ...{ kind: "yarn", factor, originalTokens, betaFast, betaSlow: slow, truncate, attentionFactor: 1 },
        };
        const plain = [...anglesOf(dims, theta, none)];
        const angles = anglesOf(dims, theta, scaling);
        const shares = plain.map((angle, i) => angle / (angles[i] as number));
        const turns = plain.map((angle) => (originalTokens * angle) / (2 * Math.PI));
        for (const [i, share] of shares.entries()) {
          expect(share).toBeLessThan(factor * (1 + 1e-12));
          expect(share).toBeGreaterThan(i === 0 ? 1 - 1e-12 : (shares[i - 1] as number) - 1e-9);
        }
        // Rounded outwards, the range between takes in one more dimension at either end.
        const rounded = truncate ? 1 : 0;
        const kept = shares.slice(0, Math.max(0, turns.filter((turn) => turn >= betaFast).length - rounded));
        const firstDivided = turns.filter((turn) => turn > slow).length;
        const divided = firstDivided === 0 ? [] : shares.slice(firstDivided + rounded);
        for (const share of kept) expect(share).toBeCloseTo(1, 9);
        for (const share of divided) expect(share / factor).toBeCloseTo(1, 9);
        seen.kept += kept.length;
        seen.divided += divided.length;
      }),
    );
    expect(Math.min(seen.kept, seen.divided)).toBeGreaterThan(50);
  });
});
