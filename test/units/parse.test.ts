import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../src/units/errors.ts";
import { formatBandwidth, formatBytes, formatDuration } from "../../src/units/format.ts";
import {
  parseCount,
  parseDurationNs,
  parseList,
  parseNames,
  parseNumber,
  parseRateBytesPerSecond,
  parseSeed,
  parseSetting,
  parseSizeBytes,
  parseTokens,
} from "../../src/units/parse.ts";

describe("quantities", () => {
  it.each([
    ["1", 1],
    ["8k", 8192],
    ["8K", 8192],
    ["1.5k", 1536],
    [" 32 k ", 32768],
    ["1M", 1048576],
  ])("tokens %s are %d", (text, tokens) => {
    expect(parseTokens(text, "--context")).toBe(tokens);
  });

  it.each([
    ["16", 16],
    ["2k", 2000],
    ["2Ki", 2048],
    ["1.5M", 1.5e6],
  ])("count %s is %d", (text, count) => {
    expect(parseCount(text, "--batch")).toBe(count);
  });

  it.each([
    ["64MiB", 64 * 2 ** 20],
    ["64Mi", 64 * 2 ** 20],
    ["1.5GB", 1.5e9],
    ["1.1GiB", Math.floor(1.1 * 2 ** 30)],
    ["512", 512],
  ])("size %s is %d bytes", (text, bytes) => {
    expect(parseSizeBytes(text, "--memory")).toBe(bytes);
  });

  it.each([
    ["50ms", 50e6],
    ["272us", 272e3],
    ["272µs", 272e3],
    ["1.1ms", 1.1e6],
    ["2s", 2e9],
    ["1h", 3600e9],
  ])("duration %s is %d ns", (text, durationNs) => {
    expect(parseDurationNs(text, "--tpot")).toBe(durationNs);
  });

  it.each([
    ["400Gbps", 5e10],
    ["40GB/s", 4e10],
    ["400Gbit/s", 5e10],
    ["1GiB/s", 2 ** 30],
  ])("rate %s is %d B/s", (text, bytesPerSecond) => {
    expect(parseRateBytesPerSecond(text, "--net")).toBe(bytesPerSecond);
  });

  it("takes 0 as a seed alone", () => {
    expect(parseSeed("0", "--seed")).toBe(0);
    expect(parseSeed("4294967295", "--seed")).toBe(2 ** 32 - 1);
    expect(() => parseSeed("4294967296", "--seed")).toThrow(InvalidInputError);
  });

  const parsers = { parseTokens, parseCount, parseSizeBytes, parseDurationNs, parseRateBytesPerSecond };
  const bad = [
    "",
    " ",
    "0",
    "-1",
    "8kk",
    "NaN",
    "Infinity",
    "1e3",
    "k",
    "1,5",
    ".5",
    "5.",
    "0x10",
    "8k8",
    "1_000",
    "٣",
  ];
  describe.each(Object.entries(parsers))("%s", (_, parse) => {
    it.each([...bad, "0ms", "0GB/s", "9".repeat(30)])("refuses %j in one line that names the field", (text) => {
      expect(() => parse(text, "--field")).toThrow(InvalidInputError);
      expect(() => parse(text, "--field")).toThrow(/^--field: expected .+, got ".*"$/);
    });
  });

  it.each([
    [parseTokens, "1.3"],
    [parseTokens, "0.5"],
    [parseTokens, "1.00000000000000000001"],
    [parseTokens, "8G"],
    [parseCount, "1.5"],
    [parseDurationNs, "50"],
    [parseRateBytesPerSecond, "40G"],
    [parseSizeBytes, "0.5"],
  ])("%o refuses %s", (parse, text) => {
    expect(() => parse(text, "--field")).toThrow(InvalidInputError);
  });

  it("parses every whole number back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (value) => {
        expect(parseTokens(String(value), "f")).toBe(value);
        expect(parseCount(`${value}`, "f")).toBe(value);
        if (value < 2 ** 30) expect(parseTokens(`${value}k`, "f")).toBe(value * 1024);
      }),
    );
  });

  it("reads what the formatters print, to the digits printed", () => {
    const positive = fc.double({ min: 1, max: 1e13, noNaN: true });
    fc.assert(
      fc.property(positive, (value) => {
        expect(parseDurationNs(formatDuration(value, 6), "f") / value).toBeCloseTo(1, 4);
        expect(parseRateBytesPerSecond(formatBandwidth(value, 6), "f") / value).toBeCloseTo(1, 4);
        expect(parseSizeBytes(formatBytes(Math.ceil(value) + 1e6, 6), "f") / (Math.ceil(value) + 1e6)).toBeCloseTo(
          1,
          4,
        );
      }),
    );
  });

  it("never throws anything but InvalidInputError", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const parse of Object.values(parsers)) {
          try {
            expect(parse(text, "f")).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidInputError);
            if (/\p{Cc}/u.test((error as Error).message)) throw error;
          }
        }
      }),
    );
  });
});

