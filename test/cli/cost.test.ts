import { describe, expect, it } from "vitest";
import { checkDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

describe("cost and codesign", () => {
  it.each([
    ["cost-step3", ["cost", "step3", "--context", "8k,32k", "--hardware", "h800,h20,a800,910b"]],
    ["cost-csv", ["cost", "qwen3-235b-a22b", "--context", "8k", "--hardware", "h20", "-o", "csv"]],
    ["codesign-deepseek", ["codesign", "deepseek-v3", "--hardware", "h800"]],
    ["cost-all", ["cost", "step3", "--context", "8k", "--hardware", "all"]],
    ["codesign-l20", ["codesign", "step3", "--hardware", "l20"]],
  ])("%s prints what the golden file says", async (name, words) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/${name}.txt`);
  });

  it("prints documents that fit their schemas", async () => {
    for (const words of [
      ["cost", "--json"],
      ["codesign", "step3", "--json"],
    ]) {
      const { out } = await run(words);
      expect(checkDocument(JSON.parse(out)).rows.length).toBeGreaterThan(0);
    }
  });

  it("computes with the report's accelerators unless it is told otherwise", async () => {
    const report = (await run(["cost", "step3", "--hardware", "h800,h20,a800,910b"])).out;
    expect((await run(["cost", "step3"])).out).toBe(report);
  });

  it("takes accelerators of a file, and prices for those that have none", async () => {
    const cards = ["cost", "step3", "--context", "8k", "--json", "--hardware", "l20,test/cli/cards.yaml"];
    const { out } = await run([...cards, "--set", "l20.usdPerHour=0.5", "--set", "mine.usdPerHour=1"]);
    const { rows, notes } = checkDocument(JSON.parse(out));
    expect(rows.map((row) => "ffnOn" in row && row.ffnOn).slice(0, 3)).toEqual(["l20", "mine", "h800"]);
    expect(notes).toContain("Given by the user in place of the catalog's: h800.");
  });

  it("takes another price", async () => {
    const words = ["cost", "step3", "--context", "8k", "--hardware", "h800", "--json"];
    const usd = async (more: string[]) => {
      const { rows } = checkDocument(JSON.parse((await run([...words, ...more])).out));
      const [first] = rows;
      return first !== undefined && "usdPerMillionTokens" in first
        ? (first.usdPerMillionTokens ?? Number.NaN)
        : Number.NaN;
    };
    expect(await usd(["--set", "h800.usdPerHour=1"])).toBeCloseTo((await usd([])) / 2, 12);
  });

  it.each([
    [["cost", "step3", "--context", "8kk"], /^afdbench: --context: expected .* got "8kk"\n$/],
    [["cost", "step4"], /did you mean "step3"/],
    [["cost", "step3", "--set", "h800.usdPerHour=-1"], /--set h800\.usdPerHour: expected a number above 0/],
    [["cost", "step3", "--set", "h800.memoryBytesPerSecond=0"], /memoryBytesPerSecond: expected a number above 0/],
    [["cost", "step3", "--set", "h800.usdPerHuor=1"], /did you mean "usdPerHour"/],
    [["cost", "step3", "--mtp", "1", "--acceptance", "1.5"], /--acceptance: expected a number from 0 to 1/],
    [["cost", "step3", "--acceptance", "0.5"], /--mtp: expected the drafted tokens/],
    [["cost", "step3", "--hardware", "a800", "--precision", "fp8"], /precision: expected a precision that one of a800/],
    [["codesign", "step3", "--stages", "5"], /--stages: expected 3 or 4, got "5"/],
    [["cost", "step3", "--hardware", "l20"], /l20\.usdPerHour: expected a price .*--set l20\.usdPerHour=PRICE/],
    [["cost", "step3", "--hardware", "all,l20"], /l20\.usdPerHour: expected a price/],
    [["cost", "step3", "--hardware", "none.yaml"], /--hardware: expected the path of a YAML or JSON file/],
    [["cost", "step3", "--hardware", "test/cli/cards.yaml", "--set", "mines.usdPerHour=1"], /did you mean "mine"/],
    [["codesign"], /model: expected the name of a model or --config FILE, got nothing/],
  ])("refuses %j", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
  });
});
