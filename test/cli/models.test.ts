import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkDocument } from "../../src/record/schemas.ts";
import { docCards } from "../model/docCards.ts";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-cli-"));
const card = join(folder, "my-moe.yaml");
writeFileSync(card, docCards[0] ?? "");
writeFileSync(join(folder, "tab.yaml"), "layers:\n\t- count: 1\n");
writeFileSync(join(folder, "binary.yaml"), new Uint8Array([0xff, 0xfe, 0]));
writeFileSync(join(folder, "neither.yaml"), "a: 1\n");
afterAll(() => rmSync(folder, { recursive: true }));

async function rowsOf(words: readonly string[]) {
  const { exitCode, out, err } = await run([...words, "--json"]);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  return checkDocument(JSON.parse(out));
}

describe("models of one's own", () => {
  it.each([
    ["models-show-card", ["models", "show", "--config", card, "--context", "256k"]],
    [
      "models-show-set",
      ["models", "show", "deepseek-v3", "--set", "deepseek-v3.num_experts_per_tok=16", "--kv-bits", "4", "--exact"],
    ],
  ])("%s is what the golden file says", async (name, words) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    // The folder's name is another in every run; the path stands at a line's end.
    await expect(out.replaceAll(folder, "FOLDER")).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it("stand in a model row and a row for each kind of layer", async () => {
    const { rows } = await rowsOf(["models", "show", "--config", card]);
    expect(rows).toMatchObject([
      {
        row: "model",
        model: "my-moe",
        layerKinds: "36 chunked 8192 gqa + dense, 12 full gqa (16-bit KV) + moe",
        effectiveRank: 5120,
        kvBytesPerCachedToken: 48 * 2048,
        kvBytesReadPerToken: (36 + 12 * 2) * 2048 * 8192,
      },
      {
        row: "layers",
        layers: 36,
        layerIndices: "all but 3-47 by 4",
      },
      {
        ...{ row: "layers", layers: 12, layerIndices: "3-47 by 4", kvBits: 16, span: "full" },
        ...{ ropeScaling: "none", softmaxScale: 128 ** -0.5, bias: "none" },
      },
    ]);
    const { out } = await run(["models", "show", "--config", card, "-o", "csv", "--rows", "layers"]);
    expect(out.trim().split("\n")).toHaveLength(3);
  });

  it("say how RoPE is stretched, what scores are multiplied with, and where biases are", async () => {
    const config = (name: string) => ["models", "show", "--config", `test/model/configs/${name}.json`];
    const { rows: gptOss } = await rowsOf(config("gpt-oss-120b"));
    const ropeScaling = "yarn by 32 from 4096 tokens, cosines and sines times 1.35";
    for (const row of gptOss) expect(row).toMatchObject({ ropeScaling, softmaxScale: 0.125, bias: "all" });
    const { rows: qwen } = await rowsOf(config("qwen2.5-72b"));
    for (const row of qwen) expect(row).toMatchObject({ ropeScaling: "none", bias: "queryKeyValue" });
    const { rows: gemma } = await rowsOf(["models", "show", "gemma-3-27b"]);
    expect(gemma).toMatchObject([
      { row: "model", ropeScaling: "none; linear by 8", softmaxScale: 168 ** -0.5 },
      { layers: 52, ropeScaling: "none" },
      { layers: 10, ropeScaling: "linear by 8" },
    ]);
    const { rows: minimax } = await rowsOf(["models", "show", "minimax-m1"]);
    expect(minimax[1]).not.toHaveProperty("ropeScaling");
  });

  it("have KV bits and counting of choice", async () => {
    const read = async (...more: string[]) => (await rowsOf(["models", "show", "deepseek-v3", ...more])).rows[0];
    const plain = await read();
    const half = await read("--kv-bits", "4");
    expect(plain).toMatchObject({ attentionFlopsPerByte: 512 });
    expect(half).toMatchObject({ kvBits: 4, attentionFlopsPerByte: 1024, kvBytesPerCachedToken: 61 * 576 });
    expect(await read("--exact")).toMatchObject({ attentionFlopsPerByte: (128 * 2 * (576 + 512)) / 576 });
  });

  it("take part in cost and codesign, with fields and figures set", async () => {
    const words = [
      "--config",
      card,
      "--set",
      "my-moe.layers[0].repeat=6",
      "--set",
      "h20.usdPerHour=1",
      "--hardware",
      "h20",
    ];
    const cost = await rowsOf(["cost", "--context", "8k", ...words]);
    expect(cost.rows[0]).toMatchObject({ model: "my-moe", kvBytesReadPerToken: (18 + 6 * 2) * 2048 * 8192 });
    const codesign = await rowsOf(["codesign", ...words]);
    expect(codesign.rows[0]).toMatchObject({ model: "my-moe" });
  });

  it.each<[string[], string]>([
    [["models", "show", "--config", join(folder, "tab.yaml")], "YAML (line 2, column 1): expected valid YAML"],
    [["models", "show", "--config", join(folder, "binary.yaml")], "in UTF-8 (this holds other bytes)"],
    [["models", "show", "--config", join(folder, "neither.yaml")], 'expected an object with "model_type"'],
    [["models", "show", "step3", "--kv-bits", "65"], "--kv-bits: expected a whole number from 1 to 64"],
    [["models", "--context", "8k,32k"], "--context: expected"],
    [["models", "--rows", "layers"], "--rows: expected model ("],
    [["models", "--set", "stp3.moe_top_k=4"], 'did you mean "step3"'],
    [["models", "show", "step3", "--set", "deepseek-v3.n_group=1"], "expected a model in use (step3)"],
    [["models", "show", "step3", "--set", "step3.moe_topk=4"], 'did you mean "moe_top_k"?'],
    [["models", "show", "--config", card, "--set", "my-moe.layers[9].count=2"], "expected an index from 0 to 0"],
    [
      ["cost", "step3", "--hardware", "h20", "--set", "h800.usdPerHour=1"],
      "a model in use (step3) or an accelerator in use (h20)",
    ],
    [["codesign", "step3", "--set", "step3.moe_top_k=0"], "text_config.moe_top_k: expected a whole number from 1"],
  ])("%j is told in one line", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect(err).toContain(message);
    expect(err).toMatch(/^afdbench: [^\n]+\n$/);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
  });
});

describe("schema", () => {
  it("prints the JSON Schema of a model card", async () => {
    const { out } = await run(["schema", "model"]);
    expect(JSON.parse(out)).toMatchObject({
      $schema: expect.stringContaining("2020-12"),
      title: "afdbench model card",
    });
  });

  it("lists what there is where nothing is named, or something else", async () => {
    const { exitCode, out } = await run(["schema"]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^bench +what [\s\S]*\nmodels +what [\s\S]*\nmodel +a model card/);
    const { err } = await run(["schema", "modell"]);
    expect(err).toMatch(
      /expected one of bench, .*, models, .*, model, accelerator, got "modell"; did you mean .*"model"\?/,
    );
  });
});
