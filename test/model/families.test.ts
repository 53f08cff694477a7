import { describe, expect, it } from "vitest";
import type { LayerSpec, ModelCard } from "../../src/model/card.ts";
import deepseek from "../../src/model/configs/deepseek-v3.json" with { type: "json" };
import ernie from "../../src/model/configs/ernie-4.5-300b-a47b.json" with { type: "json" };
import gemma from "../../src/model/configs/gemma-3-27b.json" with { type: "json" };
import glm from "../../src/model/configs/glm-4.5.json" with { type: "json" };
import glmAir from "../../src/model/configs/glm-4.5-air.json" with { type: "json" };
import kimi from "../../src/model/configs/kimi-k2.json" with { type: "json" };
import llama from "../../src/model/configs/llama-3.1-70b.json" with { type: "json" };
import maverick from "../../src/model/configs/llama-4-maverick.json" with { type: "json" };
import minimax from "../../src/model/configs/minimax-m1.json" with { type: "json" };
import mistral from "../../src/model/configs/mistral-7b.json" with { type: "json" };
import pangu from "../../src/model/configs/pangu-pro-moe.json" with { type: "json" };
import qwen3 from "../../src/model/configs/qwen3-32b.json" with { type: "json" };
import qwenMoe from "../../src/model/configs/qwen3-235b-a22b.json" with { type: "json" };
import qwenNext from "../../src/model/configs/qwen3-next-80b-a3b.json" with { type: "json" };
import step3 from "../../src/model/configs/step3.json" with { type: "json" };
import { parametersActivated, parametersTotal } from "../../src/model/parameters.ts";
import { readModelConfig } from "../../src/model/reader.ts";
import deepseekV2 from "./configs/deepseek-v2.json" with { type: "json" };
import deepseekV2Lite from "./configs/deepseek-v2-lite.json" with { type: "json" };
import gemma1b from "./configs/gemma-3-1b.json" with { type: "json" };
import gptOss from "./configs/gpt-oss-120b.json" with { type: "json" };
import scout from "./configs/llama-4-scout.json" with { type: "json" };
import mixtral from "./configs/mixtral-8x7b.json" with { type: "json" };
import qwen25 from "./configs/qwen2.5-72b.json" with { type: "json" };

type Json = Record<string, unknown>;

const read = (config: Json) => readModelConfig(config, "config.json");
const without = (config: Json, ...keys: string[]) =>
  Object.fromEntries(Object.entries(config).filter(([name]) => !keys.includes(name)));
const indices = (card: ModelCard, holds: (layer: LayerSpec) => boolean) =>
  card.layers.flatMap((layer, index) => (holds(layer) ? [index] : []));
const denseLayers = (card: ModelCard) => indices(card, ({ ffn }) => ffn.kind === "dense");
const fullLayers = (card: ModelCard) =>
  indices(card, ({ attention }) => attention.kind !== "linear" && attention.span.kind === "full");
const every = (step: number, layers: number, first = step - 1) =>
  Array.from({ length: layers }, (_, index) => index).filter((index) => index % step === first % step);
const at = (card: ModelCard, index: number) => card.layers[index] as LayerSpec;

describe("published sizes of models that the catalog does not hold", () => {
  it.each([
    ["deepseek-v2", deepseekV2, 235.7, 21.4],
    ["deepseek-v2-lite", deepseekV2Lite, 15.7, 2.7],
    ["gpt-oss-120b", gptOss, 116.8, 5.7],
    ["mixtral-8x7b", mixtral, 46.7, 12.9],
    ["qwen2.5-72b", qwen25, 72.7, 72.7],
    ["llama-4-scout", scout, 107.8, 17.2],
    ["gemma-3-1b", gemma1b, 1.0, 1.0],
  ])("%s", (_, config, total, activated) => {
    const card = read(config);
    expect(parametersTotal(card) / 1e9).toBeCloseTo(total, 1);
    expect(parametersActivated(card) / 1e9).toBeCloseTo(activated, 1);
    expect(card.notes.filter((note) => note.startsWith("Not read"))).toEqual([]);
  });
});

