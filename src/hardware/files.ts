import { type FileKind, parseJsonText, parseYamlText, readSmallText } from "../units/files.ts";
import type { Accelerator } from "./accelerator.ts";

const KIND: FileKind = {
  field: "--hardware",
  expected: "a YAML or JSON file of accelerators",
  largestBytes: 1e6,
};

/** Whether an item of `--hardware` is the path of a file: it has a slash, or ends in .yaml, .yml or .json. */
export function isAcceleratorFile(item: string): boolean {
  return /[/\\]|\.(ya?ml|json)$/i.test(item);
}

/**
 * The accelerators of a user's file: one, or a list of them, in JSON where its name ends in .json, else in YAML.
 * @throws InvalidInputError when it can't be read, or naming the line, or the key, that is wrong
 */
export async function readAcceleratorFile(path: string): Promise<readonly Accelerator[]> {
  const text = readSmallText(path, KIND);
  const raw = /\.json$/i.test(path) ? parseJsonText(text, path, KIND) : await parseYamlText(text, path, KIND);
  // Loaded here, for it brings zod, which most runs do without.
  const { checkAccelerators } = await import("./userAccelerators.ts");
  return checkAccelerators(raw, path);
}