describe("lists", () => {
  it.each([
    ["8k,32k", [8192, 32768]],
    ["64..4096*2", [64, 128, 256, 512, 1024, 2048, 4096]],
    ["1..4", [1, 2, 3, 4]],
    ["1..16+5", [1, 6, 11, 16]],
    ["1..15+5", [1, 6, 11]],
    ["4..4", [4]],
    ["1, 8..16*2 ,1k..2k+512", [1, 8, 16, 1024, 1536, 2048]],
  ])("%s", (text, values) => {
    expect(parseList(text, parseTokens, "--batch")).toEqual(values);
  });

  it("steps durations by durations", () => {
    expect(parseList("1ms..2ms+500us", parseDurationNs, "--stage")).toEqual([1e6, 1.5e6, 2e6]);
  });

  it.each([
    "",
    ",",
    "1,",
    ",1",
    "1,,2",
    "4..1",
    "1..",
    "..4",
    "1..4+0",
    "1..4*1",
    "1..4*1.5",
    "1..4+",
    "1...4",
    "0..4",
    "1..1001",
    "1..1M",
    "1..999,1..2",
  ])("refuses %j", (text) => {
    expect(() => parseList(text, parseTokens, "--batch")).toThrow(InvalidInputError);
    expect(() => parseList(text, parseTokens, "--batch")).toThrow(/^--batch: /);
  });

  it("ranges hold their ends and only rising values", () => {
    const whole = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(whole, whole, whole, (first, span, step) => {
        const values = parseList(`${first}..${first + span}+${step}`, parseCount, "f");
        expect(values[0]).toBe(first);
        expect(values.length).toBe(Math.floor(span / step) + 1);
        expect(values.every((value) => value >= first && value <= first + span)).toBe(true);
      }),
    );
  });

  it.each([
    ["0", 0],
    ["0.001", 0.001],
    ["1e-3", 0.001],
    [".5", 0.5],
    ["1E0", 1],
  ])("takes the share %j", (text, share) => {
    expect(parseNumber(text, "--fault-rate", [0, 1])).toBe(share);
  });

  it.each(["", "e-3", "1e", "1.1", "-0.1", "1e1", "NaN", "0x1"])("refuses the share %j", (text) => {
    expect(() => parseNumber(text, "--fault-rate", [0, 1])).toThrow("--fault-rate: expected a number from 0 to 1");
  });

  it("splits names", () => {
    expect(parseNames("h800, h20", "--hardware")).toEqual(["h800", "h20"]);
    expect(() => parseNames("h800,", "--hardware")).toThrow(InvalidInputError);
  });
});

describe("parseSetting", () => {
  it.each([
    ["step3.moe_top_k=4", { name: "step3", path: "moe_top_k", value: "4" }],
    ["h20.memoryBytesPerSecond=4.8TB/s", { name: "h20", path: "memoryBytesPerSecond", value: "4.8TB/s" }],
    ["910b.usdPerHour = 0.5", { name: "910b", path: "usdPerHour", value: "0.5" }],
    ["step3.text_config.head_dim=128", { name: "step3", path: "text_config.head_dim", value: "128" }],
    ["glm-4.5-air.n_group=1", { name: "glm-4.5-air", path: "n_group", value: "1" }],
    ["llama-3.1-70b.rope_scaling.factor=2", { name: "llama-3.1-70b", path: "rope_scaling.factor", value: "2" }],
    ["card.layers.0.ffn.width=64", { name: "card", path: "layers.0.ffn.width", value: "64" }],
    ['x.y="a=b"', { name: "x", path: "y", value: '"a=b"' }],
    ["x.list=[1, 2]", { name: "x", path: "list", value: "[1, 2]" }],
  ])("%j", (text, setting) => {
    expect(parseSetting(text, [])).toEqual(setting);
  });

  it.each([
    ["kimi-k1.x.hidden=64", "kimi-k1.x", "hidden"],
    ["Kimi-K1.X.hidden=64", "Kimi-K1.X", "hidden"],
    ["kimi-k1.hidden=64", "kimi-k1", "hidden"],
    ["kimi-k1.x=64", "kimi-k1", "x"],
    ["kimi-k1.x.5.hidden=64", "kimi-k1", "x.5.hidden"],
    ["kimi-k1.x.y.hidden=64", "kimi-k1.x.y", "hidden"],
    ["kimi-k1.x.y.z.hidden=64", "kimi-k1.x.y", "z.hidden"],
    ["my model=1.hidden=64", "my model=1", "hidden"],
    ["other.x.hidden=64", "other", "x.hidden"],
  ])("takes the longest name that is known of %j", (text, name, path) => {
    const known = ["kimi-k1", "kimi-k1.x.y", "kimi-k1.x", "my model=1", "x"];
    expect(parseSetting(text, known)).toEqual({ name, path, value: "64" });
  });

  it.each(["", "=", "a", "a=1", "a.=1", ".a=1", "a.b", "a.b=", "a..b=1", "a.b.=1", "a b.c=1", "4.5=1"])(
    "refuses %j",
    (text) => {
      expect(() => parseSetting(text, [])).toThrow(/^--set: expected NAME\.FIELD=VALUE/);
      expect(() => parseSetting(text, [])).toThrow(InvalidInputError);
    },
  );
});