describe("DeepSeek and Kimi", () => {
  it("have as many dense layers as first_k_dense_replace says", () => {
    expect(denseLayers(read(deepseek))).toEqual([0, 1, 2]);
    expect(denseLayers(read(kimi))).toEqual([0]);
    expect(denseLayers(read({ ...deepseek, moe_layer_freq: 2, num_hidden_layers: 8 }))).toEqual([0, 1, 2, 3, 5, 7]);
    expect(read(kimi)).toMatchObject({ modelType: "kimi_k2" });
  });

  it("choose experts as topk_method says", () => {
    expect(at(read(deepseekV2), 1).ffn).toMatchObject({
      sharedDim: 3072,
      router: {
        score: "softmax",
        topK: 6,
        normalizeTopK: false,
        scalingFactor: 16,
        correctionBias: false,
        groups: 8,
        groupsKept: 3,
        groupRule: "best",
      },
    });
    const lite = read(deepseekV2Lite);
    expect(at(lite, 1).ffn).toMatchObject({ router: { groups: 1, groupRule: "none", correctionBias: false } });
    expect(at(lite, 1).attention).toMatchObject({ kind: "mla", queryRank: null });
    expect(at(read(kimi), 1).ffn).toMatchObject({ router: { groups: 1, groupRule: "none", correctionBias: true } });
    expect(at(read(deepseek), 3).ffn).toMatchObject({ router: { groups: 8, groupRule: "sumOfBestTwo" } });
    const plain = read(without(deepseekV2, "topk_method", "n_group", "topk_group"));
    expect(at(plain, 1).ffn).toMatchObject({ router: { groups: 1, groupRule: "none" } });
    expect(plain.notes).toEqual([
      'From the class defaults of deepseek_v2: n_group null, topk_group null, topk_method "greedy".',
    ]);
  });
});

