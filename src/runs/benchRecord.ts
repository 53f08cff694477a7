import type { BenchDocument } from "../record/schemas.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, parseJsonText, readSmallText } from "../units/files.ts";

const KIND: FileKind = {
  field: "--from",
  expected: "a record that `bench --save` wrote",
  largestBytes: 256 * 2 ** 20,
};

/**
 * The record of a run of `bench`.
 * @throws InvalidInputError on a file that cannot be read, or is no such record
 */
export async function readBenchRecord(path: string): Promise<BenchDocument> {
  const value = parseJsonText(readSmallText(path, KIND), path, KIND);
  const { checkDocument } = await import("../record/schemas.ts");
  const command = typeof value === "object" && value !== null && "command" in value ? value.command : undefined;
  if (command !== "bench") {
    throw new InvalidInputError({ field: `${path}: command`, value: command, expected: '"bench"' });
  }
  try {
    return checkDocument(value) as BenchDocument;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidInputError({ field: path, value: reason, expected: KIND.expected });
  }
}
