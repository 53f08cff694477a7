import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkDocument, type PipelineDocument, rowKeysOf, rowShapesOf } from "../../src/record/schemas.ts";
import { type Format, render } from "../../src/report/render.ts";

/** Made by `afdbench pipeline … --save`. */
function recordOf(name: string): PipelineDocument {
  const path = new URL(`golden/pipeline-${name}-record.json`, import.meta.url);
  return checkDocument(JSON.parse(readFileSync(path, "utf8"))) as PipelineDocument;
}

const record = recordOf("faults");
const plain = { style: (_tone: string, text: string) => text, columns: 160 };

describe("a record of pipeline", () => {
  it.each<[string, Format]>([
    ["faults", "table"],
    ["faults", "md"],
    ["kernels", "table"],
  ])("of %s is printed as the golden file of %s says", async (name, format) => {
    await expect(render(recordOf(name), format, plain)).toMatchFileSnapshot(`golden/pipeline-${name}-${format}.txt`);
  });

  it.each([120, 140, 160])("keeps every line of a table within %i columns", (columns) => {
    const lines = render(record, "table", { ...plain, columns }).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  it("prints each row shape alone, in the order of its keys", () => {
    expect(rowShapesOf("pipeline")).toEqual(["run", "instance", "link", "handover"]);
    for (const shape of rowShapesOf("pipeline")) {
      const [header, ...lines] = render(record, "csv", { ...plain, shape })
        .trimEnd()
        .split("\n");
      expect(header).toBe(rowKeysOf("pipeline", shape)?.join(","));
      expect(lines.length).toBeGreaterThan(0);
    }
  });

  it("marks a run whose outputs differ, or that could not be recovered", () => {
    const broken = structuredClone(record);
    const [first, second] = broken.rows.filter((row) => "row" in row && row.row === "run");
    Object.assign(first ?? {}, { status: "failedCheck" });
    Object.assign(second ?? {}, { status: "unrecoverable" });
    const text = render(broken, "table", plain);
    expect(text).toContain("! differ");
    expect(text).toContain("! unrecoverable");
  });
});
