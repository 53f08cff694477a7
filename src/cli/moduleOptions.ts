import type { Command } from "commander";
import type { ModuleIntensitySettings } from "../runs/moduleIntensity.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseCall, parseRange } from "../units/parseCall.ts";

/** Options that name a module of the user's own. */
export interface ModuleOptions {
  wasm?: string;
  call: string[];
  range: string[];
}

/** Adds them to a command. */
export function addModuleOptions(command: Command): Command {
  const another = (value: string, before: string[]): string[] => [...before, value];
  return command
    .option("--wasm <file>", "count a module of your own instead")
    .option("--call <export(arg,…)>", "what to call of it, again for more calls", another, [])
    .option("--range <name=start..end>", "bytes of its memory to tell apart, again for more ranges", another, []);
}

/**
 * What to count of a module; undefined where none is named.
 *
 * @throws InvalidInputError where a part is missing, or kernels are named as well.
 */
export function resolveModule(
  kernels: readonly string[],
  { wasm, call, range }: ModuleOptions,
): ModuleIntensitySettings | undefined {
  if (wasm === undefined) {
    const [field, value] = call[0] === undefined ? ["--range", range[0]] : ["--call", call[0]];
    if (value === undefined) return undefined;
    throw new InvalidInputError({ field, value, expected: "--wasm FILE with it" });
  }
  const [kernel] = kernels;
  if (kernel !== undefined) {
    throw new InvalidInputError({ field: "kernel", value: kernel, expected: "none with --wasm, which has --call" });
  }
  if (call.length === 0) {
    throw new InvalidInputError({
      field: "--call",
      value: undefined,
      expected: "an export to call, such as 'run(64)'",
    });
  }
  return {
    wasmFile: wasm,
    calls: call.map((text) => parseCall(text, "--call")),
    ranges: range.map((text) => parseRange(text, "--range")),
  };
}
