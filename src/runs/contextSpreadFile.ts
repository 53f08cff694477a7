import { InvalidInputError } from "../units/errors.ts";
import type { FileKind } from "../units/files.ts";
import { readCsv } from "./csvFile.ts";

const KIND: FileKind = {
  field: "--context-spread",
  expected: "a CSV file of contexts",
  largestBytes: 256 * 2 ** 20,
};

const MOST_TOKENS = 1e9;
const MOST_SEQUENCES = 1e15;

/** Contexts of a file. */
export interface SpreadContexts {
  /** The mean, in whole tokens. */
  readonly contextTokens: number;
  /** Deviation over the mean. */
  readonly contextVariation: number;
}

/**
 * Mean and deviation of contexts, from a CSV file with the columns `contextTokens` and, where a line stands for more than one
 * of them, `sequences`.
 * @throws InvalidInputError naming file, line and column of the first cell that does not fit
 */
export async function readContextSpread(path: string): Promise<SpreadContexts> {
  const { columns, lines } = await readCsv(path, KIND, { required: ["contextTokens"], optional: ["sequences"] });
  let sequences = 0;
  let tokens = 0;
  let squares = 0;
  for (const line of lines) {
    const isContext = (value: number) => Number.isInteger(value) && value >= 1 && value <= MOST_TOKENS;
    const context = line.number("contextTokens", `a whole number from 1 to ${MOST_TOKENS}`, isContext);
    const isCount = (value: number) => value >= 0 && value <= MOST_SEQUENCES;
    const count = columns.has("sequences")
      ? line.number("sequences", `a number from 0 to ${MOST_SEQUENCES}`, isCount)
      : 1;
    sequences += count;
    tokens += count * context;
    squares += count * context ** 2;
  }
  if (sequences === 0) {
    throw new InvalidInputError({ field: `${path}: sequences`, value: 0, expected: "at least one line above 0" });
  }
  const mean = tokens / sequences;
  return {
    contextTokens: Math.round(mean),
    contextVariation: Math.sqrt(Math.max(0, squares / sequences / mean ** 2 - 1)),
  };
}
