import { Option } from "commander";
import type { ModelChoice } from "../runs/models.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseCount } from "../units/parse.ts";

/** Words of --precision: a precision, or FP8 where the card has it and else BF16. */
export const PRECISIONS = ["auto", "bf16", "fp8", "int8", "fp4"] as const;

/** `--set NAME.FIELD=VALUE`, as often as one likes: an array of the texts. */
export function setOption(replaced: string): Option {
  return new Option("--set <field>", `replace ${replaced}: NAME.FIELD=VALUE; may be repeated`)
    .argParser((value: string, earlier: readonly string[]) => [...earlier, value])
    .default([], "none");
}

/** @throws InvalidInputError unless the text of --kv-bits is a number of bits from 1 to 64 */
export function parseKvBits(text: string): number {
  const bits = parseCount(text, "--kv-bits");
  if (bits <= 64) return bits;
  throw new InvalidInputError({ field: "--kv-bits", value: text, expected: "a whole number from 1 to 64" });
}

/**
 * The model of --model or --config; undefined where neither is given.
 * @throws InvalidInputError where both are
 */
export function parseModel({
  model,
  config,
}: {
  readonly model?: string;
  readonly config?: string;
}): ModelChoice | undefined {
  if (config === undefined) return model === undefined ? undefined : { name: model };
  if (model === undefined) return { configFile: config };
  throw new InvalidInputError({ field: "--model", value: `${model} with --config`, expected: "one of the two" });
}
