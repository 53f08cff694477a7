import { describe, expect, it } from "vitest";
import { run } from "./terminal.ts";

describe("help", () => {
  it.each([
    [],
    ["bench"],
    ["roofline"],
    ["intensity"],
    ["project"],
    ["validate"],
    ["models"],
    ["models", "show"],
    ["hardware"],
    ["hardware", "show"],
    ["cost"],
    ["codesign"],
    ["paper"],
    ["plan"],
    ["simulate"],
    ["pipeline"],
    ["stress"],
    ["env"],
    ["schema"],
  ])("of `afdbench %s %s` is what the golden file says", async (...words) => {
    const { exitCode, out, err } = await run([...words, "--help"]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/help${words.map((word) => `-${word}`).join("")}.txt`);
  });

  it("fits 100 columns", async () => {
    for (const words of [
      [],
      ["bench"],
      ["roofline"],
      ["intensity"],
      ["project"],
      ["validate"],
      ["models"],
      ["hardware"],
      ["cost"],
      ["codesign"],
      ["paper"],
      ["plan"],
      ["simulate"],
      ["pipeline"],
      ["stress"],
    ]) {
      const { out } = await run([...words, "--help"]);
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });

  it("is what no arguments give", async () => {
    expect(await run([])).toEqual(await run(["--help"]));
  });
});

describe("--version", () => {
  it("prints the package's version", async () => {
    const { exitCode, out } = await run(["--version"]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
