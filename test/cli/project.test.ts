import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ProjectDocument, ValidateDocument } from "../../src/record/schemas.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { type FakeTerminal, fakeTerminal, run } from "./terminal.ts";

describe("project and validate", () => {
  it.each([
    ["project-layer", ["project", "attention.layer", "--model", "step3", "--context", "8k,32k"]],
    ["project-parts", ["project", "attention.layer", "--model", "deepseek-v3", "--hardware", "h800", "--rows", "part"]],
    ["project-gemm", ["project", "linear.gemm", "--m", "1,64", "--n", "7168", "--k", "2048", "--hardware", "h20,b200"]],
    ["project-moe", ["project", "moe.layer", "--model", "deepseek-v3", "--expert-parallel", "32", "-o", "csv"]],
    [
      "project-measured",
      ["project", "linear.gemm", "--m", "1", "--n", "1004", "--k", "256", "--measured", "--hardware", "h800,tpu-v6e"],
    ],
    ["project-measured-parts", ["project", "moe.layer", "--measured", "--hardware", "910b", "--rows", "part"]],
    ["validate", ["validate"]],
    ["validate-own", ["validate", "--data", "test/cli/kernels.json"]],
  ])("%s prints what the golden file says", async (name, words) => {
    const { exitCode, out, err } = await run([...words, "--quiet"]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it("says how far validate is, but not of rows that take no time", async () => {
    expect((await run(["validate"])).err).toMatch(/^\[0\/5\] division 1 .*\n(\[\d\/5\] division \d .*\n){4}$/);
    expect((await run(["validate", "--data", "test/cli/kernels.json"])).err).toBe("");
  });

  it("keeps Table 9's H800 column within 10%", async () => {
    const published = { step3: [281, 791], "deepseek-v3": [372, 1125], "qwen3-235b-a22b": [382, 1391] };
    for (const [model, times] of Object.entries(published)) {
      const share = model.startsWith("qwen3") ? ["--batch", "256", "--tensor-parallel", "4"] : ["--batch", "64"];
      const words = ["attention.layer", "--model", model, "--context", "8k,32k", "--hardware", "h800", ...share];
      const { rows } = checkDocument(JSON.parse((await run(["project", ...words, "--json"])).out)) as ProjectDocument;
      const whole = rows.filter(({ row }) => row === "latency");
      expect(whole).toHaveLength(2);
      for (const [index, { latencyNs }] of whole.entries()) {
        expect(Math.abs(latencyNs / 1e3 / (times[index] ?? 0) - 1), `${model} ${index}`).toBeLessThan(0.1);
      }
    }
  });

  it("says on stderr what it counts, once for equal kernels and caches", async () => {
    const words = ["project", "linear.gemm", "--m", "1,2", "--n", "64", "--k", "64", "--hardware", "h800,h100"];
    expect((await run(words)).err).toBe("");
    const { exitCode, err } = await run([...words, "--measured"]);
    expect(exitCode).toBe(0);
    expect(err).toMatch(/^\[0\/2\] product m=1 n=64 k=64 for h800\n\[1\/2\] product m=2 n=64 k=64 for h800\n$/);
  });

  it("prints what was counted when it is interrupted", async () => {
    const terminal: FakeTerminal = fakeTerminal({
      err(text) {
        terminal.outcome.err += text;
        if (text.startsWith("[1/3]")) terminal.interrupt();
      },
    });
    const words = ["project", "linear.gemm", "--m", "1..3", "--n", "64", "--k", "64", "--hardware", "h800"];
    const { exitCode, out, err } = await run([...words, "--measured", "--json"], terminal);
    expect(exitCode).toBe(130);
    expect(err).toMatch(/interrupted: printing what is counted/);
    const { rows, notes } = checkDocument(JSON.parse(out)) as ProjectDocument;
    expect(rows.map(({ shape }) => shape)).toEqual(["m=1 n=64 k=64", "m=1 n=64 k=64"]);
    expect(notes.at(-1)).toBe("Interrupted: what was not counted by then has no rows.");
  });

  it("adds a layer up from its kernels", async () => {
    const words = ["project", "moe.layer", "--model", "deepseek-v3", "--hardware", "h800", "--json"];
    const { rows } = checkDocument(JSON.parse((await run(words)).out)) as ProjectDocument;
    const whole = rows.filter(({ row }) => row === "latency");
    const parts = rows.filter(({ row }) => row === "part");
    const sum = parts.reduce((total, { latencyNs }) => total + latencyNs, 0);
    expect(whole[0]?.latencyNs).toBeCloseTo(sum, 6);
  });

  /** Notes and whole kernels of a projection. */
  async function projected(...words: string[]) {
    const { rows, notes } = checkDocument(
      JSON.parse((await run(["project", ...words, "--json"])).out),
    ) as ProjectDocument;
    return { whole: rows.filter(({ row }) => row === "latency"), notes: notes.join("\n") };
  }

  it("replaces fields of the model as well as figures", async () => {
    const words = ["moe.layer", "--hardware", "h800"];
    const [asIs] = (await projected(...words)).whole;
    const [fewer] = (await projected(...words, "--set", "step3.moe_top_k=1", "--set", "h800.cores=100")).whole;
    expect(fewer?.latencyNs).toBeLessThan(asIs?.latencyNs ?? 0);
  });

  it("says which of a model's layers it takes, where they differ", async () => {
    const words = ["attention.core", "--hardware", "h800"];
    expect((await projected(...words, "--model", "gemma-3-27b")).notes).toContain(
      "gemma-3-27b: of 62 layers the 10 that see the whole context",
    );
    expect((await projected(...words)).notes).not.toContain("layers the");
  });

  it("says where the engine asked for was not measured", async () => {
    const words = ["attention.core", "--engine", "flashmla", "--hardware", "h800,a800"];
    expect((await projected(...words)).notes).toContain("h800, a800: flashmla was not measured for such a kernel");
    const measured = await projected(
      "attention.core",
      "--engine",
      "flashmla",
      "--hardware",
      "h800",
      "--model",
      "kimi-k2",
    );
    expect(measured.notes).not.toContain("was not measured for");
  });

  it("says whose 8-bit products take another precision's rate", async () => {
    const { notes } = await projected("attention.layer", "--precision", "fp8", "--hardware", "h800,a800,910b");
    expect(notes).toContain("a800, 910b: nothing states an FP8 peak; such products take the BF16 rate");
    expect((await projected("attention.core", "--hardware", "a800")).notes).not.toContain("peak");
  });

  it("projects to accelerators of a file", async () => {
    const words = ["project", "attention.core", "--hardware", "test/cli/cards.yaml", "--json"];
    const { rows } = checkDocument(JSON.parse((await run(words)).out)) as ProjectDocument;
    expect(rows.map(({ accelerator }) => accelerator)).toContain("mine");
    expect(rows.find(({ accelerator }) => accelerator === "mine")).toMatchObject({ nearestFamily: true });
  });

  it("draws measured against projected times", async () => {
    const folder = mkdtempSync(join(tmpdir(), "afdbench-validate-"));
    try {
      const path = join(folder, "errors.svg");
      const { exitCode } = await run(["validate", "--data", "test/cli/kernels.json", "--svg", path]);
      const svg = readFileSync(path, "utf8");
      expect(exitCode).toBe(0);
      expect(svg).toContain("Projected against measured kernel times");
      expect(svg).toContain("mine");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("counts rows without a kernel time where there are no others, and draws none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "afdbench-validate-"));
    try {
      const path = join(folder, "links.json");
      const row = { gpu: "H100", kernelKind: "link", measuredUs: 10 };
      writeFileSync(path, JSON.stringify({ source: { repo: "mine" }, rows: [row, { ...row, gpu: "H20" }] }));
      const { exitCode, out } = await run(["validate", "--data", path]);
      expect(exitCode).toBe(0);
      expect(out).toContain("Unsupported, having no kernel time (links, whole systems): 2.");
      const drawn = await run(["validate", "--data", path, "--svg", join(folder, "errors.svg")]);
      expect(drawn.exitCode).toBe(2);
      expect(drawn.err).toContain("--svg: expected a row with a kernel time to draw");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("refuses files of which no row can be used, and says why", async () => {
    const folder = mkdtempSync(join(tmpdir(), "afdbench-validate-"));
    try {
      const path = join(folder, "mine.json");
      const row = { gpu: "H100", kernelKind: "gemm", dtype: "bf16", m: 64, n: 7168, k: 2048 };
      writeFileSync(path, JSON.stringify({ source: { repo: "mine" }, rows: [row, row] }));
      const { exitCode, out, err } = await run(["validate", "--data", path]);
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
      expect(err).toMatch(
        /--data: expected a row that can be used \(.*mine\.json, row 1, measuredUs: .*; and 1 more\)/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("validates a copy of the data as the data itself", async () => {
    const file = "src/evidence/data/infersim-h20.json";
    const { rows } = checkDocument(
      JSON.parse((await run(["validate", "--data", file, "--json"])).out),
    ) as ValidateDocument;
    const measured = rows.filter((row) => row.row === "measurement");
    expect(measured).toHaveLength((JSON.parse(readFileSync(file, "utf8")) as { rowCount: number }).rowCount);
    expect(measured.every(({ fold, fitted }) => fold !== undefined && fitted === true)).toBe(true);
  });

  it.each([
    [
      ["project", "attention.core", "--measured", "--model", "gemma-3-27b", "--tensor-parallel", "3"],
      /--tensor-parallel/,
    ],
    [["project", "attention.cor"], /kernel: expected one of .* did you mean "attention.core"/],
    [["project", "attention.core", "--model", "step4"], /did you mean "step3"/],
    [["project", "attention.core", "--engine", "flash"], /--engine: expected a part of one name alone/],
    [["project", "attention.core", "--engine", "nothing-like-it"], /--engine: expected one of/],
    [["project", "attention.core", "--kv-bits", "3"], /--kv-bits: expected one of 16, 8, got "3"/],
    [["project", "linear.gemm", "--m", "1"], /--n: expected all of --m, --n and --k, got nothing/],
    [["project", "attention.core", "--m", "1"], /--m: expected linear.gemm or moe.expertMatmul with it/],
    [["project", "moe.layer", "--k", "3"], /--k: expected linear.gemm or moe.expertMatmul with it/],
    [
      ["project", "attention.core", "--expert-parallel", "4"],
      /--expert-parallel: expected nothing beside attention.core/,
    ],
    [["project", "moe.layer", "--tensor-parallel", "4"], /--tensor-parallel: expected nothing beside moe.layer/],
    [["project", "moe.layer", "--context", "8k"], /--context: expected nothing beside moe.layer/],
    [["project", "moe.expertMatmul", "--kv-bits", "8"], /--kv-bits: expected nothing beside moe.expertMatmul/],
    [
      ["project", "linear.gemm", "--m", "1", "--n", "2", "--k", "3", "--model", "step3"],
      /--model: expected nothing beside --m, --n and --k/,
    ],
    [["project", "attention.core", "--set", "step4.moe_top_k=2"], /expected a model in use \(step3\)/],
    [["project", "linear.gemm"], /linear.gemm: expected its dimensions --m, --n and --k/],
    [
      ["project", "attention.layer", "--tensor-parallel", "7"],
      /--tensor-parallel: expected a divisor of the 64 queryHeads/,
    ],
    [["project", "moe.layer", "--expert-parallel", "5"], /--expert-parallel: expected a divisor of the 48 experts/],
    [["project", "moe.layer", "--model", "qwen3-32b"], /--model: expected a model with experts/],
    [["project", "attention.core", "--precision", "fp16"], /--precision: expected one of/],
    [
      ["validate", "--data", "nowhere.json"],
      /--data: expected the path of a JSON file of measurements \(no such file\)/,
    ],
    [["validate", "--data", "package.json"], /package.json: source: expected a file of measurements/],
    [["validate", "--data", "test/evidence"], /--data: expected a folder with JSON files of measurements/],
  ])("refuses %j", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
  });
});
