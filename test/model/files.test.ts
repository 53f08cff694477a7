import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import qwen from "../../src/model/configs/qwen3-235b-a22b.json" with { type: "json" };
import { readModelFile } from "../../src/model/files.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { parseYaml } from "../../src/units/yaml.ts";
import { docCards } from "./docCards.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-model-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const place = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const refusal = async (path: string): Promise<string> => {
  try {
    await readModelFile(path);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    return message.replaceAll(folder, "DIR");
  }
  throw new Error("was accepted");
};

describe("readModelFile", () => {
  it("reads a configuration, with a byte order mark too", async () => {
    const text = JSON.stringify(qwen, null, 2);
    expect(await readModelFile(place("good.json", text))).toMatchObject({ name: "good", hidden: 4096 });
    expect(await readModelFile(place("bom.json", `\ufeff${text}`))).toMatchObject({ name: "bom", hidden: 4096 });
  });

  it("says what is wrong with the file", async () => {
    mkdirSync(join(folder, "models"));
    expect(await refusal(join(folder, "models"))).toContain("(this is a directory)");
    expect(await refusal(place("empty.json", " \n"))).toContain("(this one is empty)");
    expect(await refusal(place("binary.json", new Uint8Array([0xff, 0xfe, 0])))).toContain("UTF-8");
    expect(await refusal(join(folder, "empty.jsn"))).toContain("no such file");
    expect(await refusal(join(folder, "empty.json", "x"))).toContain("no such file");
    expect(await refusal("a\0b")).toContain("can be read");
    expect(await refusal("x".repeat(5000))).toContain("ENAMETOOLONG");
    expect(await refusal("")).toContain("no such file");
  });

  it("suggests a file of a similar name", async () => {
    place("kimi.json", "{}");
    expect(await refusal(join(folder, "kimy.json"))).toMatch(/no such file\), got ".*"; did you mean ".*kimi\.json"/);
  });

  it("refuses a file too large for a configuration without reading it", async () => {
    const path = place("weights.json", "");
    truncateSync(path, 3e9);
    expect(await refusal(path)).toContain("at most 16000000 bytes (this one has 3000000000)");
  });

  it.skipIf(process.platform === "win32")("refuses a pipe and does not wait for it", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    expect(await refusal(path)).toContain("not a regular file");
  });

  it("says where JSON breaks off", async () => {
    const text = JSON.stringify(qwen, null, 2);
    const cut = text.indexOf("vocab_size") + 14;
    expect(await refusal(place("cut.json", text.slice(0, cut)))).toMatch(
      /breaks off at line 29, column 18, in or after vocab_size/,
    );
    for (let length = 1; length < text.length; length += 7) {
      expect(await refusal(place("cut.json", text.slice(0, length)))).toMatch(/breaks off at line \d+, column \d+/);
    }
  });

  it.each(["NaN", "Infinity", "-Infinity", "0x10", "True", "01"])("names the field that holds %s", async (word) => {
    const path = place("nan.json", `{\n  "model_type": "qwen3_moe",\n  "rope_theta": ${word}\n}\n`);
    expect(await refusal(path)).toBe(
      `DIR/nan.json: rope_theta (line 3, column 17): expected valid JSON, got "${word}"`,
    );
  });

  it("reads a card in YAML and in JSON", async () => {
    const [text = ""] = docCards;
    const card = await readModelFile(place("card.yaml", text));
    expect(card).toMatchObject({ name: "my-moe", modelType: "hand-written", source: join(folder, "card.yaml") });
    const json = await readModelFile(place("card.json", JSON.stringify(parseYaml(text, "card.yaml"))));
    expect({ ...json, source: card.source }).toEqual(card);
    const unnamed = await readModelFile(place("Unnamed.YML", text.replace(/^name:.*$/m, "")));
    expect(unnamed).toMatchObject({ name: "Unnamed", layers: { length: 48 } });
    expect(await readModelFile(place("config.yaml", JSON.stringify(qwen)))).toMatchObject({ modelType: "qwen3_moe" });
  });

  it("says what is wrong with a card's file", async () => {
    const neither = 'expected an object with "model_type" (a Hugging Face config.json) or with "layers" (a model card';
    expect(await refusal(place("neither.yaml", "hidden: 1"))).toContain(neither);
    expect(await refusal(place("list.json", "[1]"))).toContain(`${neither}: afdbench schema model), got a list of 1`);
    expect(await refusal(place("comment.yaml", "# nothing"))).toContain(neither);
    expect(await refusal(place("empty.yaml", " \n"))).toContain("(this one is empty)");
    expect(await refusal(place("binary.yaml", new Uint8Array([0xff, 0xfe, 0])))).toContain("UTF-8");
    expect(await refusal(place("tab.yaml", "layers:\n\t- count: 1\n"))).toContain("YAML (line 2, column 1)");
    const wrong = (docCards[0] ?? "").replace("kvHeads: 8", "kvHeads: 7");
    expect(await refusal(place("wrong.yaml", wrong))).toBe(
      "DIR/wrong.yaml: layers[0].layers[0].attention.kvHeads: expected a divisor of queryHeads (40), got 7",
    );
    const path = place("large.yaml", "");
    truncateSync(path, 50e6);
    expect(await refusal(path)).toContain("at most 16000000 bytes (this one has 50000000)");
  });

  it("survives deep nesting and long strings", async () => {
    expect(await refusal(place("long.json", `["${"x\\n".repeat(5e6)}", nul]`))).toMatch(/line 1, column 15000006/);
    expect(await refusal(place("blank.json", `${" ".repeat(15e6)}!`))).toMatch(/line 1, column 15000001/);
    expect(await refusal(place("digits.json", `[${"1".repeat(15e6)}x]`))).toMatch(/line 1, column 2/);
    expect(await refusal(place("deep.json", "[".repeat(1e6)))).toContain("breaks off");
    expect(await refusal(place("deeper.json", `${"[".repeat(1e5)}${"]".repeat(1e5)}`))).toContain(
      'expected an object with "model_type"',
    );
  });
});
