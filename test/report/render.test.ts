import { describe, expect, it } from "vitest";
import { rowKeysOf } from "../../src/record/schemas.ts";
import { type Format, type RenderOptions, render } from "../../src/report/render.ts";
import { fixture } from "./fixture.ts";

const plain: RenderOptions = { style: (_tone, text) => text, columns: 160 };

describe("render", () => {
  it.each<[Format, number]>([
    ["table", 160],
    ["table", 120],
    ["md", 160],
    ["csv", 160],
    ["json", 160],
  ])("prints the fixture as %s at %i columns", async (format, columns) => {
    const text = render(fixture, format, { ...plain, columns });
    await expect(text).toMatchFileSnapshot(`golden/bench-${format}-${columns}.txt`);
  });

  it.each([120, 140, 156, 160, 200])("keeps every line of a table within %i columns", (columns) => {
    const lines = render(fixture, "table", { ...plain, columns }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  it("prints no time for a kernel that failed its check, and says why", () => {
    const text = render(fixture, "table", plain);
    expect(text).toContain("failedCheck");
    expect(text).toContain("output 17 is 0.25, its reference 0.5");
  });

  it("prints one shape alone where asked", () => {
    const json: unknown = JSON.parse(render(fixture, "json", { ...plain, shape: "deployment" }));
    expect(json).toMatchObject({ rows: [{ row: "deployment" }] });
    const [header, ...lines] = render(fixture, "csv", { ...plain, shape: "projection" })
      .trimEnd()
      .split("\n");
    expect(header).toBe(rowKeysOf("bench", "projection")?.join(","));
    expect(lines).toHaveLength(4);
  });

  it("gives back in JSON what it was given", () => {
    expect(JSON.parse(render(fixture, "json", plain))).toEqual(fixture);
  });

  it("styles only what it is told to", () => {
    const styled = render(fixture, "table", { ...plain, style: (tone, text) => (tone === "bad" ? `<${text}>` : text) });
    expect(styled).toContain("<failedCheck>");
  });
});
