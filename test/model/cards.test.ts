import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cardJsonSchema } from "../../src/model/cardSchema.ts";
import { loadCatalogModel } from "../../src/model/catalog.ts";
import { readHandWrittenCard } from "../../src/model/handWrittenCard.ts";
import { parametersActivated, parametersTotal } from "../../src/model/parameters.ts";
import { modelSourceOf, readModelSource } from "../../src/model/source.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { parseYaml } from "../../src/units/yaml.ts";
import { kvBytesReadPerToken } from "../../src/workload/kv-cache.ts";
import { attentionFlopsPerByte, tokenWork } from "../../src/workload/per-token.ts";
import { docCards } from "./docCards.ts";

const read = (value: unknown) => readHandWrittenCard(value, "my.yaml", { name: "my", source: "my.yaml" });
const [moe, step3] = docCards.map((text) => parseYaml(text, "docs/cards.md"));

const gqa = { kind: "gqa", queryHeads: 64, kvHeads: 4, headDim: 128 };
const experts = { kind: "moe", experts: 128, expertDim: 1536, sharedDim: 0, router: { topK: 8 } };
const mla = {
  kind: "mla",
  queryHeads: 128,
  queryRank: null,
  kvRank: 512,
  nopeHeadDim: 128,
  ropeHeadDim: 64,
  valueHeadDim: 128,
};
const linear = { kind: "linear", rule: "lightning", keyHeads: 64, valueHeads: 64, keyDim: 128, valueDim: 128 };
const dense = { kind: "dense", width: 18432 };
const yarn = { kind: "yarn", factor: 40, originalTokens: 4096 };
const longrope = {
  ...{ kind: "longrope", originalTokens: 4096, attentionFactor: 1.2 },
  ...{ shortFactors: [1, 1], longFactors: [2, 4] },
};

const cardWith = (attention: unknown, ffn: unknown, more: object = {}) => ({
  hidden: 4096,
  vocab: 1000,
  tiedEmbeddings: true,
  maxContextTokens: 4096,
  layers: [{ attention, ffn }],
  ...more,
});

describe("the cards of docs/cards.md", () => {
  it("are two", () => {
    expect(docCards).toHaveLength(2);
  });

  it("write Step-3 as its configuration does", () => {
    const { name, source, modelType, ...facts } = loadCatalogModel("step3");
    expect(read(step3)).toEqual({
      ...facts,
      name: "step3-by-hand",
      source: "Step-3 report (arXiv 2507.19427), Table 1",
      modelType: "hand-written",
      notes: [],
    });
  });

  it("repeat a pattern, and read less KV where layers are chunked", () => {
    const card = read(moe);
    expect(card.layers).toHaveLength(48);
    expect(
      card.layers
        .map(({ ffn }) => ffn.kind)
        .slice(0, 8)
        .join(" "),
    ).toBe("dense dense dense moe dense dense dense moe");
    const row = 2 * 8 * 128;
    expect(kvBytesReadPerToken(card, 32768)).toBe(36 * 8192 * row + 12 * 32768 * row * 2);
  });
});

