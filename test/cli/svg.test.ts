import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-svg-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("--svg", () => {
  it.each([
    ["cost", ["cost", "step3", "deepseek-v3", "mistral-7b"], ["step3", "deepseek-v3", "USD per million tokens"]],
    ["plan", ["plan", "--model", "step3", "--context", "4k", "--hardware", "h800"], ["AFD, context 4096", "TPOT"]],
    ["figure1", ["paper", "figure1"], ["Step-3", "Llama 4 M", "front of GQA models at 8K"]],
    ["figure2", ["paper", "figure2"], ["AFD", "910B"]],
    ["figure3", ["paper", "figure3"], ["MM M1", "128K"]],
    ["figure4", ["paper", "figure4"], ["Pangu Pro", "training 8K", "0.213"]],
    ["figure5", ["paper", "figure5"], ["H800: 591 FLOP/B", "Step-3 8K"]],
  ])("draws %s beside what is printed", async (name, words, shown) => {
    const path = join(folder, `${name}.svg`);
    const { exitCode, out, err } = await run([...words, "--svg", path]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    expect(out).not.toBe("");
    const svg = readFileSync(path, "utf8");
    expect(svg).toMatch(/^<svg [^>]*xmlns=/);
    for (const text of shown) expect(svg).toContain(text);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("joins the models that no other beats", async () => {
    const words = ["cost", "step3", "deepseek-v3", "mistral-7b", "--context", "8k", "--json"];
    const { rows } = JSON.parse((await run(words)).out) as { rows: { model: string; onParetoFront?: boolean }[] };
    const front = rows.filter(({ onParetoFront }) => onParetoFront === true).map(({ model }) => model);
    expect(front).toEqual(["step3", "mistral-7b"]);
  });

  it("refuses a place where nothing can be written before anything is computed", async () => {
    const { exitCode, out, err } = await run(["cost", "step3", "--svg", join(folder, "none", "x.svg")]);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: "" });
    expect(err).toMatch(/^afdbench: cannot write ".*x\.svg": its folder does not exist\n$/);
  });

  it.each([
    [["paper"], /name with --svg: expected one of figure1, .*, alone, got nothing/],
    [["paper", "figure1", "figure2"], /got "figure1 figure2"/],
    [["paper", "table2"], /expected one of figure1/],
  ])("refuses %j", async (words, message) => {
    const path = join(folder, "refused.svg");
    const { exitCode, out, err } = await run([...words, "--svg", path]);
    expect({ exitCode, out, drawn: existsSync(path) }).toEqual({ exitCode: 2, out: "", drawn: false });
    expect(err).toMatch(message);
  });
});
