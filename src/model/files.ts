import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { InvalidInputError, nearestNames } from "../units/errors.ts";
import { findJsonFault } from "../units/json-fault.ts";
import type { ModelCard } from "./card.ts";
import { readModelConfig } from "./reader.ts";

/** Configurations are a few kilobytes; anything near this size is another file, such as the weights. */
const LARGEST_CONFIG_BYTES = 16e6;

/**
 * Reads a Hugging Face `config.json`.
 * @throws InvalidInputError when it can't be read, is not JSON, or is not a configuration that is known here
 */
export function readModelConfigFile(path: string): ModelCard {
  return readModelConfig(parseJson(decodeText(readSmallFile(path), path), path), path);
}

function readSmallFile(path: string): Uint8Array {
  try {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    const stat = statSync(path);
    if (!stat.isFile()) {
      const kind = stat.isDirectory() ? "a directory" : "not a regular file";
      throw invalidFile(path, `the path of a config.json file (this is ${kind})`);
    }
    if (stat.size > LARGEST_CONFIG_BYTES) {
      throw invalidFile(path, `a file of at most ${LARGEST_CONFIG_BYTES} bytes (this one has ${stat.size})`);
    }
    return readFileSync(path);
  } catch (error) {
    throw error instanceof InvalidInputError ? error : unreadable(path, error);
  }
}

function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalidFile(path, "a JSON file in UTF-8 (this holds other bytes)");
  }
}

function parseJson(text: string, path: string): unknown {
  if (text.trim() === "") throw invalidFile(path, "a JSON file (this one is empty)");
  try {
    return JSON.parse(text);
  } catch {
    throw notJson(text, path);
  }
}

function notJson(text: string, path: string): InvalidInputError {
  const fault = findJsonFault(text);
  if (fault === undefined) return invalidFile(path, "a JSON file");
  const place = `line ${fault.line}, column ${fault.column}`;
  if (fault.reason === "ends too early") {
    return invalidFile(
      path,
      `a complete JSON file (this one breaks off at ${place}${fault.key ? `, in or after ${fault.key}` : ""})`,
    );
  }
  const field = `${path}: ${fault.key ?? "JSON"} (${place})`;
  return new InvalidInputError({ field, value: fault.found, expected: "valid JSON" });
}

function invalidFile(path: string, expected: string): InvalidInputError {
  return new InvalidInputError({ field: "config file", value: path, expected });
}

/** Node's error, said in our words; never its own message, which holds a call and a stack. */
function unreadable(path: string, error: unknown): InvalidInputError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  if (code !== "ENOENT" && code !== "ENOTDIR") return invalidFile(path, `a file that can be read (${code})`);
  const known = siblings(path);
  const expected = "the path of a config.json file (no such file)";
  return new InvalidInputError({ field: "config file", value: path, expected, known });
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
