import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InfeasibleError, InvalidInputError, nearestNames } from "../../src/units/errors.ts";

const models = ["step3", "step3-text", "deepseek-v3", "qwen3-235b-a22b"];

describe("InvalidInputError", () => {
  it("says field, value, what is allowed and the nearest name", () => {
    const error = new InvalidInputError({ field: "--model", value: "step4", expected: "a model", known: models });
    expect(error.message).toBe('--model: expected a model, got "step4"; did you mean "step3"?');
  });

  it.each([
    [undefined, "nothing"],
    [Number.NaN, "NaN"],
    [null, "null"],
    [[1, 2], "a list of 2"],
    [{ a: 1 }, "an object"],
    ["a\nb\u001b[31m\u202e", '"a\\nb\\u{1b}[31m\\u{202e}"'],
    ["x".repeat(500), `"${"x".repeat(59)}…"`],
  ])("shows %j on one printable line", (value, shown) => {
    expect(new InvalidInputError({ field: "f", value, expected: "e" }).message).toBe(`f: expected e, got ${shown}`);
  });

  it("is one line whatever the value", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(new InvalidInputError({ field: "f", value, expected: "e" }).message).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it("keeps infeasible requests on one line", () => {
    expect(new InfeasibleError("needs 8 GiB,\nhas 4 GiB").message).toBe("needs 8 GiB,\\nhas 4 GiB");
  });
});

describe("nearestNames", () => {
  it.each([
    ["step", ["step3", "step3-text"]],
    ["STEP3", ["step3", "step3-text"]],
    ["deepseek", ["deepseek-v3"]],
    ["deepsek-v3", ["deepseek-v3"]],
    ["qwen3", ["qwen3-235b-a22b"]],
    ["gpt-oss", []],
    ["", []],
  ])("%j", (name, nearest) => {
    expect(nearestNames(name, models)).toEqual(nearest);
  });

  it("knows a name by a part of it that is misspelt", () => {
    expect(nearestNames("atention", ["attention.core", "attention.layer", "moe.layer"])).toEqual([
      "attention.core",
      "attention.layer",
    ]);
    expect(nearestNames("expertmatmull", ["moe.layer", "moe.expertMatmul"])).toEqual(["moe.expertMatmul"]);
  });
});
