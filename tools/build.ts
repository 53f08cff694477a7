/**
 * Builds build/*.wasm from assembly/ and dist/ from src/; does again only what changed.
 *
 *   node tools/build.ts [--wasm] [--ts]     one part, or both
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { instrument } from "../src/measure/instrument.ts";
import { ARENA_CHUNK_SHIFT } from "../src/measure/rangeCounts.ts";
import { type BuildFiles, buildWhereStale, removeOthers } from "./freshness.ts";
import { commandOf, ROOT, runScript } from "./program.ts";

/** A failure that its message explains in one line, after what the compiler said. */
class BuildError extends Error {
  readonly details: string;

  constructor(message: string, details = "") {
    super(message);
    this.details = details;
  }
}

const TARGETS = ["simd", "relaxed", "debug"] as const;

/** The instrumented modules that ship beside each target. */
const VARIANTS = [
  { name: "counted", options: { trace: false, ranges: { chunkShift: ARENA_CHUNK_SHIFT } } },
  { name: "traced", options: { trace: true } },
] as const;

const WASM: BuildFiles = {
  inputs: ["assembly", "asconfig.json", "src/measure", "tools/build.ts", "package-lock.json"],
  outputs: TARGETS.flatMap((target) => ["", ...VARIANTS.map(({ name }) => `.${name}`)].map(modulePath(target))),
};

const TYPESCRIPT: BuildFiles = {
  inputs: ["src", "tsconfig.json", "tsconfig.build.json", "tools/build.ts", "package-lock.json"],
  outputs: ["dist"],
};

const PROGRAM = "dist/cli/afdbench.js";

process.exitCode = await main();

async function main(): Promise<number> {
  const parts = await Promise.allSettled(partsAskedFor());
  const failures = parts.flatMap((part) => (part.status === "rejected" ? [part.reason as Error] : []));
  for (const failure of failures) {
    const details = failure instanceof BuildError ? failure.details : "";
    process.stderr.write(`${details}build: ${failure.message}\n`);
  }
  return failures.length > 0 ? 1 : 0;
}

function partsAskedFor(): Promise<void>[] {
  const { wasm, ts } = askedFor();
  const isWhole = !wasm && !ts;
  return [
    ...(isWhole || wasm ? [buildWhereStale("build/wasm.stamp", WASM, buildModules)] : []),
    ...(isWhole || ts ? [buildWhereStale("build/typescript.stamp", TYPESCRIPT, buildTypescript)] : []),
  ];
}

function askedFor(): { wasm: boolean; ts: boolean } {
  try {
    const boolean = { type: "boolean", default: false } as const;
    return parseArgs({ options: { wasm: boolean, ts: boolean } }).values;
  } catch (error) {
    process.stderr.write(`build: ${(error as Error).message}; known are --wasm and --ts\n`);
    process.exit(1);
  }
}

async function buildModules(): Promise<void> {
  mkdirSync(`${ROOT}build`, { recursive: true });
  // Two at once: the compiler runs on one thread and takes some hundred MB.
  const [first, second, ...rest] = TARGETS;
  await Promise.all([buildModule(first), buildModule(second)]);
  for (const target of rest) await buildModule(target);
}

async function buildModule(target: (typeof TARGETS)[number]): Promise<void> {
  const { exitCode, output } = await runScript(
    [commandOf("assemblyscript", "asc"), "--config", "asconfig.json", "--target", target],
    "kept",
  );
  if (exitCode !== 0) {
    throw new BuildError(`asc could not compile assembly/ for target ${target}; its messages stand above`, output);
  }
  // It takes longer to load than a build that has nothing to do.
  const { default: binaryen } = await import("binaryen");
  const plain = readFileSync(ROOT + modulePath(target)(""));
  for (const { name, options } of VARIANTS) {
    const path = modulePath(target)(`.${name}`);
    try {
      writeFileSync(ROOT + path, instrument(binaryen, plain, options));
    } catch (error) {
      throw new BuildError(`${path} could not be made from the plain module: ${(error as Error).message}`);
    }
  }
}

function modulePath(target: string): (ending: string) => string {
  return (ending) => `build/${target}${ending}.wasm`;
}

async function buildTypescript(): Promise<void> {
  const { exitCode, output } = await runScript(
    [commandOf("typescript", "tsc"), "-p", "tsconfig.build.json", "--listEmittedFiles"],
    "kept",
  );
  const isEmitted = (line: string): boolean => line.startsWith("TSFILE: ");
  const lines = output.split("\n");
  if (exitCode !== 0) {
    throw new BuildError(
      "tsc found errors in src/; they stand above",
      lines.filter((line) => !isEmitted(line)).join("\n"),
    );
  }
  const emitted = lines.filter(isEmitted).map((line) => relative(ROOT, line.slice("TSFILE: ".length)));
  removeOthers("dist", new Set(emitted));
  chmodSync(ROOT + PROGRAM, 0o755);
}
