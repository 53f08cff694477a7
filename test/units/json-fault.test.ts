import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findJsonFault } from "../../src/units/json-fault.ts";

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe("findJsonFault", () => {
  it.each([
    ["{", 1, 2, "ends too early"],
    ['{"a": 1,}', 1, 9, "unexpected"],
    ['{"a" 1}', 1, 6, "unexpected"],
    ["[1 2]", 1, 4, "unexpected"],
    ["[1]\n]", 2, 1, "unexpected"],
    ['{"a": "b', 1, 7, "ends too early"],
    ['{\n"a": tru', 2, 6, "ends too early"],
    ["[1}", 1, 3, "unexpected"],
    ["[1.]", 1, 2, "unexpected"],
    ['["\\x"]', 1, 2, "unexpected"],
  ])("%j", (text, line, column, reason) => {
    expect(findJsonFault(text)).toMatchObject({ line, column, reason });
  });

  it("finds no fault exactly where JSON.parse finds none", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "1",
      "-1.5e3",
      "true",
      "nul",
      " ",
      "\n",
      "\\",
      "0",
    );
    const broken = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(broken, fc.json(), fc.string()), (text) => {
        expect(findJsonFault(text) === undefined).toBe(parses(text));
      }),
      { numRuns: 2000 },
    );
  });
});