describe("readHandWrittenCard", () => {
  it("fills in what its documentation says", () => {
    expect(read(cardWith(gqa, experts))).toMatchObject({
      name: "my",
      source: "my.yaml",
      rmsNormEpsilon: 1e-6,
      notes: [],
      layers: [
        {
          attention: { span: { kind: "full" }, kvBits: 8, ropeTheta: 10000, ropeDims: 128, outputGate: false },
          ffn: {
            sharedGate: false,
            activation: "silu",
            router: { score: "softmax", normalizeTopK: false, scalingFactor: 1, groups: 1, groupsKept: 1 },
          },
        },
      ],
    });
    const { kvHeads, ...heads } = gqa;
    expect(read(cardWith({ ...heads, kind: "mha" }, dense)).layers[0]?.attention).toMatchObject({ kvHeads: 64 });
    expect(read(cardWith({ ...heads, kind: "mqa" }, dense)).layers[0]?.attention).toMatchObject({ kvHeads: 1 });
    expect(read(cardWith(mla, dense)).layers[0]?.attention).toMatchObject({ ropeDims: 64, queryRank: null });
    expect(read(cardWith(linear, dense)).layers[0]?.attention).toEqual(linear);
    const attentionOf = (attention: unknown) => read(cardWith(attention, dense)).layers[0]?.attention;
    expect(attentionOf(gqa)).toMatchObject({ ropeScaling: { kind: "none" }, softmaxScale: 128 ** -0.5, bias: "none" });
    expect(attentionOf(mla)).toMatchObject({ softmaxScale: 192 ** -0.5 });
    expect(attentionOf({ ...mla, softmaxScale: 0.135, ropeScaling: yarn })).toMatchObject({
      softmaxScale: 0.135,
      ropeScaling: { ...yarn, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1 + 0.1 * Math.log(40) },
    });
    expect(attentionOf({ ...mla, ropeScaling: { ...yarn, attentionFactor: 1 } })).toMatchObject({
      ropeScaling: { attentionFactor: 1 },
    });
    expect(attentionOf({ ...gqa, ropeDims: 4, ropeScaling: longrope, bias: "queryKeyValue" })).toMatchObject({
      ropeScaling: longrope,
      bias: "queryKeyValue",
    });
    expect(attentionOf({ ...gqa, ropeScaling: { kind: "llama3", factor: 8, originalTokens: 8192 } })).toMatchObject({
      ropeScaling: { lowFactor: 1, highFactor: 4 },
    });
  });

  it("writes DeepSeek-V3's attention as its configuration does", () => {
    const attention = loadCatalogModel("deepseek-v3").layers[0]?.attention;
    const softmaxScale = 192 ** -0.5 * (0.1 * Math.log(40) + 1) ** 2;
    const written = { ...mla, queryRank: 1536, softmaxScale, ropeScaling: { ...yarn, attentionFactor: 1 } };
    expect(read(cardWith(written, dense)).layers[0]?.attention).toEqual(attention);
  });

  it.each<[string, unknown, string]>([
    ["no object", [], "my.yaml: expected an object with name, source, hidden,"],
    ["a list for an object", cardWith([], dense), "layers[0].attention: expected an object whose kind is one of mfa,"],
    ["an object for a list", cardWith(gqa, dense, { layers: {} }), "layers: expected a list of groups of layers, got"],
    ["no layers", cardWith(gqa, dense, { layers: [] }), "layers: expected at least one group of layers, got an empty"],
    ["a number for a group", cardWith(gqa, dense, { layers: [5] }), "layers[0]: expected an object with count,"],
    ["an unknown kind", cardWith({ ...gqa, kind: "gqq" }, dense), "attention.kind: expected one of mfa, gqa, mha,"],
    ["a kind's slip", cardWith({ ...gqa, kind: "gqq" }, dense), 'got "gqq"; did you mean "gqa"?'],
    ["no kind", cardWith({}, dense), "layers[0].attention.kind: expected one of mfa, gqa"],
    [
      "a negative size",
      cardWith({ ...gqa, kvHeads: -4 }, dense),
      "kvHeads: expected a whole number from 1 to 4096, got -4",
    ],
    [
      "a text for a size",
      cardWith(gqa, dense, { hidden: "4k" }),
      'hidden: expected a whole number from 1 to 131072, got "4k"',
    ],
    ["half a size", cardWith(gqa, { ...dense, width: 1.5 }), "layers[0].ffn.width: expected a whole number"],
    ["no number", cardWith(gqa, dense, { rmsNormEpsilon: Number.NaN }), "rmsNormEpsilon: expected a number above 0"],
    [
      "KV heads that do not divide",
      cardWith({ ...gqa, kvHeads: 5 }, dense),
      "kvHeads: expected a divisor of queryHeads (64)",
    ],
    ["an odd RoPE", cardWith({ ...gqa, headDim: 127 }, dense), "headDim: expected an even number"],
    [
      "more RoPE than head",
      cardWith({ ...gqa, ropeDims: 130 }, dense),
      "ropeDims: expected an even number from 0 to headDim",
    ],
    ["odd RoPE of MLA", cardWith({ ...mla, ropeHeadDim: 63 }, dense), "ropeHeadDim: expected an even number"],
    [
      "key heads that do not divide",
      cardWith({ ...linear, keyHeads: 5 }, dense),
      "keyHeads: expected a divisor of valueHeads",
    ],
    [
      "a misspelled scaling",
      cardWith({ ...gqa, ropeScaling: { kind: "yarm", factor: 4 } }, dense),
      'ropeScaling.kind: expected one of none, linear, ntk, dynamic, yarn, llama3, longrope, got "yarm"; did you mean "yarn"?',
    ],
    [
      "a scaling without its context",
      cardWith({ ...mla, ropeScaling: { kind: "yarn", factor: 4 } }, dense),
      "ropeScaling.originalTokens: expected a whole number from 1",
    ],
    [
      "a factor that shortens",
      cardWith({ ...gqa, ropeScaling: { kind: "linear", factor: 0.5 } }, dense),
      "ropeScaling.factor: expected a number from 1 to 1000000, got 0.5",
    ],
    [
      "a key of another scaling",
      cardWith({ ...gqa, ropeScaling: { kind: "linear", factor: 4, betaFast: 32 } }, dense),
      'ropeScaling: expected only kind, factor, got "betaFast"',
    ],
    [
      "a divisor too few",
      cardWith({ ...gqa, ropeDims: 4, ropeScaling: { ...longrope, longFactors: [1] } }, dense),
      "ropeScaling.longFactors: expected 2 numbers, one for each pair that RoPE turns",
    ],
    [
      "a divisor too few of MLA",
      cardWith({ ...mla, ropeHeadDim: 6, ropeScaling: longrope }, dense),
      "ropeScaling.shortFactors: expected 3 numbers, one for each pair that RoPE turns",
    ],
    [
      "YaRN of a base of 1",
      cardWith({ ...gqa, ropeTheta: 1, ropeScaling: yarn }, dense),
      "ropeScaling.kind: expected a scaling other than yarn where RoPE's base is 1",
    ],
    [
      "Llama 3's factors in the wrong order",
      cardWith(
        { ...gqa, ropeScaling: { kind: "llama3", factor: 8, originalTokens: 8192, lowFactor: 5, highFactor: 4 } },
        dense,
      ),
      "ropeScaling.highFactor: expected a number above the low one's (5), got 4",
    ],
    ["a scale of nothing", cardWith({ ...mla, softmaxScale: 0 }, dense), "softmaxScale: expected a number above 0"],
    [
      "a bias that is not said of what",
      cardWith({ ...gqa, bias: true }, dense),
      "attention.bias: expected one of none, queryKeyValue, all, got true",
    ],
    ["a misspelled optional key", cardWith({ ...gqa, kvbits: 8 }, dense), 'got "kvbits"; did you mean "kvBits"?'],
    [
      "a misspelled needed key",
      cardWith(gqa, dense, { hidden: undefined, hiden: 1 }),
      '(the file has "hiden"), got nothing',
    ],
    [
      "a misspelled group",
      cardWith(gqa, dense, { layers: [{ attention: gqa, fnn: dense }] }),
      'layers[0].ffn: expected an object whose kind is one of dense, moe (the file has "fnn")',
    ],
    [
      "a misspelled pattern",
      cardWith(gqa, dense, { layers: [{ repeat: 2, layer: [] }] }),
      'layers[0].layers: expected a list of groups of layers (the file has "layer")',
    ],
    [
      "a pattern in a pattern",
      cardWith(gqa, dense, { layers: [{ repeat: 2, layers: [{ repeat: 2, layers: [] }] }] }),
      "layers[0].layers[0].attention: expected an object",
    ],
    [
      "too many layers",
      cardWith(gqa, dense, { layers: [{ repeat: 1024, layers: [{ count: 1024, attention: gqa, ffn: dense }] }] }),
      "layers: expected at most 1024 layers in all, got 1048576",
    ],
    [
      "top k above the experts",
      cardWith(gqa, { ...experts, router: { topK: 129 } }),
      "ffn.router.topK: expected a whole number from 1 to 128",
    ],
    [
      "groups that do not divide",
      cardWith(gqa, { ...experts, router: { topK: 8, groups: 7 } }),
      "groups: expected a divisor of experts (128)",
    ],
    [
      "groups without a rule",
      cardWith(gqa, { ...experts, router: { topK: 8, groups: 8 } }),
      "groupRule: expected best, sumOfBestTwo or equalShares",
    ],
    [
      "more groups kept than there are",
      cardWith(gqa, { ...experts, router: { topK: 8, groups: 8, groupsKept: 9, groupRule: "best" } }),
      "groupsKept: expected a whole number from 1 to groups (8)",
    ],
    [
      "unequal shares",
      cardWith(gqa, { ...experts, router: { topK: 9, groups: 8, groupRule: "equalShares" } }),
      "topK: expected a multiple of groups (8)",
    ],
    [
      "a rule without groups",
      cardWith(gqa, { ...experts, router: { topK: 8, groupRule: "best" } }),
      "groupRule: expected none, with one group",
    ],
    [
      "a window without length",
      cardWith({ ...gqa, span: { kind: "sliding" } }, dense),
      "span.tokens: expected a whole number",
    ],
    [
      "a name that no setting can hold",
      cardWith(gqa, dense, { name: "my model" }),
      "name: expected a name without blanks",
    ],
    [
      "sizes beyond count",
      cardWith(
        gqa,
        { ...experts, experts: 8192, expertDim: 2 ** 20 },
        {
          hidden: 2 ** 17,
          layers: [{ count: 1024, attention: gqa, ffn: { ...experts, experts: 8192, expertDim: 2 ** 20 } }],
        },
      ),
      "sizes: expected at most 2^53 - 1 parameters",
    ],
  ])("refuses %s", (_name, value, message) => {
    expect(() => read(value)).toThrow(InvalidInputError);
    expect(() => read(value)).toThrow(message);
    expect(() => read(value)).toThrow(/^my\.yaml: [^\n]*$/);
  });

  it("gives finite numbers or an InvalidInputError, whatever becomes of an example", () => {
    const scalar = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        "",
        "gqa",
        "mla",
        [],
        {},
        -1,
        0,
        1,
        1.5,
        2 ** 31,
        2 ** 53,
        Number.NaN,
        1e308,
      ),
      fc.integer({ min: 1, max: 300 }),
      fc.jsonValue(),
    );
    const scaled = { ...mla, ropeScaling: { ...yarn, betaFast: 32, attentionFactor: 1 }, softmaxScale: 0.135 };
    const cards = [moe, step3, cardWith(scaled, experts), cardWith(linear, dense), cardWith(gqa, experts)];
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.constantFrom(...cards),
        fc.array(
          fc.record({
            at: fc.nat(),
            way: fc.constantFrom("double", "double", "replace", "remove", "rename"),
            value: scalar,
          }),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        fc.constantFrom(1, 8192, 2 ** 31),
        (card, mutations, contextTokens) => {
          const mutated = mutations.reduce(mutate, structuredClone(card));
          try {
            expectFinite(read(mutated), contextTokens);
            seen.read += 1;
          } catch (error) {
            expect(error).toBeInstanceOf(InvalidInputError);
            seen.refused += 1;
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(100);
  });
});

describe("a card's text", () => {
  it("gives a model or an InvalidInputError, whatever becomes of it", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "",
        " ",
        "\n",
        "\t",
        "- ",
        "  ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "&a ",
        "*mfa",
        "#",
        "!t ",
        "-1",
        "\0",
      ),
      fc.string({ maxLength: 3 }),
    );
    const edit = fc.record({ at: fc.nat(), removed: fc.nat({ max: 3 }), added: piece });
    fc.assert(
      fc.property(fc.constantFrom(...docCards), fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        const edited = edits.reduce((current, { at, removed, added }) => {
          const from = at % current.length;
          return current.slice(0, from) + added + current.slice(from + removed);
        }, text);
        try {
          expectFinite(readModelSource(modelSourceOf(parseYaml(edited, "my.yaml"), "my.yaml")), 8192);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("cardJsonSchema", () => {
  it("describes every key and asks for those without a default", () => {
    const schema = cardJsonSchema();
    expect(schema).toMatchObject({
      title: "afdbench model card",
      required: ["hidden", "vocab", "tiedEmbeddings", "maxContextTokens", "layers"],
      additionalProperties: false,
      properties: { rmsNormEpsilon: { default: 1e-6 } },
    });
    const undescribed: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return;
      const { properties = {} } = node as { properties?: Record<string, Record<string, unknown>> };
      for (const [key, property] of Object.entries(properties)) {
        if (!("description" in property || "const" in property || "$ref" in property))
          undescribed.push(`${path}.${key}`);
      }
      for (const [key, inner] of Object.entries(node)) visit(inner, `${path}.${key}`);
    };
    visit(schema, "");
    expect(undescribed).toEqual([]);
  });
});

interface Mutation {
  readonly at: number;
  readonly way: "double" | "replace" | "remove" | "rename";
  readonly value: unknown;
}

/** Changes one of the places of a value, counted over all objects and lists within it. */
function mutate(root: unknown, { at, way, value }: Mutation): unknown {
  const places: { readonly holder: Record<string, unknown>; readonly key: string }[] = [];
  const collect = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, inner] of Object.entries(node)) {
      places.push({ holder: node as Record<string, unknown>, key });
      collect(inner);
    }
  };
  collect(root);
  const place = places[at % Math.max(places.length, 1)];
  if (place === undefined) return value;
  const { holder, key } = place;
  if (way === "double") {
    const old = holder[key];
    holder[key] = typeof old === "number" ? old * 2 : old;
    return root;
  }
  if (way === "rename") holder[`${key}s`] = holder[key];
  if (way === "replace") holder[key] = value;
  else delete holder[key];
  return root;
}

function expectFinite(card: ReturnType<typeof read>, contextTokens: number): void {
  const setting = { contextTokens, convention: "report" } as const;
  const numbers = [
    parametersTotal(card),
    parametersActivated(card),
    attentionFlopsPerByte(card, setting),
    ...Object.values(tokenWork(card, setting)),
  ];
  for (const number of numbers) expect(Number.isFinite(number) && number > 0).toBe(true);
}
