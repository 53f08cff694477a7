import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** What the import rules (.dependency-cruiser.cjs) cannot see, since no import shows it. */
const RULES = [
  {
    rule: "only kernels/ works with WebAssembly: compile, instantiate and make memories there; others name its types at most",
    pattern: /\bnew WebAssembly\b|\binstanceof WebAssembly\b|\bWebAssembly\.[a-z]|= WebAssembly;|\["WebAssembly"\]/,
    allowed: /^kernels\//,
  },
  {
    rule: "only kernels/ reads build/*.wasm: ask it for the module",
    pattern: /build\/[^"'`\s]*\.wasm/,
    allowed: /^kernels\//,
  },
  {
    rule: "node: stands in import statements alone, where the import rules see it",
    pattern: /getBuiltinModule|\brequire\(/,
    allowed: /^$/,
  },
];

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));

it.each(RULES)("$rule", ({ pattern, allowed }) => {
  const found = sourceFiles()
    .filter((path) => !allowed.test(path))
    .flatMap((path) =>
      codeLines(readFileSync(SOURCE + path, "utf8"))
        .filter(({ text }) => pattern.test(text))
        .map(({ text, line }) => `src/${path}:${line} ${text.trim()}`),
    );
  expect(found).toEqual([]);
});

it("finds the source files", () => {
  expect(sourceFiles()).toContain("kernels/target.ts");
});

function sourceFiles(): string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"));
}

/** Lines that are not comments, numbered from 1. */
function codeLines(source: string): { text: string; line: number }[] {
  return source
    .split("\n")
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => !/^\s*(\/\/|\/?\*)/.test(text));
}
