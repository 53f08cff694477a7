import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Compilers and tools: an install of the package must not bring them. */
const TOOLS = [
  "@biomejs/biome",
  "@swc/core",
  "assemblyscript",
  "binaryen",
  "dependency-cruiser",
  "fast-check",
  "knip",
  "node",
  "onnxruntime-node",
  "typescript",
  "vitest",
];

describe("the package, installed from its tarball into an empty folder", { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "afdbench-pack-"));
  const installed = join(folder, "node_modules/afdbench");
  const program = join(folder, "node_modules/.bin/afdbench");

  beforeAll(() => {
    expect(existsSync(join(ROOT, "dist/cli/afdbench.js")), "dist/ is missing: run `npm run build` first").toBe(true);
    // What dist/ and build/ hold is packed as it is: building is a step of its own.
    run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], ROOT);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    expect(tarball).toBeDefined();
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    run("npm", ["install", "--omit=dev", "--no-audit", "--no-fund", `./${tarball}`], folder);
  }, 600_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("depends on no compiler and no tool", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(manifest.dependencies).filter((name) => TOOLS.includes(name))).toEqual([]);
    expect(TOOLS.filter((name) => existsSync(join(folder, "node_modules", name)))).toEqual([]);
  });

  it("brings every module, built", () => {
    const modules = ["simd", "relaxed", "debug"].flatMap((target) =>
      ["", ".counted", ".traced"].map((variant) => `${target}${variant}.wasm`),
    );
    expect(readdirSync(join(installed, "build")).sort()).toEqual(modules.sort());
    for (const name of modules) {
      expect(
        readFileSync(join(installed, "build", name))
          .subarray(0, 4)
          .toString("latin1"),
      ).toBe("\0asm");
    }
  });

  it("brings no sources and no tests", () => {
    expect(
      readdirSync(installed).filter((name) => ["src", "test", "assembly", "tools", "bench"].includes(name)),
    ).toEqual([]);
  });

  it("says its version", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(run(program, ["--version"], folder).trim()).toBe(version);
  });

  it("offers a library with types", () => {
    const names = run(
      process.execPath,
      ["--input-type=module", "--eval", 'console.log(Object.keys(await import("afdbench")).join(" "))'],
      folder,
    );
    expect(names.trim()).not.toBe("");
    expect(existsSync(join(installed, "dist/index.d.ts"))).toBe(true);
  });

  it("runs a quick bench and prints one JSON document", () => {
    const document = JSON.parse(run(program, ["bench", "--quick", "--json"], folder)) as {
      schema: string;
      command: string;
      rows: { row: string; status?: string }[];
    };
    expect(document.schema).toBe("afdbench/1");
    expect(document.command).toBe("bench");
    const kernels = document.rows.filter(({ row }) => row === "kernel");
    expect(kernels.length).toBeGreaterThan(0);
    expect(kernels.filter(({ status }) => status === "failedCheck")).toEqual([]);
  });
});

/** Stdout of a program, run with this Node first on the PATH, and without what npm tells the scripts it starts. */
function run(command: string, args: readonly string[], cwd: string): string {
  const ownEntries = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name));
  const env = {
    ...Object.fromEntries(ownEntries),
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
  };
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 2 ** 28,
  });
}
