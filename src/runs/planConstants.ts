import { EFFICIENCY, EFFICIENCY_NAMES, type Efficiency } from "../theory/efficiency.ts";
import { InvalidInputError } from "../units/errors.ts";
import { parseSetting, type Setting } from "../units/parse.ts";

/** `--set` texts that are of constants, and the others. */
export interface SplitConstants {
  readonly efficiency: Efficiency;
  readonly others: readonly string[];
}

/**
 * The constants of stage times with those replaced that `efficiency.NAME=VALUE` gives, and the settings of other things.
 * @throws InvalidInputError on an unknown constant, or a value that it cannot have
 */
export function constantsOf(settings: readonly string[]): SplitConstants {
  const isConstant = (text: string) => constantOf(text).name.toLowerCase() === EFFICIENCY_SET;
  return {
    efficiency: settings.filter(isConstant).reduce(withConstant, EFFICIENCY),
    others: settings.filter((text) => !isConstant(text)),
  };
}

/** What the constants are called in settings. */
const EFFICIENCY_SET = "efficiency";

function constantOf(text: string): Setting {
  return parseSetting(text, [EFFICIENCY_SET]);
}

/** The constants with one replaced. */
function withConstant(efficiency: Efficiency, text: string): Efficiency {
  const { path, value } = constantOf(text);
  const field = `--set efficiency.${path}`;
  const name = EFFICIENCY_NAMES.find((known) => known === path);
  if (name === undefined) {
    const expected = `one of ${EFFICIENCY_NAMES.join(", ")}`;
    throw new InvalidInputError({ field, value: path, expected, known: EFFICIENCY_NAMES });
  }
  const number = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim()) ? Number(value) : Number.NaN;
  const [least, most] = allowedConstant(name);
  if (number >= least && number <= most) return { ...efficiency, [name]: number };
  throw new InvalidInputError({ field, value, expected: `a number from ${least} to ${most}` });
}

function allowedConstant(name: keyof Efficiency): readonly [least: number, most: number] {
  if (name.endsWith("Share")) return [0.001, 1];
  if (name.endsWith("Ns")) return [0, 1e9];
  if (name === "contextQuantile") return [0.5, 0.999];
  return name === "hottestCardFactor" ? [1, 100] : [1e6, 1e15];
}
