import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, parseJsonText, readSmallText } from "../units/files.ts";
import { type Measurements, readMeasurements } from "./reader.ts";

const DATA_FILE: FileKind = { field: "--data", expected: "a JSON file of measurements", largestBytes: 2 ** 26 };

/**
 * The measurements of a file, or of every `.json` file of a folder, in the order of their names.
 * @throws InvalidInputError on a path that can't be read, or a file that is no file of measurements
 */
export function readMeasurementFiles(path: string): readonly Measurements[] {
  return filesOf(path).map((file) =>
    readMeasurements(parseJsonText(readSmallText(file, DATA_FILE), file, DATA_FILE), file),
  );
}

function filesOf(path: string): readonly string[] {
  if (!isFolder(path)) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(".json"));
  if (names.length > 0) return names.sort().map((name) => join(path, name));
  throw new InvalidInputError({ field: "--data", value: path, expected: "a folder with JSON files of measurements" });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Said better where the file is opened.
    return false;
  }
}
