import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { run } from "./terminal.ts";

vi.mock("binaryen", () => {
  throw new Error("Cannot find package 'binaryen'");
});

/** A type, a function of it, its export `f`, its empty body. */
const SECTIONS = [
  [1, 4, 1, 0x60, 0, 0],
  [3, 2, 1, 0],
  [7, 5, 1, 1, 0x66, 0, 0],
  [10, 4, 1, 2, 0, 0x0b],
];

it("says how to install binaryen where a module is to be counted without it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "afdbench-peer-"));
  try {
    const path = join(folder, "f.wasm");
    writeFileSync(path, Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...SECTIONS.flat()]));
    const { exitCode, out, err } = await run(["intensity", "--wasm", path, "--call", "f()"]);
    expect({ exitCode, out }).toEqual({ exitCode: 3, out: "" });
    expect(err).toMatch(/^afdbench: .*binaryen, which is not installed beside afdbench: run "npm install binaryen"\n$/);
    // What is wrong on any machine is said first.
    expect(await run(["intensity", "--wasm", path, "--call", "g()"])).toMatchObject({ exitCode: 2 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
