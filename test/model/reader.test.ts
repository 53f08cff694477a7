import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import deepseek from "../../src/model/configs/deepseek-v3.json" with { type: "json" };
import qwen from "../../src/model/configs/qwen3-235b-a22b.json" with { type: "json" };
import step3 from "../../src/model/configs/step3.json" with { type: "json" };
import step3Text from "../../src/model/configs/step3-text.json" with { type: "json" };
import { parametersTotal } from "../../src/model/parameters.ts";
import { readModelConfig } from "../../src/model/reader.ts";
import { InvalidInputError } from "../../src/units/errors.ts";

type Json = Record<string, unknown>;
const configs: [string, Json][] = [
  ["step3_text", step3Text],
  ["deepseek_v3", deepseek],
  ["qwen3_moe", qwen],
];

const read = (config: unknown) => readModelConfig(config, "dir/config.json");
const without = (config: Json, key: string) =>
  Object.fromEntries(Object.entries(config).filter(([name]) => name !== key));

const refusal = (config: Json): Error => {
  try {
    read(config);
  } catch (error) {
    return error as Error;
  }
  throw new Error("was accepted");
};

describe("readModelConfig", () => {
  it("names a card after its file", () => {
    expect(readModelConfig(qwen, "some/where/qwen.json")).toMatchObject({
      name: "qwen",
      source: "some/where/qwen.json",
    });
  });

  it("reads step3_vl's text_config as it reads step3_text", () => {
    expect(read(step3)).toEqual(read(step3Text));
    const broken = { ...step3, text_config: { ...step3.text_config, head_dim: 0 } };
    expect(() => read(broken)).toThrow(
      "dir/config.json: text_config.head_dim: expected a whole number from 1 to 8192, got 0",
    );
    expect(() => read({ model_type: "step3_vl" })).toThrow(/text_config: expected an object .*got nothing/);
  });

  it.each([[null], [[]], [1], ["x"], [undefined]])("refuses %j for a configuration", (value) => {
    expect(() => read(value)).toThrow(InvalidInputError);
  });

  it.each([
    ["deepseek_v4", 'did you mean "deepseek_v3" or "deepseek_v2"?'],
    ["step3", 'did you mean "step3_vl"'],
    ["Llama-3", 'did you mean "llama"'],
    ["falcon", "`afdbench schema model` prints its format"],
    [undefined, "got nothing"],
    [7, "got 7"],
    ["toString", "expected one of"],
  ])("refuses model type %j", (modelType, message) => {
    expect(() => read({ ...qwen, model_type: modelType })).toThrow(message);
    expect(() => read({ ...qwen, model_type: modelType })).toThrow(/^dir\/config\.json: model_type: /);
  });

  it("reads exactly the model types that docs/models.md lists", () => {
    const doc = readFileSync(new URL("../../docs/models.md", import.meta.url), "utf8");
    const rows = doc.slice(doc.indexOf("## Families")).matchAll(/^\| (`.*?`) \|/gm);
    const listed = [...rows].flatMap(([, names = ""]) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    const { message } = refusal({ model_type: "none" });
    const known = [...message.slice(0, message.indexOf(" (")).matchAll(/"(\w+)"/g)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(["model_type", ...known].toSorted());
  });

  const sizes = [
    "hidden_size",
    "num_hidden_layers",
    "vocab_size",
    "num_attention_heads",
    "intermediate_size",
    "moe_intermediate_size",
  ];
  const supplied = ["rms_norm_eps", "rope_theta"];
  const badSizes = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e18, "64", null, [], {}, true];
  describe.each(configs)("%s", (_, config) => {
    it.each(sizes)("refuses a missing %s", (field) => {
      expect(() => read(without(config, field))).toThrow(
        new RegExp(`^dir/config\\.json: ${field}: expected .*, got nothing$`),
      );
    });

    it.each(supplied)("takes a missing %s from its class and says so", (field) => {
      const [note] = read(without(config, field)).notes;
      expect(note).toMatch(new RegExp(`^From the class defaults of .*: .*${field} [0-9]`));
    });

    it.each([...sizes, ...supplied])("refuses a senseless %s", (field) => {
      for (const value of badSizes) {
        expect(() => read({ ...config, [field]: value })).toThrow(
          new RegExp(`^dir/config\\.json: ${field}: expected `),
        );
        expect(() => read({ ...config, [field]: value })).toThrow(InvalidInputError);
      }
    });

    it("refuses fractions where a whole number is needed", () => {
      expect(() => read({ ...config, hidden_size: 7168.5 })).toThrow(
        "hidden_size: expected a whole number from 1 to 131072, got 7168.5",
      );
    });

    it("names fields that it does not read, and refuses misspelt ones", () => {
      expect(read({ ...config, hidden_sise: 1, "a\u001b[31m": 2 }).notes).toContain(
        "Not read: hidden_sise, a\\u{1b}[31m.",
      );
      expect(read({ ...config, ["x".repeat(1e6)]: 1 }).notes.at(-1)).toHaveLength("Not read: .".length + 60);
      expect(() => read({ ...without(config, "hidden_size"), hiden_size: 1 })).toThrow(
        /hidden_size: expected .*"hiden_size"/,
      );
      expect(() => read({ ...without(config, "tie_word_embeddings"), tie_word_embedings: true })).toThrow(
        'got "tie_word_embedings"; did you mean "tie_word_embeddings"?',
      );
    });

    it("lists no more unread fields than one can read", () => {
      const many = Object.fromEntries(Array.from({ length: 1e5 }, (_, index) => [`x${index}`, index]));
      expect(read({ ...config, ...many }).notes.at(-1)).toMatch(/^Not read: x0, .*x19 and 99980 more\.$/);
    });

    it("passes over fields that have nothing to do with shapes", () => {
      const extra = {
        _name_or_path: "x",
        bos_token_id: 0,
        auto_map: {},
        use_cache: true,
        dtype: "bfloat16",
        audio_token_index: 1,
        transformers_version: "4.54",
      };
      expect(read({ ...config, ...extra })).toEqual(read(config));
    });

    it("counts one embedding table where it is tied", () => {
      const card = read(config);
      const tied = read({ ...config, tie_word_embeddings: true });
      expect(parametersTotal(card) - parametersTotal(tied)).toBe(card.vocab * card.hidden);
    });

    it("gives a finite card or an InvalidInputError, whatever one field holds", () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...Object.keys(config)),
          fc.oneof(fc.jsonValue(), fc.double(), fc.integer()),
          (key, value) => {
            try {
              expect(Number.isSafeInteger(parametersTotal(read({ ...config, [key]: value })))).toBe(true);
            } catch (error) {
              expect(error).toBeInstanceOf(InvalidInputError);
            }
          },
        ),
      );
    });
  });

  it.each([
    [
      step3Text,
      { moe_layers_enum: "4,5,61" },
      'moe_layers_enum: expected layer indices from 0 to 60, each once, got "61"',
    ],
    [step3Text, { moe_layers_enum: "4,x" }, 'got "x"'],
    [step3Text, { moe_layers_enum: [4, 4] }, "each once"],
    [step3Text, { moe_layers_enum: [4, "5"] }, "moe_layers_enum"],
    [step3Text, { moe_top_k: 49 }, "moe_top_k: expected a whole number from 1 to 48"],
    [step3Text, { num_attention_groups: 2 }, "num_attention_groups: expected 1 "],
    [step3Text, { head_dim: 255 }, "head_dim: expected an even number"],
    [step3Text, { rope_scaling: { factor: 2 } }, "rope_scaling.rope_type: expected one of default, linear"],
    [step3Text, { norm_expert_weight: 1 }, "norm_expert_weight: expected true or false, got 1"],
    [step3Text, { max_position_embedding: "x" }, "max_position_embedding: expected a whole number"],
    [
      step3Text,
      { max_position_embeddings: 4096 },
      "max_position_embedding: expected the same as max_position_embeddings, or one of the two left out, got 65536",
    ],
    [
      deepseek,
      { topk_method: "group_limited" },
      'topk_method: expected "noaux_tc" or "group_limited_greedy" or "greedy"',
    ],
    [deepseek, { hidden_act: "relu" }, 'hidden_act: expected "silu" or "swish"'],
    [qwen, { num_local_experts: 64 }, "num_local_experts: expected the same as num_experts"],
    [qwen, { rope_parameters: 3 }, "rope_parameters: expected an object or null, got 3"],
    [
      qwen,
      { head_dim: null, hidden_size: 4000 },
      "head_dim: expected a whole number from 1 to 8192 (left out, and the class default is none), got 62.5",
    ],
    [deepseek, { n_group: 7 }, "n_group: expected a divisor of n_routed_experts (256), got 7"],
    [deepseek, { topk_group: 9 }, "topk_group: expected a whole number from 1 to n_group (8), got 9"],
    [deepseek, { num_experts_per_tok: 129 }, "num_experts_per_tok: expected a whole number from 1 to 128"],
    [deepseek, { scoring_func: "sigmoyd" }, 'scoring_func: expected "sigmoid" or "softmax", got "sigmoyd"'],
    [deepseek, { attention_bias: true }, "attention_bias: expected false, got true"],
    [deepseek, { q_lora_rank: 0 }, "q_lora_rank: expected a whole number from 1 to 1048576, or null, got 0"],
    [qwen, { num_key_value_heads: 5 }, "num_key_value_heads: expected a divisor of num_attention_heads (64), got 5"],
    [qwen, { use_sliding_window: true }, "use_sliding_window: expected false"],
    [qwen, { mlp_only_layers: "none" }, "mlp_only_layers: expected a list of layer indices"],
    [qwen, { mlp_only_layers: [-1] }, "mlp_only_layers[0]: expected a list of layer indices, got -1"],
    [
      { ...deepseek, num_hidden_layers: 1024, n_routed_experts: 8192 },
      { moe_intermediate_size: 2 ** 20, hidden_size: 2 ** 17 },
      "2^53 - 1",
    ],
  ])("case %#: %j", (config, change, message) => {
    expect(() => read({ ...config, ...change })).toThrow(message);
  });

  it("falls back as the released classes do", () => {
    const everyButFirst = read(without(step3Text, "moe_layers_enum"));
    expect(everyButFirst.layers.map(({ ffn }) => ffn.kind).filter((kind) => kind === "dense")).toHaveLength(1);
    expect(everyButFirst.layers[0]?.ffn.kind).toBe("dense");
    expect(read({ ...without(without(step3Text, "max_position_embedding"), "max_seq_len") })).toMatchObject({
      maxContextTokens: 65536,
    });
    expect(read({ ...step3Text, share_q_dim: 0 }).layers[0]?.attention).toMatchObject({ queryRank: 256 });
    expect(read(without(qwen, "head_dim")).layers[0]?.attention).toMatchObject({ headDim: 64 });
    expect(read({ ...qwen, num_key_value_heads: 1 }).layers[0]?.attention.kind).toBe("mqa");
    expect(read({ ...qwen, num_key_value_heads: 64 }).layers[0]?.attention.kind).toBe("mha");
    expect(
      read({ ...qwen, mlp_only_layers: [1] })
        .layers.map(({ ffn }) => ffn.kind)
        .indexOf("dense"),
    ).toBe(1);
    expect(read({ ...qwen, decoder_sparse_step: 2 }).layers[0]?.ffn.kind).toBe("dense");
    expect(read({ ...deepseek, q_lora_rank: null }).layers[0]?.attention).toMatchObject({ queryRank: null });
    expect(read({ ...deepseek, n_shared_experts: null }).layers[5]?.ffn).toMatchObject({ sharedDim: 0 });
  });
});
