import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import qwen from "../../src/model/configs/qwen3-235b-a22b.json" with { type: "json" };
import { readModelFile } from "../../src/model/files.ts";
import { InvalidInputError } from "../../src/units/errors.ts";

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

const refusal = (path: string): string => {
  try {
    readModelFile(path);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    const { message } = error as Error;
    expect(message).not.toContain("\n");
    return message.replaceAll(folder, "DIR");
  }
  throw new Error("was accepted");
};

describe("readModelFile", () => {
  it("reads a configuration, with a byte order mark too", () => {
    const text = JSON.stringify(qwen, null, 2);
    expect(readModelFile(place("good.json", text))).toMatchObject({ name: "good", hidden: 4096 });
    expect(readModelFile(place("bom.json", `\ufeff${text}`))).toMatchObject({ name: "bom", hidden: 4096 });
  });

  it("says what is wrong with the file", () => {
    mkdirSync(join(folder, "models"));
    expect(refusal(join(folder, "models"))).toContain("(this is a directory)");
    expect(refusal(place("empty.json", " \n"))).toContain("(this one is empty)");
    expect(refusal(place("binary.json", new Uint8Array([0xff, 0xfe, 0])))).toContain("UTF-8");
    expect(refusal(join(folder, "empty.jsn"))).toContain("no such file");
    expect(refusal(join(folder, "empty.json", "x"))).toContain("no such file");
    expect(refusal("a\0b")).toContain("can be read");
    expect(refusal("x".repeat(5000))).toContain("ENAMETOOLONG");
    expect(refusal("")).toContain("no such file");
  });

  it("suggests a file of a similar name", () => {
    place("kimi.json", "{}");
    expect(refusal(join(folder, "kimy.json"))).toMatch(/no such file\), got ".*"; did you mean ".*kimi\.json"/);
  });

  it("refuses a file too large for a configuration without reading it", () => {
    const path = place("weights.json", "");
    truncateSync(path, 3e9);
    expect(refusal(path)).toContain("at most 16000000 bytes (this one has 3000000000)");
  });

  it.skipIf(process.platform === "win32")("refuses a pipe and does not wait for it", () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    expect(refusal(path)).toContain("not a regular file");
  });

  it("says where JSON breaks off", () => {
    const text = JSON.stringify(qwen, null, 2);
    const cut = text.indexOf("vocab_size") + 14;
    expect(refusal(place("cut.json", text.slice(0, cut)))).toMatch(
      /breaks off at line 29, column 18, in or after vocab_size/,
    );
    for (let length = 1; length < text.length; length += 7) {
      expect(refusal(place("cut.json", text.slice(0, length)))).toMatch(/breaks off at line \d+, column \d+/);
    }
  });

  it.each(["NaN", "Infinity", "-Infinity", "0x10", "True", "01"])("names the field that holds %s", (word) => {
    const path = place("nan.json", `{\n  "model_type": "qwen3_moe",\n  "rope_theta": ${word}\n}\n`);
    expect(refusal(path)).toBe(`DIR/nan.json: rope_theta (line 3, column 17): expected valid JSON, got "${word}"`);
  });

  it("survives deep nesting and long strings", () => {
    expect(refusal(place("long.json", `["${"x\\n".repeat(5e6)}", nul]`))).toMatch(/line 1, column 15000006/);
    expect(refusal(place("blank.json", `${" ".repeat(15e6)}!`))).toMatch(/line 1, column 15000001/);
    expect(refusal(place("digits.json", `[${"1".repeat(15e6)}x]`))).toMatch(/line 1, column 2/);
    expect(refusal(place("deep.json", "[".repeat(1e6)))).toContain("breaks off");
    expect(refusal(place("deeper.json", `${"[".repeat(1e5)}${"]".repeat(1e5)}`))).toContain("a JSON object");
  });
});
