import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { catalogSource } from "../../src/model/catalog.ts";
import { overrideFields } from "../../src/model/overrides.ts";
import { modelSourceOf, readModelSource } from "../../src/model/source.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { parseSetting } from "../../src/units/parse.ts";
import { parseYaml } from "../../src/units/yaml.ts";
import { docCards } from "./docCards.ts";

const set = (fields: Readonly<Record<string, unknown>>, path: string, value: string) =>
  overrideFields(fields, { name: "m", path, value });

describe("overrideFields", () => {
  it.each([
    ["4", 4],
    ["1e-5", 1e-5],
    ["true", true],
    ["null", null],
    ["[1,2]", [1, 2]],
    ['"4"', "4"],
    ["silu", "silu"],
    ["8k", "8k"],
    ["{}", "{}"],
  ])("reads %s as a JSON scalar or list, else as text", (text, value) => {
    expect(set({ a: 1 }, "a", text)).toEqual({ a: value });
  });

  it("finds fields where the file keeps them, and changes nothing else", () => {
    const config = { model_type: "x", text_config: { hidden_size: 1, list: [{ n: 1 }, { n: 2 }] } };
    expect(set(config, "hidden_size", "2")).toEqual({
      ...config,
      text_config: { ...config.text_config, hidden_size: 2 },
    });
    expect(set(config, "text_config.hidden_size", "2")).toEqual(set(config, "hidden_size", "2"));
    expect(set(config, "new_field", "2")).toEqual({ ...config, text_config: { ...config.text_config, new_field: 2 } });
    expect(set(config, "model_type", "y")).toEqual({ ...config, model_type: "y" });
    expect(set(config, "list[1].n", "7")).toEqual(set(config, "list.1.n", "7"));
    expect(set(config, "list[1].n", "7")).toMatchObject({ text_config: { list: [{ n: 1 }, { n: 7 }] } });
    expect(config.text_config.hidden_size).toBe(1);
  });

  it("refuses paths through what has no fields", () => {
    expect(() => set({ a: 1 }, "a.b", "2")).toThrow("--set m.a.b: expected a field that has a field b, got 1");
    expect(() => set({}, "a.b", "2")).toThrow("got nothing");
    expect(() => set({ a: [1] }, "a.1", "2")).toThrow('expected an index from 0 to 0 into the list, got "1"');
    expect(() => set({ a: [1] }, "a.length", "2")).toThrow(InvalidInputError);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    set({}, "__proto__", "1");
    expect(() => set({}, "__proto__.polluted", "1")).toThrow(InvalidInputError);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("readModelSource", () => {
  const step3 = catalogSource("step3");
  const withSettings = (...texts: string[]) => readModelSource(step3, texts.map(parseSetting));

  it("says in the source what was set", () => {
    const card = withSettings("step3.moe_top_k=4", "step3.num_hidden_layers=61");
    expect(card.name).toBe("step3");
    expect(card.layers.at(-2)?.ffn).toMatchObject({ router: { topK: 4 } });
    expect(card.source).toBe(`${step3.source}; with --set moe_top_k=4, num_hidden_layers=61`);
    expect(card.notes.at(-1)).toBe("--set num_hidden_layers=61 is what it is without.");
    expect(withSettings("step3.tie_word_embeddings=false").notes.at(-1)).toContain("tie_word_embeddings=false is what");
  });

  it("lets the reader judge names and values", () => {
    const unread = "expected a field that shapes, FLOPs or bytes follow from";
    expect(() => withSettings("step3.moe_topk=4")).toThrow(
      `--set step3.moe_topk: ${unread}, got "moe_topk"; did you mean "moe_top_k"?`,
    );
    expect(() => withSettings("step3.use_cache=false", "step3.moe_top_k=4")).toThrow(
      `--set step3.use_cache: ${unread}`,
    );
    expect(() => withSettings("step3.vision_config.width=4")).toThrow(`--set step3.vision_config.width: ${unread}`);
    expect(() => withSettings("step3.hidden_sise=4")).toThrow('did you mean "hidden_size"');
    expect(() => withSettings("step3.moe_top_k=49")).toThrow(
      "text_config.moe_top_k: expected a whole number from 1 to 48",
    );
    expect(() => withSettings("step3.moe_top_k=four")).toThrow('got "four"');
  });

  it("reaches into how RoPE is stretched, and what follows from it", () => {
    const deepseek = (...texts: string[]) =>
      readModelSource(catalogSource("deepseek-v3"), texts.map(parseSetting)).layers[0]?.attention;
    expect(deepseek("deepseek-v3.rope_scaling.factor=80")).toMatchObject({
      ropeScaling: { kind: "yarn", factor: 80 },
      softmaxScale: 192 ** -0.5 * (0.1 * Math.log(80) + 1) ** 2,
    });
    expect(deepseek("deepseek-v3.rope_scaling=null")).toMatchObject({
      ropeScaling: { kind: "none" },
      softmaxScale: 192 ** -0.5,
    });
    expect(() => deepseek("deepseek-v3.rope_scaling.factors=2")).toThrow(
      "expected a field that shapes, FLOPs or bytes",
    );
    expect(() => deepseek("deepseek-v3.rope_scaling.type=yarm")).toThrow('did you mean "yarn"?');
  });

  it("reaches into a card", () => {
    const card = modelSourceOf(parseYaml(docCards[0] ?? "", "my.yaml"), "my.yaml");
    const wider = readModelSource(card, [parseSetting("my-moe.layers[0].layers[0].ffn.width=1024")]);
    expect(wider.layers[46]?.ffn).toMatchObject({ width: 1024 });
    expect(() => readModelSource(card, [parseSetting("my-moe.layers[0].repeats=2")])).toThrow('did you mean "repeat"?');
  });

  it("gives a card or an InvalidInputError, whatever is set", () => {
    const paths = [
      ...Object.keys(step3.fields["text_config"] as object),
      "text_config",
      "text_config.hidden_size.a",
      "x.y",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.oneof(fc.json(), fc.string({ minLength: 1 })), (path, value) => {
        try {
          readModelSource(step3, [{ name: "step3", path, value }]);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
    );
  });
});
