/** How a number came to its last printed digit; `sum`: two numbers rounded to it were added. */
export type PrintedBy = "rounding" | "truncation" | "sum";

/** A number as the report prints it. */
export interface Printed {
  /** With the exponent or the prefix of its unit: "2.88e8", "0.054", "16.6 ms". */
  readonly text: string;
  readonly by: PrintedBy;
  /** In base units. */
  readonly value: number;
  /** One unit of the last printed digit, in base units. */
  readonly lastDigit: number;
}

const PRINTED = /^(\d+(?:\.(\d+))?)(?:e([+-]?\d+))?(?: (\S+))?$/;

/** Powers of ten of what may stand behind a number; durations are in nanoseconds. */
const SCALE_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ["", 0],
  ["K", 3],
  ["billion", 9],
  ["MB", 6],
  ["GB", 9],
  ["µs", 3],
  ["ms", 6],
]);

/** A number that the report rounds to the nearest last digit. */
export function rounded(text: string): Printed {
  return parsed(text, "rounding");
}

/** A number of which the report drops the further digits. */
export function truncated(text: string): Printed {
  return parsed(text, "truncation");
}

/** The sum of two numbers that the report had rounded to the same last digit. */
export function summed(text: string): Printed {
  return parsed(text, "sum");
}

/**
 * The largest difference that the print allows: half of the last digit, both ways; for a sum of two rounded numbers half
 * for each of them; by truncation one, upwards.
 */
export function toleranceOf({ by, lastDigit }: Printed): number {
  return by === "rounding" ? lastDigit / 2 : lastDigit;
}

/** Whether a number would be printed so; a tie between two last digits may be printed as either. */
export function printsAs(printed: Printed, value: number): boolean {
  const difference = value - printed.value;
  const slack = toleranceOf(printed) * 1e-9;
  if (printed.by === "truncation") return difference >= -slack && difference < toleranceOf(printed);
  return Math.abs(difference) <= toleranceOf(printed) + slack;
}

function parsed(text: string, by: PrintedBy): Printed {
  const [, mantissa, decimals = "", exponent = "0", unit = ""] = PRINTED.exec(text) ?? [];
  const scale = SCALE_EXPONENTS.get(unit);
  if (mantissa === undefined || scale === undefined) throw new Error(`no printed number: ${JSON.stringify(text)}`);
  const power = Number(exponent) + scale;
  return { text, by, value: Number(`${mantissa}e${power}`), lastDigit: Number(`1e${power - decimals.length}`) };
}
