import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ROOT } from "./program.ts";

/** What a build step reads and writes: files, or folders with all that is in them, from the repository's top folder. */
export interface BuildFiles {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Builds, unless nothing changed since `stamp` was written: neither in what the step reads, nor in what it wrote.
 * What it reads is looked at before it runs, so that a change meanwhile is built the next time.
 */
export async function buildWhereStale(stamp: string, files: BuildFiles, build: () => Promise<void>): Promise<void> {
  const inputs = fingerprint(files.inputs);
  const state = (): string => `${inputs} ${fingerprint(files.outputs)}\n`;
  if (existsSync(ROOT + stamp) && readFileSync(ROOT + stamp, "utf8") === state()) return;
  await build();
  mkdirSync(dirname(ROOT + stamp), { recursive: true });
  writeFileSync(ROOT + stamp, state());
}

/** Removes the files of a folder that are not among `kept`, both from the repository's top folder. */
export function removeOthers(folder: string, kept: ReadonlySet<string>): void {
  for (const path of filesIn(folder)) {
    if (!kept.has(path)) rmSync(ROOT + path);
  }
}

/** Hash over the names and contents of files, and the Node that works on them. */
function fingerprint(paths: readonly string[]): string {
  const hash = createHash("sha256").update(process.version);
  for (const path of paths.flatMap(filesIn)) hash.update(`\0${path}\0`).update(readFileSync(ROOT + path));
  return hash.digest("hex");
}

/** The file itself, or the files below a folder, in a fixed order; none where there is nothing. */
function filesIn(path: string): string[] {
  if (!existsSync(ROOT + path)) return [];
  if (statSync(ROOT + path).isFile()) return [path];
  return readdirSync(ROOT + path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(ROOT.length)}/${entry.name}`)
    .sort();
}
