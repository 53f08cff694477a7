import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { InvalidInputError, nearestNames } from "../units/errors.ts";
import type { ModelCard } from "./card.ts";
import { findJsonFault } from "./json-fault.ts";
import { type ModelSource, modelSourceOf, readModelSource } from "./source.ts";

/** Configurations are a few kilobytes; anything near this size is another file, such as the weights. */
const LARGEST_CONFIG_BYTES = 16e6;

/**
 * Reads a model from a file: a Hugging Face `config.json`, or a hand-written card (docs/cards.md) in YAML or JSON.
 * @throws InvalidInputError when it can't be read, is no JSON or YAML, or is neither of the two
 */
export async function readModelFile(path: string): Promise<ModelCard> {
  return readModelSource(await readModelFileSource(path));
}

/**
 * A file's fields, not read as a model yet: YAML where it ends in `.yaml` or `.yml`, else JSON.
 * @throws InvalidInputError when it can't be read, is no JSON or YAML, or is no model
 */
export async function readModelFileSource(path: string): Promise<ModelSource> {
  const text = decodeText(readSmallFile(path), path);
  return modelSourceOf(/\.ya?ml$/i.test(path) ? await parseYamlFile(text, path) : parseJson(text, path), path);
}

function readSmallFile(path: string): Uint8Array {
  try {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    const stat = statSync(path);
    if (!stat.isFile()) {
      const kind = stat.isDirectory() ? "a directory" : "not a regular file";
      throw invalidFile(path, `the path of a config.json or model card (this is ${kind})`);
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
    throw invalidFile(path, "a text file in UTF-8 (this holds other bytes)");
  }
}

/** The parser is loaded for those who write YAML alone. */
async function parseYamlFile(text: string, path: string): Promise<unknown> {
  if (text.trim() === "") throw invalidFile(path, "a YAML file (this one is empty)");
  const { parseYaml } = await import("../units/yaml.ts");
  return parseYaml(text, path);
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
  const expected = "the path of a config.json or model card (no such file)";
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
