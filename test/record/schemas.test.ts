import { describe, expect, it } from "vitest";
import { checkDocument, jsonSchemaOf, RECORDED_COMMANDS, rowShapesOf } from "../../src/record/schemas.ts";
import { documentText } from "../../src/record/text.ts";
import { fixture } from "../report/fixture.ts";

/** The fixture with its first row changed. */
function changed(change: object): unknown {
  return { ...fixture, rows: [{ ...fixture.rows[0], ...change }] };
}

describe("checkDocument", () => {
  it("takes a whole document", () => {
    expect(checkDocument(fixture)).toEqual(fixture);
  });

  it.each([
    ["a number that is not one", { medianNs: Number.NaN }],
    ["an infinite number", { flopsPerSecond: Number.POSITIVE_INFINITY }],
    ["a time below zero", { medianNs: -1 }],
    ["a status nobody knows", { status: "fine" }],
    ["a key nobody knows", { medianMs: 1 }],
    ["a time without a right answer", { status: "failedCheck" }],
    ["a fraction of a doubtful roof", { status: "roofSuspect" }],
    ["a 99th percentile of three samples", { p99Ns: 1 }],
    ["half a batch", { batch: 1.5 }],
  ])("refuses %s", (_name, change) => {
    expect(() => checkDocument(changed(change))).toThrow(/document of bench: rows\.0/);
  });

  it("refuses a document of another version", () => {
    expect(() => checkDocument({ ...fixture, schema: "afdbench/2" })).toThrow("schema");
  });
});

describe("jsonSchemaOf", () => {
  it.each(RECORDED_COMMANDS)("describes %s with the unit and kind of its numbers", (command) => {
    const text = JSON.stringify(jsonSchemaOf(command));
    expect(text).toContain('"afdbench/1"');
    if (command === "bench") expect(text).toContain('"unit":"ns","kind":"measured"');
  });

  it("names the row shapes of bench, kernels first", () => {
    expect(rowShapesOf("bench")).toEqual(["kernel", "projection", "deployment"]);
  });
});

describe("documentText", () => {
  it("is JSON with a line for each row", () => {
    const text = documentText(fixture);
    expect(JSON.parse(text)).toEqual(fixture);
    expect(text.split("\n").filter((line) => line.startsWith('    {"row"'))).toHaveLength(fixture.rows.length);
  });
});
