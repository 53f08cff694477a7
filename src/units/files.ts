import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { InvalidInputError, nearestNames } from "./errors.ts";
import { findJsonFault, type JsonFault } from "./json-fault.ts";

/** What a file that a user names is to be, for errors about it. */
export interface FileKind {
  /** The flag or argument that named it, or what it is called: "config file". */
  readonly field: string;
  /** What is expected there, as a noun phrase: "a config.json file". */
  readonly expected: string;
  /** Anything above this is another file, such as the weights. */
  readonly largestBytes: number;
}

/**
 * The text of a small regular file in UTF-8, without its byte order mark.
 * @throws InvalidInputError when it can't be read, is no regular file, is too large, or holds other bytes
 */
export function readSmallText(path: string, kind: FileKind): string {
  const bytes = readSmallBytes(path, kind);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidFile(path, kind, `${kind.expected} in UTF-8 (this holds other bytes)`);
  }
}

/**
 * The value that a JSON text holds.
 * @throws InvalidInputError naming the line and column where it stops being JSON, or where an object has a key once more
 */
export function parseJsonText(text: string, path: string, kind: FileKind): unknown {
  if (text.trim() === "") throw invalidFile(path, kind, `${kind.expected} (this one is empty)`);
  const fault = findJsonFault(text);
  if (fault !== undefined) throw faultyJson(fault, path, kind);
  return JSON.parse(text);
}

/**
 * The value that a YAML text of one document holds.
 * @throws InvalidInputError naming the line and column where it stops being YAML, or holds what `parseYaml` refuses
 */
export async function parseYamlText(text: string, path: string, kind: FileKind): Promise<unknown> {
  if (text.trim() === "") throw invalidFile(path, kind, `${kind.expected} (this one is empty)`);
  // Loaded for the few runs that read YAML: it takes 24 to 32 ms (measured, Node 26).
  const { parseYaml } = await import("./yaml.ts");
  return parseYaml(text, path);
}

/**
 * The bytes of a small regular file.
 * @throws InvalidInputError when it can't be read, is no regular file, or is too large
 */
export function readSmallBytes(path: string, kind: FileKind): Uint8Array<ArrayBuffer> {
  try {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    const stat = statSync(path);
    if (!stat.isFile()) {
      const found = stat.isDirectory() ? "a directory" : "not a regular file";
      throw invalidFile(path, kind, `the path of ${kind.expected} (this is ${found})`);
    }
    if (stat.size > kind.largestBytes) {
      throw invalidFile(path, kind, `a file of at most ${kind.largestBytes} bytes (this one has ${stat.size})`);
    }
    return readFileSync(path);
  } catch (error) {
    throw error instanceof InvalidInputError ? error : unreadable(path, kind, error);
  }
}

function faultyJson(fault: JsonFault, path: string, kind: FileKind): InvalidInputError {
  const place = `line ${fault.line}, column ${fault.column}`;
  if (fault.reason === "ends too early") {
    const key = fault.key === undefined || fault.key === "" ? "" : `, in or after ${fault.key}`;
    return invalidFile(path, kind, `a complete JSON file (this one breaks off at ${place}${key})`);
  }
  const field = `${path}: ${fault.key ?? "JSON"} (${place})`;
  const expected = fault.reason === "repeated" ? "keys of an object to be unique" : "valid JSON";
  return new InvalidInputError({ field, value: fault.found, expected });
}

function invalidFile(path: string, { field }: FileKind, expected: string): InvalidInputError {
  return new InvalidInputError({ field, value: path, expected });
}

/** Node's error, said in our words; never its own message, which holds a call and a stack. */
function unreadable(path: string, kind: FileKind, error: unknown): InvalidInputError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  if (code !== "ENOENT" && code !== "ENOTDIR") return invalidFile(path, kind, `a file that can be read (${code})`);
  const expected = `the path of ${kind.expected} (no such file)`;
  return new InvalidInputError({ field: kind.field, value: path, expected, known: siblings(path) });
}

/** Paths beside a missing one whose names are alike, so that a slip of the pen gets its hint. */
function siblings(path: string): readonly string[] {
  const folder = path.slice(0, path.length - basename(path).length);
  try {
    return nearestNames(basename(path), readdirSync(dirname(path))).map((name) => `${folder}${name}`);
  } catch {
    return [];
  }
}