describe("Qwen", () => {
  it("has experts where decoder_sparse_step and mlp_only_layers leave them", () => {
    const card = read({ ...qwenMoe, decoder_sparse_step: 3, mlp_only_layers: [2, 8], num_hidden_layers: 10 });
    expect(denseLayers(card)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
    expect(denseLayers(read({ ...qwenNext, mlp_only_layers: null }))).toEqual([]);
  });

  it("slides from max_window_layers on where the window is on", () => {
    expect(fullLayers(read(qwen25))).toHaveLength(80);
    const on = { ...qwen25, use_sliding_window: true, max_window_layers: 70, sliding_window: 4096 };
    expect(fullLayers(read(on))).toEqual(every(1, 70));
    expect(at(read(on), 75).attention).toMatchObject({ span: { kind: "sliding", tokens: 4096 } });
    expect(fullLayers(read({ ...on, sliding_window: null }))).toHaveLength(80);
    const left = read(without(on, "sliding_window", "max_window_layers"));
    expect(fullLayers(left)).toEqual(every(1, 28));
    expect(left.notes[0]).toContain("sliding_window 4096, max_window_layers 28");
  });

  it("reads layer_types, which newer files hold", () => {
    const types = Array.from({ length: 64 }, (_, index) => (index < 60 ? "full_attention" : "sliding_attention"));
    const on = { ...qwen3, use_sliding_window: true, sliding_window: 1024, layer_types: types };
    expect(fullLayers(read(on))).toEqual(every(1, 60));
    expect(() => read({ ...on, layer_types: types.slice(1) })).toThrow(
      "config.json: layer_types: expected one for each of num_hidden_layers (64), got a list of 63",
    );
    expect(() => read({ ...on, layer_types: [...types.slice(1), "chunked"] })).toThrow(
      'layer_types[63]: expected a list with "full_attention" or "sliding_attention" for each layer, got "chunked"',
    );
    expect(() => read({ ...on, use_sliding_window: false })).toThrow(/sliding_window: expected a window that is on/);
  });

  it("has biases on Qwen2, head norms on Qwen3, a gated shared expert on Qwen2-MoE", () => {
    expect(at(read(qwen25), 0).attention).toMatchObject({ bias: "queryKeyValue", qkNorm: false, headDim: 128 });
    expect(at(read(qwen3), 0).attention).toMatchObject({ bias: "none", qkNorm: true });
    expect(at(read(without(qwen3, "head_dim")), 0).attention).toMatchObject({ headDim: 128 });
    const qwen2Moe = { ...qwenMoe, model_type: "qwen2_moe", shared_expert_intermediate_size: 5632 };
    expect(at(read(qwen2Moe), 0)).toMatchObject({
      attention: { qkNorm: false, bias: "queryKeyValue" },
      ffn: { sharedDim: 5632, sharedGate: true },
    });
    expect(() => read(without(qwen2Moe, "shared_expert_intermediate_size"))).toThrow(
      /shared_expert_intermediate_size: expected a whole number/,
    );
  });

  it("Next has softmax attention in every fourth layer and gated delta in the others", () => {
    const card = read(qwenNext);
    expect(fullLayers(card)).toEqual(every(4, 48));
    expect(at(card, 3).attention).toMatchObject({ kind: "gqa", outputGate: true, qkNorm: true, ropeDims: 64 });
    expect(at(card, 0).attention).toEqual({
      kind: "linear",
      rule: "gatedDelta",
      keyHeads: 16,
      valueHeads: 32,
      keyDim: 128,
      valueDim: 128,
    });
    expect(at(card, 0).ffn).toMatchObject({ sharedDim: 512, sharedGate: true, router: { topK: 10 } });
    expect(fullLayers(read({ ...qwenNext, full_attention_interval: 6 }))).toEqual(every(6, 48));
  });
});

describe("Llama, Mistral and Mixtral", () => {
  it("take head width and KV heads from the class", () => {
    const old = read(without(llama, "num_key_value_heads", "rope_theta", "attention_bias", "mlp_bias", "rope_scaling"));
    expect(at(old, 0).attention).toMatchObject({ kind: "mha", kvHeads: 64, headDim: 128, ropeTheta: 10000 });
    expect(old.notes).toEqual([
      "From the class defaults of llama: rope_theta 10000, attention_bias false, mlp_bias false, " +
        "num_key_value_heads 64, head_dim 128.",
    ]);
    expect(at(read({ ...llama, head_dim: 64 }), 0).attention).toMatchObject({ headDim: 64 });
    expect(at(read({ ...llama, attention_bias: true }), 0).attention).toMatchObject({ bias: "all" });
    expect(() => read({ ...llama, mlp_bias: true })).toThrow("mlp_bias: expected false");
  });

  it("read RoPE's base where newer files keep it", () => {
    const newer = { ...without(llama, "rope_theta", "rope_scaling"), rope_parameters: { rope_theta: 5e5, factor: 8 } };
    expect(at(read(newer), 0).attention).toMatchObject({ ropeTheta: 5e5 });
    expect(read(newer).notes).toEqual(read(llama).notes);
    expect(at(read({ ...newer, rope_theta: null }), 0).attention).toMatchObject({ ropeTheta: 5e5 });
    expect(() => read({ ...newer, rope_parameters: { rope_theta: -1 } })).toThrow(
      "config.json: rope_parameters.rope_theta: expected a number above 0, at most 1000000000000, got -1",
    );
    expect(() => read({ ...newer, rope_theta: 1e4 })).toThrow(
      "rope_parameters.rope_theta: expected the same as rope_theta, or one of the two left out, got 500000",
    );
  });

  it("slide in every layer where the window is a number", () => {
    expect(at(read(mistral), 31).attention).toMatchObject({ span: { kind: "sliding", tokens: 4096 } });
    expect(fullLayers(read({ ...mistral, sliding_window: null }))).toHaveLength(32);
    expect(fullLayers(read(mixtral))).toHaveLength(32);
    expect(read(without(mistral, "sliding_window")).notes[0]).toContain("sliding_window 4096");
    expect(at(read(mixtral), 0).ffn).toMatchObject({ experts: 8, expertDim: 14336, router: { topK: 2 } });
  });
});

describe("Llama 4", () => {
  it("Maverick has experts in odd layers and full attention without RoPE in every fourth", () => {
    const card = read(maverick);
    expect(denseLayers(card)).toEqual(every(2, 48, 0));
    expect(fullLayers(card)).toEqual(every(4, 48));
    expect(at(card, 3)).toMatchObject({
      attention: { span: { kind: "full" }, kvBits: 16, ropeDims: 0, qkNorm: false },
      ffn: { kind: "moe", expertDim: 8192, sharedDim: 8192, router: { score: "sigmoid", topK: 1, scalesInput: true } },
    });
    expect(at(card, 0)).toMatchObject({
      attention: { span: { kind: "chunked", tokens: 8192 }, kvBits: 8, ropeDims: 128 },
      ffn: { kind: "dense", width: 16384 },
    });
  });

  it("Scout has experts in every layer and norms where there is RoPE", () => {
    const card = read(scout);
    expect(denseLayers(card)).toEqual([]);
    expect(indices(card, ({ attention }) => attention.kind === "gqa" && !attention.qkNorm)).toEqual(every(4, 48));
  });

  it("obeys the lists of a text model", () => {
    const text = { ...maverick.text_config, num_hidden_layers: 4 };
    const lists = { moe_layers: [0, 3], no_rope_layers: [0, 1, 1, 1] };
    expect(denseLayers(read({ ...text, ...lists }))).toEqual([1, 2]);
    expect(fullLayers(read({ ...text, ...lists }))).toEqual([0]);
    const types = ["full_attention", "full_attention", "chunked_attention", "chunked_attention"];
    const card = read({ ...text, ...lists, layer_types: types });
    expect(fullLayers(card)).toEqual([0, 1]);
    expect(at(card, 1).attention).toMatchObject({ kvBits: 16, ropeDims: 128 });
    expect(() => read({ ...text, no_rope_layers: [1, 1] })).toThrow(/no_rope_layers: expected one for each .* \(4\)/);
    expect(() => read(without(text, "num_local_experts"))).toThrow(/^config.json: num_local_experts: expected/);
  });
});

describe("MiniMax", () => {
  it("has lightning attention where attn_type_list says 0", () => {
    const card = read(minimax);
    expect(fullLayers(card)).toEqual(every(8, 80));
    expect(at(card, 7).attention).toMatchObject({ kind: "gqa", kvHeads: 8, kvBits: 16, ropeDims: 64 });
    expect(at(card, 0).attention).toMatchObject({ kind: "linear", rule: "lightning", valueHeads: 64, keyDim: 128 });
    expect(() => read({ ...minimax, attn_type_list: [0, 1] })).toThrow(
      "attn_type_list: expected one for each of num_hidden_layers (80), got a list of 2",
    );
    expect(() => read({ ...minimax, shared_intermediate_size: 512 })).toThrow("shared_intermediate_size: expected 0");
    expect(() => read({ ...minimax, rotary_dim: 130 })).toThrow("rotary_dim: expected an even number up to head_dim");
  });

  it("reads the older name and transformers' own", () => {
    expect(fullLayers(read({ ...minimax, model_type: "minimax_text_01" }))).toEqual(every(8, 80));
    const plain = { ...without(minimax, "attn_type_list"), model_type: "minimax" };
    expect(fullLayers(read(plain))).toEqual(every(2, 80, 0));
    const types = Array.from({ length: 80 }, (_, index) => (index === 9 ? "full_attention" : "linear_attention"));
    expect(fullLayers(read({ ...plain, layer_types: types }))).toEqual([9]);
    expect(() => read({ ...plain, scoring_func: "sigmoid" })).toThrow('scoring_func: expected "softmax"');
  });
});

describe("ERNIE and Pangu", () => {
  it("has experts from start to end at the interval", () => {
    expect(denseLayers(read(ernie))).toEqual([0, 1, 2]);
    const some = { ...ernie, num_hidden_layers: 10, moe_layer_start_index: 2, moe_layer_end_index: 7 };
    expect(denseLayers(read({ ...some, moe_layer_interval: 3 }))).toEqual([0, 1, 3, 4, 6, 7, 8, 9]);
    expect(denseLayers(read({ ...some, moe_layer_end_index: -1 }))).toEqual([0, 1]);
    expect(denseLayers(read({ ...some, moe_layer_end_index: null }))).toEqual([0, 1]);
    expect(at(read(ernie), 3).ffn).toMatchObject({
      sharedDim: 0,
      router: { score: "softmax", topK: 8, correctionBias: true, normalizeTopK: true },
    });
    expect(at(read(without(ernie, "moe_num_shared_experts")), 3).ffn).toMatchObject({ sharedDim: 2 * 3584 });
  });

  it("reads a dense ERNIE", () => {
    const small = { hidden_size: 1024, num_attention_heads: 16, num_hidden_layers: 18, intermediate_size: 3072 };
    const card = read({ model_type: "ernie4_5", vocab_size: 103424, ...small });
    expect(card).toMatchObject({ tiedEmbeddings: true });
    expect(at(card, 0).attention).toMatchObject({ kvHeads: 2, headDim: 128 });
  });

  it("takes the best of each of eight groups", () => {
    expect(at(read(pangu), 0)).toMatchObject({
      attention: { bias: "all", kvHeads: 8 },
      ffn: { sharedDim: 5376, sharedGate: false, router: { groups: 8, groupsKept: 8, groupRule: "equalShares" } },
    });
    expect(() => read({ ...pangu, num_experts: 60 })).toThrow(/expected a divisor of num_experts \(60\), got 8/);
  });
});

describe("GLM and gpt-oss", () => {
  it("GLM has dense layers first, half of RoPE and one group", () => {
    expect(denseLayers(read(glm))).toEqual([0, 1, 2]);
    expect(denseLayers(read(glmAir))).toEqual([0]);
    expect(at(read(glm), 3)).toMatchObject({
      attention: { bias: "queryKeyValue", qkNorm: true, ropeDims: 64 },
      ffn: { sharedDim: 1536, router: { score: "sigmoid", scalingFactor: 2.5, groups: 1, groupRule: "none" } },
    });
    const newer = {
      ...without(glm, "partial_rotary_factor", "rope_theta"),
      rope_parameters: { rope_theta: 1e6, partial_rotary_factor: 0.25 },
    };
    expect(at(read(newer), 0).attention).toMatchObject({ ropeDims: 32, ropeTheta: 1e6 });
    expect(() => read({ ...glm, scoring_func: "softmax" })).toThrow('scoring_func: expected "sigmoid"');
    expect(() => read({ ...glm, partial_rotary_factor: 0.01 })).toThrow(/partial_rotary_factor: expected a part/);
  });

  it("gpt-oss slides in every second layer, or where layer_types says", () => {
    const card = read(gptOss);
    expect(fullLayers(card)).toEqual(every(2, 36));
    expect(card.layers.map(({ attention }) => attention)).toEqual(
      read(without(gptOss, "layer_types")).layers.map(({ attention }) => attention),
    );
    expect(at(card, 0)).toMatchObject({
      attention: { span: { kind: "sliding", tokens: 128 }, sinks: true, bias: "all", headDim: 64 },
      ffn: { activation: "clampedSilu", router: { topK: 4, logitBias: true, normalizeTopK: true } },
    });
    const full = Array.from({ length: 36 }, () => "full_attention");
    expect(fullLayers(read({ ...gptOss, layer_types: full, sliding_window: null }))).toHaveLength(36);
    expect(() => read({ ...gptOss, sliding_window: null })).toThrow(
      "sliding_window: expected a whole number of tokens",
    );
    expect(() => read({ ...gptOss, experts_per_token: 5 })).toThrow(
      "experts_per_token: expected the same as num_experts_per_tok, or one of the two left out, got 5",
    );
  });
});

describe("Gemma 3", () => {
  it("has five sliding layers and a full one, with a RoPE base each", () => {
    const card = read(gemma);
    expect(fullLayers(card)).toEqual(every(6, 62));
    expect(at(card, 0).attention).toMatchObject({ span: { kind: "sliding", tokens: 1024 }, ropeTheta: 1e4 });
    expect(at(card, 5).attention).toMatchObject({ ropeTheta: 1e6, qkNorm: true });
    expect(at(card, 0).ffn).toMatchObject({ kind: "dense", activation: "gelu" });
    expect(card.tiedEmbeddings).toBe(true);
    expect(card.notes[0]).toMatch(/^From the class defaults of gemma3_text: vocab_size 262208, /);
  });

  it("takes sizes that a nested object leaves out from the class, and refuses a text model without them", () => {
    const text = { hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34, sliding_window: 1024 };
    const card = read({ model_type: "gemma3", text_config: text });
    expect(at(card, 0).attention).toMatchObject({ kind: "gqa", queryHeads: 8, kvHeads: 4, headDim: 256 });
    expect(parametersTotal(card) / 1e9).toBeCloseTo(3.88, 2);
    expect(card.notes[0]).toContain("num_attention_heads 8");
    for (const field of [
      "hidden_size",
      "num_hidden_layers",
      "num_attention_heads",
      "vocab_size",
      "intermediate_size",
    ]) {
      expect(() => read(without(gemma1b, field))).toThrow(new RegExp(`^config.json: ${field}: expected`));
    }
  });

  it("reads the fields that newer files hold", () => {
    const rope = { full_attention: { rope_theta: 2e6 }, sliding_attention: { rope_theta: 2e4 } };
    const types = Array.from({ length: 26 }, (_, index) => (index === 25 ? "full_attention" : "sliding_attention"));
    const old = without(gemma1b, "rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window_pattern");
    const card = read({ ...old, rope_parameters: rope, layer_types: types, dtype: "bfloat16" });
    expect(fullLayers(card)).toEqual([25]);
    expect(at(card, 0).attention).toMatchObject({ ropeTheta: 2e4 });
    expect(at(card, 25).attention).toMatchObject({ ropeTheta: 2e6 });
    expect(card.notes).toEqual(["From the class defaults of gemma3_text: tie_word_embeddings true."]);
    expect(fullLayers(read({ ...old, _sliding_window_pattern: 13 }))).toEqual([12, 25]);
    expect(() => read({ ...gemma1b, attn_logit_softcapping: 50 })).toThrow("attn_logit_softcapping: expected null");
    expect(() => read({ ...gemma1b, use_bidirectional_attention: true })).toThrow("expected false or null");
  });
});

describe("nested models", () => {
  it("let the outer object say whether embeddings are tied", () => {
    expect(read({ ...gemma, tie_word_embeddings: false }).tiedEmbeddings).toBe(false);
    expect(read({ ...step3, tie_word_embeddings: true }).tiedEmbeddings).toBe(true);
    const both = {
      ...gemma,
      tie_word_embeddings: false,
      text_config: { ...gemma.text_config, tie_word_embeddings: true },
    };
    expect(read(both)).toMatchObject({ tiedEmbeddings: false });
    expect(read(both).notes).toContain("tie_word_embeddings false is the outer object's; text_config says true.");
    expect(read({ ...maverick, text_config: { ...maverick.text_config, tie_word_embeddings: true } })).toMatchObject({
      tiedEmbeddings: true,
    });
  });

  it("say where a field that is not read, misspelt or of another type stands", () => {
    expect(read({ ...gemma, color: 1, text_config: { ...gemma.text_config, shape: 2 } }).notes.slice(1)).toEqual([
      "Not read: text_config.shape.",
      "Not read: color.",
    ]);
    expect(() => read({ ...gemma, text_config: { ...gemma.text_config, vocab_sise: 1 } })).toThrow(
      'config.json: text_config.field: expected only fields of this model type, got "vocab_sise"; did you mean "vocab_size"?',
    );
    expect(() => read({ ...gemma, text_config: { ...gemma.text_config, model_type: "gemma2" } })).toThrow(
      'config.json: text_config.model_type: expected "gemma3_text", got "gemma2"',
    );
    expect(() => read({ ...gemma, tie_word_embeddings: "no" })).toThrow(
      'config.json: tie_word_embeddings: expected true or false, got "no"',
    );
  });

  it("take Step-3's sizes from its class", () => {
    const card = read({ model_type: "step3_vl", text_config: { moe_layers_enum: step3.text_config.moe_layers_enum } });
    expect({ ...card, notes: [] }).toEqual({ ...read(step3), notes: [] });
    expect(card.notes[0]).toContain("hidden_size 7168");
  });
});
