import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../src/units/errors.ts";
import { parseYaml } from "../../src/units/yaml.ts";

const parse = (text: string) => parseYaml(text, "x.yaml");

describe("parseYaml", () => {
  it("reads objects, lists, scalars, anchors and JSON", () => {
    expect(parse("a: &x [1, 1e-5, null]\nb: { c: *x, d: true, e: yes }\n")).toEqual({
      a: [1, 1e-5, null],
      b: { c: [1, 1e-5, null], d: true, e: "yes" },
    });
    expect(parse('{"a": [1, "2"]}')).toEqual({ a: [1, "2"] });
    expect(parse("__proto__: 1")).toEqual(JSON.parse('{"__proto__": 1}'));
  });

  it("says where it stops being YAML", () => {
    expect(() => parse("a: 1\nb:\n\t- 2")).toThrow(
      "x.yaml: YAML (line 3, column 1): expected valid YAML (Tabs are not allowed as indentation)",
    );
    expect(() => parse("a: [1, 2")).toThrow("line 1, column 9");
    expect(() => parse("a: b: c")).toThrow("line 1, column 4): expected valid YAML (Nested mappings are not allowed");
  });

  it.each([
    ["a key twice", "a: 1\na: 2", "line 2, column 1): expected valid YAML (keys of an object must be unique)"],
    ["a tag of one's own", "a: !foo 1", "line 1, column 4"],
    ["a tag that YAML knows", "a: !!binary aGVs", "line 1, column 4"],
    ["two documents", "a: 1\n---\nb: 2", "line 2, column 1"],
    ["an alias of nothing", "a: *x", "an alias of an anchor that stands before it"],
    ["an alias of itself", "a: &x [*x]", "an alias of an anchor that stands before it"],
    ["explicit keys", "? a\n: b", "a key without a question mark"],
    ["a list for a key", "[1]: 2", "line 1, column 1"],
    ["brackets within brackets", "[".repeat(1e5), "at most 32 levels"],
    ["dashes within dashes", "- ".repeat(1e5), "at most 32 levels"],
    ["question marks", "? ".repeat(1e5), "a key without a question mark"],
    ["much of it", "a".repeat(1e6), "at most 262144 characters of YAML, got 1000000"],
  ])("refuses %s", (_name, text, message) => {
    expect(() => parse(text)).toThrow(InvalidInputError);
    expect(() => parse(text)).toThrow(message);
  });

  it("refuses aliases that multiply", () => {
    const bomb = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? "a0: &a0 [1, 1]"
        : `a${level}: &a${level} [${Array(9)
            .fill(`*a${level - 1}`)
            .join(", ")}]`,
    ).join("\n");
    expect(() => parse(bomb)).toThrow("aliases that repeat at most 1000 values");
  });

  it("gives a value or an InvalidInputError, whatever it reads", () => {
    const piece = fc.constantFrom(
      ..."- |? |[|{|a: |\n| |\"|'|&a |*a|!x |>\n|#|---|...|%|,|]|}|:|\t|1|<<: |0x1|\u0000".split("|"),
      "|",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          JSON.stringify(parse(pieces.join("")));
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
