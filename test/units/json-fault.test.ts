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

interface Member {
  readonly key: string;
  readonly isEscaped: boolean;
  readonly value: Tree;
}
type Tree = number | readonly Tree[] | { readonly members: readonly Member[] };

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
    ['{"a": 1,\n "a": 1}', 2, 2, "repeated"],
    ['[{"a": {"a": []}}, {"b": 1, "\\u0062": 2}]', 1, 29, "repeated"],
    ['{"__proto__": 1, "__proto__": 2}', 1, 18, "repeated"],
  ])("%j", (text, line, column, reason) => {
    expect(findJsonFault(text)).toMatchObject({ line, column, reason });
  });

  it("finds a key that an object has twice, however it is written, and no other", () => {
    const key = fc.constantFrom("a", "b", "", "1", 'q"\\', "\u00e9", "__proto__");
    const escaped = (text: string) => [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc
          .array(fc.record({ key, isEscaped: fc.boolean(), value: tie("tree") }), { maxLength: 4 })
          .map((members) => ({ members })),
      ),
    }));
    const written = (node: Tree): string => {
      if (typeof node === "number") return `${node}`;
      if (!("members" in node)) return `[${node.map(written).join(", ")}]`;
      const keyOf = ({ key, isEscaped }: Member) => (isEscaped ? `"${escaped(key).join("")}"` : JSON.stringify(key));
      return `{${node.members.map((one) => `${keyOf(one)}: ${written(one.value)}`).join(",\n")}}`;
    };
    const repeats = (node: Tree): boolean => {
      if (typeof node === "number") return false;
      if (!("members" in node)) return node.some(repeats);
      const keys = node.members.map((one) => one.key);
      return new Set(keys).size < keys.length || node.members.some(({ value }) => repeats(value));
    };
    fc.assert(
      fc.property(tree, (node) => {
        expect(findJsonFault(written(node))?.reason).toBe(repeats(node) ? "repeated" : undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it("finds another fault exactly where JSON.parse finds one", () => {
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
        const reason = findJsonFault(text)?.reason;
        // What comes after a repeated key is not looked at.
        if (reason !== "repeated") expect(reason === undefined).toBe(parses(text));
      }),
      { numRuns: 2000 },
    );
  });
});
