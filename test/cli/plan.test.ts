import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DeploymentPlanRow } from "../../src/record/planRows.ts";
import { checkDocument, type PlanDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

const STEP3 = ["plan", "--model", "step3", "--context", "4k", "--hardware", "h800", "--max-cards", "48"];

async function planned(words: readonly string[]): Promise<PlanDocument> {
  const { exitCode, out, err } = await run([...words, "--json", "--quiet"]);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  const document = checkDocument(JSON.parse(out));
  if (document.command !== "plan") throw new Error("another command's document");
  return document;
}

function deployments({ rows }: PlanDocument): DeploymentPlanRow[] {
  return rows.filter((row) => row.row === "deployment");
}

describe("plan", () => {
  it.each([
    ["step3", STEP3],
    ["against", [...STEP3, "--batch", "256", "--top", "3"]],
    ["csv", [...STEP3, "--top", "2", "-o", "csv"]],
    ["front", [...STEP3, "--rows", "front"]],
  ])("%s prints what the golden file says", async (name, words) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/plan-${name}.txt`);
  });

  it("ranks deployments by the objective, with the best plain one among them", async () => {
    for (const [objective, keyOf] of [
      ["cost", (row: DeploymentPlanRow) => row.usdPerMillionTokens],
      ["throughput", (row: DeploymentPlanRow) => -row.tokensPerSecond],
      ["cards", (row: DeploymentPlanRow) => row.cards],
    ] as const) {
      const rows = deployments(await planned([...STEP3, "--objective", objective]));
      expect(rows.map(({ rank }) => rank)).toEqual(rows.map((_, index) => index + 1));
      expect(rows.map(keyOf)).toEqual(rows.map(keyOf).toSorted((one, other) => one - other));
      expect(rows.filter(({ placement }) => placement === "plain")).toHaveLength(1);
    }
  });

  it("sets each AFD deployment beside a plain one on as many cards", async () => {
    for (const row of deployments(await planned(STEP3))) {
      if (row.placement === "plain") continue;
      const { gainFraction = 0, plainUsdPerMillionTokens = 0, plainTokensPerSecondPerCard = 0 } = row;
      expect(plainUsdPerMillionTokens / row.usdPerMillionTokens - 1).toBe(gainFraction);
      // Equal cards: cost and throughput say the same.
      expect(row.tokensPerSecondPerCard / plainTokensPerSecondPerCard - 1).toBeCloseTo(gainFraction, 9);
    }
  });

  it("plans for each context, pairs the accelerators of the sides, and takes constants and figures", async () => {
    const two = await planned([
      "plan",
      "--model",
      "step3",
      "--context",
      "4k,8k",
      "--attention-on",
      "h20",
      "--ffn-on",
      "h800",
    ]);
    expect(new Set(two.rows.map(({ contextTokens }) => contextTokens))).toEqual(new Set([4096, 8192]));
    for (const row of deployments(two)) {
      if (row.placement === "afd") expect([row.attentionOn, row.ffnOn]).toEqual(["h20", "h800"]);
    }
    const tokens = async (...more: string[]) =>
      deployments(await planned([...STEP3, ...more]))[0]?.tokensPerSecondPerCard;
    const usual = (await tokens()) ?? 0;
    expect(await tokens("--set", "efficiency.ffnOverheadNs=200000")).toBeLessThan(usual);
    expect(await tokens("--set", "efficiency.jitterNs=0")).toBeGreaterThan(usual);
    expect(await tokens("--set", "h800.networkBytesPerSecond=100GB/s")).toBeLessThan(usual);
    expect(await tokens("--link", "duplex")).toBeGreaterThanOrEqual(usual);
  });

  it("has experts as popular as asked for: fewer tokens, and AFD's few large groups less hot than plain's many", async () => {
    const alike = deployments(await planned(STEP3));
    const { rows, notes } = await planned([...STEP3, "--zipf", "0.5"]);
    const hot = rows.filter((row) => row.row === "deployment");
    expect(hot[0]?.tokensPerSecondPerCard).toBeLessThan(alike[0]?.tokensPerSecondPerCard ?? 0);
    expect(alike.every(({ hottestExpertLoad }) => (hottestExpertLoad ?? 0) <= 1.1)).toBe(true);
    expect(hot.every(({ hottestExpertLoad }) => (hottestExpertLoad ?? 0) > 1.1)).toBe(true);
    expect(notes).toContain("Experts are chosen by Zipf's law with exponent 0.5, others in each layer.");
    // Splitting experts over cards, or copies, pay where a few are hot.
    expect(hot[0]?.parallelism === "tensor" || (hot[0]?.redundantExperts ?? 0) > 0).toBe(true);
  });

  it("serves fewer where contexts differ, and says what the busiest card has", async () => {
    const alike = deployments(await planned(STEP3))[0];
    expect(alike).not.toHaveProperty("busiestContextTokens");
    const { rows, notes } = await planned([...STEP3, "--context-spread", "lognormal=0.8"]);
    const [best] = rows.filter((row) => row.row === "deployment");
    expect(best?.tokensPerSecondPerCard).toBeLessThan(alike?.tokensPerSecondPerCard ?? 0);
    expect(best?.busiestContextTokens).toBeGreaterThan(1.1 * 4096);
    expect(notes.find((note) => note.startsWith("Contexts differ"))).toMatch(
      /\(lognormal, sigma 0\.8\): their deviation is 94\.7% of the mean\. .* 99\.0% of cards have shorter ones/,
    );
    const [median] = deployments(
      await planned([...STEP3, "--context-spread", "lognormal=0.8", "--set", "efficiency.contextQuantile=0.5"]),
    );
    expect(median?.busiestContextTokens).toBe(4096);
  });

  it("takes contexts from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "afdbench-plan-"));
    const path = join(folder, "contexts.csv");
    const words = ["plan", "--model", "step3", "--hardware", "h800", "--context-spread", path];
    writeFileSync(path, "contextTokens,sequences\n2048,3\n10240,1\n");
    const [row] = deployments(await planned(words));
    expect(row).toMatchObject({ contextTokens: 4096 });
    expect(row?.contextVariation).toBeCloseTo((Math.sqrt(3) * 2048) / 4096, 12);
    const both = await run([...words, "--context", "4k"]);
    expect(both.err).toMatch(/--context: expected nothing beside a file in --context-spread/);
    for (const [text, message] of [
      ["contextTokens\n0\n", /line 2, column contextTokens: expected a whole number/],
      ["contextTokens,sequences\n5,0\n", /contexts\.csv: sequences: expected at least one line above 0/],
      ["tokens\n5\n", /line 1: expected a column contextTokens/],
    ] as const) {
      writeFileSync(path, text);
      expect((await run(words)).err).toMatch(message);
    }
    rmSync(folder, { recursive: true });
  });

  it("answers every combination of lists, the same on one thread and on two", async () => {
    const words = [...STEP3, "--tpot", "40ms,50ms", "--batch", "512,2048", "--top", "2", "--quiet"];
    const [one, two] = [await planned([...words, "--threads", "1"]), await planned([...words, "--threads", "2"])];
    expect(two.rows).toEqual(one.rows);
    expect(two.notes).toEqual(one.notes);
    const asked = new Set(one.rows.map(({ tpotLimitNs, sequences }) => `${tpotLimitNs} ${sequences}`));
    expect([...asked]).toEqual(["40000000 512", "40000000 2048", "50000000 512", "50000000 2048"]);
    expect(one.notes[3]).toMatch(/^At 4096 cached tokens, within 50\.0 ms, with 2048 sequences: /);
    const { out } = await run([...words, "--threads", "1"]);
    expect(out).toContain("Deployments of step3 at 4096 cached tokens, within 40.0 ms, with 512 sequences (modeled)");
  });

  it("names the questions that nothing answers where another has an answer", async () => {
    const { rows, notes } = await planned([...STEP3, "--tpot", "1ms,50ms", "--quiet"]);
    expect(new Set(rows.map(({ tpotLimitNs }) => tpotLimitNs))).toEqual(new Set([50e6]));
    expect(notes[2]).toMatch(/^Left out, 4096 cached tokens, within 1\.00 ms: nothing meets a TPOT of 1\.00 ms/);
  });

  it("says in its notes whether to disaggregate", async () => {
    expect((await planned(STEP3)).notes[0]).toMatch(/^At 4096 cached tokens: disaggregate \(3A2F\); a token of EP28/);
    expect((await planned([...STEP3, "--batch", "256"])).notes[0]).toMatch(/: do not disaggregate\. /);
  });

  it.each([
    [["plan"], /--model: expected the name of a model, or --config FILE, got nothing/],
    [["plan", "--model", "step4"], /did you mean "step3"/],
    [["plan", "--model", "step3", "--tpot", "50"], /--tpot: expected a duration/],
    [["plan", "--model", "step3", "--objective", "price"], /--objective: expected one of cost, throughput, cards/],
    [["plan", "--model", "step3", "--max-cards", "0"], /--max-cards: expected a whole number/],
    [["plan", "--model", "step3", "--max-cards", "4096"], /--max-cards: expected a whole number from 1 to 1024/],
    [["plan", "--model", "step3", "--micro-batches", "0..4"], /--micro-batches: expected/],
    [["plan", "--model", "step3", "--hardware", "h800", "--set", "efficiency.kvBandwithShare=1"], /did you mean/],
    [["plan", "--model", "step3", "--set", "efficiency.networkShare=2"], /a number from 0.001 to 1, got "2"/],
    [
      ["plan", "--model", "step3", "--hardware", "l20", "--set", "l20.usdPerHour=1"],
      /l20\.networkBytesPerSecond: expected/,
    ],
    [["plan", "--model", "step3", "--attention-on", "h900"], /did you mean "h800"/],
    [["plan", "--model", "step3", "--hardware", "h20", "--attention-on", "h800"], /--attention-on: expected .*h20/],
    [["plan", "--model", "step3", "--hardware", "h800", "--svg", "front.png"], /--svg: expected a file of SVG text/],
    [["plan", "--model", "step3", "--threads", "257"], /--threads: expected a whole number from 1 to 256/],
    [["plan", "--model", "step3", "--instance-cards", "16"], /--instance-cards: expected .* 8 at most, got "16"/],
    [["plan", "--model", "step3", "--precision", "fp8"], /--precision: expected one of auto, bf16/],
    [["plan", "--model", "qwen3-32b", "--zipf", "1"], /--zipf: expected a model with experts, got 1/],
    [
      ["plan", "--model", "step3", "--expert-load", "none.csv"],
      /--expert-load: expected the path of a CSV or JSON file/,
    ],
    [["plan", "--model", "step3", "--context-spread", "logn=1"], /--context-spread: expected lognormal=SIGMA, uniform/],
    [
      ["plan", "--model", "step3", "--context-spread", "lognormal=3"],
      /lognormal: expected a number from 0 to 2, got "3"/,
    ],
    [["plan", "--model", "step3", "--set", "efficiency.contextQuantile=1"], /a number from 0\.5 to 0\.999/],
    [
      ["plan", "--model", "step3", "--batch", "1..500", "--context", "1k,2k,4k"],
      /: expected at most 1000, got "1500 comb/,
    ],
    [["plan", "--model", "step3", "--link", "half"], /--link: expected one of shared, duplex/],
  ])("refuses %j", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
  });

  it.each([
    [["plan", "--model", "step3", "--tpot", "1ms"], /nothing meets a TPOT of 1\.00 ms .* the least is: .*bound by/],
    [
      ["plan", "--model", "deepseek-v3", "--max-cards", "4"],
      /no deployment holds deepseek-v3 .* 4 cards: .* take 6\d\d GiB/,
    ],
    [
      ["plan", "--model", "step3", "--batch", "50000", "--objective", "cards"],
      /no deployment of step3 .* serves 50000 sequences within 50\.0 ms: the most is \d+/,
    ],
  ])("cannot carry out %j", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: "" });
    expect(err).toMatch(message);
  });
});
