import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readExpertLoad } from "../../src/runs/expertLoadFile.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-experts-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(name: string, text: string) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return readExpertLoad(path);
}

describe("readExpertLoad", () => {
  it("reads CSV and JSON, of one layer and of several, experts in any order", async () => {
    const one = { kind: "anyLayer", weights: [7, 0, 2.5] };
    expect(await read("a.csv", "tokens,expert\n2.5,2\n7,0\n0,1\n")).toEqual(one);
    expect(await read("a.json", "[7, 0, 2.5]")).toEqual(one);
    expect(await read("b.json", "[[7, 0, 2.5]]")).toEqual(one);
    const two = {
      kind: "byLayer",
      weights: [
        [1, 2],
        [3, 4],
      ],
    };
    expect(await read("b.csv", "layer,expert,tokens\n5,0,3\n3,0,1\n3,1,2\n5,1,4\n")).toEqual(two);
    expect(await read("c.json", "[[1, 2], [3, 4]]")).toEqual(two);
  });

  it.each([
    ["a.csv", "expert,count\n0,1\n", /line 1: expected a column tokens, got "expert,count"/],
    ["a.csv", "expert,tokens\n", /expected at least one line below the header/],
    ["a.csv", "expert,tokens\n0,1\n2,1\n", /expected a line of expert 1, got nothing/],
    [
      "a.csv",
      "expert,tokens\n0,1\n0,2\n",
      /line 3, column expert: expected a whole number .*, each once in a layer, got "0"/,
    ],
    ["a.csv", "expert,tokens\n0,\n", /line 2, column tokens: expected a number of tokens from 0 to 1e15, got nothing/],
    ["a.csv", "expert,tokens\n0,-3\n", /column tokens: expected a number of tokens/],
    ["a.csv", "layer,expert,tokens\n1,0,1\n2,0,1\n2,1,1\n", /layer 2 of 2: expected 1, as the first, got "2 experts"/],
    ["a.csv", "expert,tokens\n0,0\n1,0\n", /expected tokens of at least one expert, got 0/],
    ["a.json", "{}", /expected an array of tokens by expert, or an array of such arrays, got an object/],
    ["a.json", "[[1, 2], 3]", /\[1\]: expected an array of tokens/],
    ["a.json", '[1, "2"]', /a\.json: \[0\]: expected an array/],
    ["a.json", "[[1, null]]", /a\.json\[1\]: expected a number of tokens/],
    ["a.json", "[1, 2", /expected a complete JSON file/],
  ])("refuses %s with %j", async (name, text, message) => {
    await expect(read(name, text)).rejects.toThrow(message);
  });
});
