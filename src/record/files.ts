import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { InfeasibleError } from "../units/errors.ts";
import type { Document } from "./document.ts";
import { documentText } from "./text.ts";

/**
 * Writes a document to a path, as `saveText` does.
 *
 * @throws InfeasibleError naming the path and why it cannot be written.
 */
export function saveDocument(path: string, document: Document): void {
  saveText(path, documentText(document));
}

/**
 * Writes a text to a path, as `openText` does.
 *
 * @throws InfeasibleError naming the path and why it cannot be written.
 */
export function saveText(path: string, text: string): void {
  const file = openText(path);
  try {
    file.write(text);
    file.close();
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** A file that is written piece by piece. Each call throws InfeasibleError where it cannot be carried out. */
export interface TextFile {
  write(text: string): void;
  /** Ends the file and puts it in its place. */
  close(): void;
  /** Leaves nothing behind; after `close`, does nothing. */
  discard(): void;
}

/**
 * Opens a file to be written: beside its path first, then renamed, so that a reader never meets half a file.
 * A path that is no regular file (a pipe, /dev/stdout) is written to directly.
 *
 * @throws InfeasibleError naming the path and why it cannot be written.
 */
export function openText(path: string): TextFile {
  const { place, draft, file } = guard(path, () => {
    const place = placeOf(path);
    const draft = place.replaceable ? draftBeside(place.path) : undefined;
    return { place, draft, file: openSync(draft ?? place.path, draft === undefined ? "w" : "wx") };
  });
  let open = true;
  const end = () => {
    open = false;
    closeSync(file);
  };
  return {
    write: (text) => guard(path, () => writeFileSync(file, text)),
    close: () =>
      guard(path, () => {
        end();
        if (draft !== undefined) renameSync(draft, place.path);
      }),
    discard() {
      if (open) end();
      if (draft !== undefined) rmSync(draft, { force: true });
    },
  };
}

/**
 * Tries whether `saveText` could write here, and leaves nothing behind.
 *
 * @throws InfeasibleError naming the path and why it cannot be written.
 */
export function checkWritable(path: string): void {
  guard(path, () => {
    const place = placeOf(path);
    if (!place.replaceable) return;
    const draft = draftBeside(place.path);
    closeSync(openSync(draft, "wx"));
    rmSync(draft);
  });
}

interface Place {
  path: string;
  replaceable: boolean;
}

/** The file behind links, and whether a rename may put a new file in its place. */
function placeOf(path: string): Place {
  if (path === "") throw new Error("it names no file");
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { path, replaceable: true };
  if (found.isDirectory()) throw new Error("it is a directory");
  // The real path of a pipe is a name that cannot be opened.
  return found.isFile() ? { path: realpathSync(path), replaceable: true } : { path, replaceable: false };
}

function draftBeside(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

function guard<Result>(path: string, write: () => Result): Result {
  try {
    return write();
  } catch (error) {
    throw new InfeasibleError(`cannot write ${JSON.stringify(path)}: ${writeFault(error)}`);
  }
}

/** Why something cannot be written, in words. */
export function writeFault(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
      return "its folder does not exist";
    case "ENOTDIR":
      return "a part of the path is not a folder";
    case "EACCES":
    case "EPERM":
      return "no permission";
    case "EROFS":
      return "the file system is read-only";
    case "ENOSPC":
      return "the disk is full";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
