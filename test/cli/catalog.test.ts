import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("models", () => {
  it("gives the intensities of the report's section 5", async () => {
    const { out } = await run(["models", "--json"]);
    const { rows } = checkDocument(JSON.parse(out));
    const intensities = rows.flatMap((row) => ("model" in row && "attentionFlopsPerByte" in row ? [row] : []));
    expect(Object.fromEntries(intensities.map((row) => [row.model, row.attentionFlopsPerByte]))).toMatchObject({
      step3: 128,
      "deepseek-v3": 512,
      "qwen3-235b-a22b": 32,
    });
  });

  it.each([
    ["models", ["models"]],
    ["models-show-step3", ["models", "show", "step3"]],
    ["models-show-deepseek", ["models", "show", "deepseek-v3", "--context", "32k"]],
    ["models-md", ["models", "-o", "md"]],
    ["models-csv", ["models", "-o", "csv"]],
    ["hardware", ["hardware"]],
    ["hardware-show", ["hardware", "show", "h20"]],
    ["hardware-show-file", ["hardware", "show", "test/cli/cards.yaml"]],
    ["hardware-csv", ["hardware", "-o", "csv"]],
  ])("%s is what the golden file says", async (name, args) => {
    const { exitCode, out, err } = await run(args);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it("takes the options of `models` after `show`", async () => {
    const { out } = await run(["models", "show", "step3", "--json", "--context", "32k"]);
    expect(checkDocument(JSON.parse(out)).rows[0]).toMatchObject({ model: "step3", contextTokens: 32768 });
  });
});

describe("env", () => {
  it("prints a row that its schema takes", async () => {
    const { exitCode, out } = await run(["env", "--json"]);
    expect(exitCode).toBe(0);
    expect(checkDocument(JSON.parse(out)).rows).toHaveLength(1);
    expect((await run(["env"])).out).toContain("processor");
  });
});

describe("schema", () => {
  it("prints JSON Schema", async () => {
    const { out } = await run(["schema", "bench"]);
    expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining("2020-12"), title: "afdbench bench" });
    const accelerator = await run(["schema", "accelerator"]);
    expect(JSON.parse(accelerator.out)).toMatchObject({ title: "afdbench accelerator" });
    expect((await run(["schema", "acelerator"])).err).toContain('did you mean "accelerator"?');
  });
});

describe("--save", () => {
  it("writes what --json prints", async () => {
    const path = join(folder, "hardware.json");
    const { exitCode } = await run(["hardware", "--rows", "accelerator", "--save", path]);
    expect(exitCode).toBe(0);
    expect(checkDocument(JSON.parse(readFileSync(path, "utf8")))).toMatchObject({ command: "hardware" });
    expect(readdirSync(folder)).toEqual(["hardware.json"]);
  });

  it("prints all the same where it cannot write, and exits 3", async () => {
    const { exitCode, out, err } = await run(["hardware", "--save", folder]);
    expect(exitCode).toBe(3);
    expect(out).toContain("h800");
    expect(err).toBe(`afdbench: cannot write "${folder}": it is a directory\n`);
  });
});
