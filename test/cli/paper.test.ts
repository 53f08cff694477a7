import { describe, expect, it } from "vitest";
import { PAPER_TABLE_NAMES } from "../../src/paper/paperTables.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

describe("paper", () => {
  it.each(PAPER_TABLE_NAMES)("%s prints what the golden file says", async (name) => {
    const { exitCode, out, err } = await run(["paper", name]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/paper-${name}.txt`);
  });

  it.each([
    ["exact", ["paper", "table2", "table6", "section5", "--exact"]],
    ["md", ["paper", "table5", "section3", "-o", "md"]],
    ["csv", ["paper", "table5", "figure1", "-o", "csv"]],
  ])("%s prints what the golden file says", async (name, words) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/paper-${name}.txt`);
  });

  it("prints everything by default, as `all` does, within 160 columns", async () => {
    const { exitCode, out } = await run(["paper"]);
    expect(exitCode).toBe(0);
    expect(out).toBe((await run(["paper", "table1", "all"])).out);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(160);
  });

  it("prints a document that fits its schema, with finite numbers alone", async () => {
    const { out } = await run(["paper", "all", "--exact", "--json"]);
    const document = checkDocument(JSON.parse(out));
    if (document.command !== "paper") throw new Error("another command's document");
    expect(new Set(document.rows.map(({ table }) => table))).toEqual(new Set(PAPER_TABLE_NAMES));
    for (const row of document.rows) {
      expect(row.printed === undefined).toBe(row.within === undefined);
      if (row.printed === undefined) continue;
      expect(row.difference).toBe((row.computed ?? Number.NaN) - (row.published ?? Number.NaN));
      expect(row.verdict === "within").toBe(row.within);
    }
  });

  it.each([
    [["paper", "table9"], /^afdbench: name: expected one of table1, .*figure5, all, got "table9"/],
    [["paper", "tabel2"], /did you mean "table2"/],
    [["paper", "all", "figure6"], /got "figure6"/],
  ])("refuses %j", async (words, message) => {
    const { exitCode, out, err } = await run(words);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
  });
});
