import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ROOT } from "./program.ts";

/** What a build step reads and writes: files, or folders with all that is in them, from the repository's top folder. */
export interface BuildFiles {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** True where nothing changed, in what a step reads or in what it wrote, since `stamp` was last written. */
export function isFresh(stamp: string, files: BuildFiles): boolean {
  return existsSync(ROOT + stamp) && readFileSync(ROOT + stamp, "utf8") === fingerprint(files);
}

/** Notes that a step's outputs belong to its inputs as they are now. */
export function markFresh(stamp: string, files: BuildFiles): void {
  mkdirSync(dirname(ROOT + stamp), { recursive: true });
  writeFileSync(ROOT + stamp, fingerprint(files));
}

/** Removes the files of a folder that are not among `kept`, both from the repository's top folder. */
export function removeOthers(folder: string, kept: ReadonlySet<string>): void {
  for (const path of filesIn(folder)) {
    if (!kept.has(path)) rmSync(ROOT + path);
  }
}

/** Hash over names and contents of inputs and outputs, and the Node that works on them. */
function fingerprint({ inputs, outputs }: BuildFiles): string {
  const hash = createHash("sha256").update(process.version);
  for (const path of [...inputs, ...outputs].flatMap(filesIn)) {
    hash.update(`\0${path}\0`).update(readFileSync(ROOT + path));
  }
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
