import { InvalidInputError } from "../units/errors.ts";
import { parseRateBytesPerSecond, parseSizeBytes } from "../units/parse.ts";
import { FIGURE_NAMES, type FigureName } from "./accelerator.ts";

/** Far above any card, low enough that costs and times stay finite. */
export const MOST: Readonly<Record<FigureName, number>> = {
  usdPerHour: 1e6,
  peakFp4FlopsPerSecond: 1e21,
  peakFp8FlopsPerSecond: 1e21,
  peakInt8FlopsPerSecond: 1e21,
  peakBf16FlopsPerSecond: 1e21,
  memoryBytesPerSecond: 1e18,
  memoryBytes: 1e18,
  l2Bytes: 1e12,
  cores: 1e6,
  networkBytesPerSecond: 1e18,
  cardsPerServer: 65536,
};

/** Far below any card, so that divided by it costs and times stay finite. */
export const LEAST: Readonly<Record<FigureName, number>> = {
  usdPerHour: 1e-6,
  peakFp4FlopsPerSecond: 1e3,
  peakFp8FlopsPerSecond: 1e3,
  peakInt8FlopsPerSecond: 1e3,
  peakBf16FlopsPerSecond: 1e3,
  memoryBytesPerSecond: 1e3,
  memoryBytes: 1,
  l2Bytes: 4096,
  cores: 1,
  networkBytesPerSecond: 1,
  cardsPerServer: 1,
};

/**
 * The figure that a user names; case matters.
 * @throws InvalidInputError with the nearest figure
 */
export function figureNamed(name: string, field: string): FigureName {
  const found = FIGURE_NAMES.find((figure) => figure === name);
  if (found !== undefined) return found;
  const expected = `one of ${FIGURE_NAMES.join(", ")}`;
  throw new InvalidInputError({ field, value: name, expected, known: FIGURE_NAMES });
}

/**
 * A figure's value: a number in base units, or a text of one, where bandwidths and sizes may carry theirs (`4TB/s`, `96GB`).
 * @throws InvalidInputError unless it is above 0 and of a size that a card can have
 */
export function figureValue(figure: FigureName, value: unknown, field: string): number {
  const number = typeof value === "string" ? numberOf(figure, value, field) : value;
  const whole = !isCount(figure) || Number.isInteger(number);
  if (typeof number === "number" && number >= LEAST[figure] && number <= MOST[figure] && whole) return number;
  throw new InvalidInputError({ field, value, expected: allowed(figure) });
}

/** Whether a figure counts things. */
export function isCount(figure: FigureName): boolean {
  return figure === "cardsPerServer" || figure === "cores";
}

/** What a figure may be, as a noun phrase. */
export function allowed(figure: FigureName): string {
  const kind = isCount(figure) ? "a whole number" : "a number";
  return `${kind} above 0, from ${LEAST[figure]} to ${MOST[figure]}${EXAMPLES[figure] ?? ""}`;
}

/** How a figure may carry a unit. */
const EXAMPLES: Readonly<Partial<Record<FigureName, string>>> = {
  memoryBytesPerSecond: ", or a rate such as 3.35TB/s",
  memoryBytes: ", or a size such as 96GB",
  l2Bytes: ", or a size such as 50MiB",
  networkBytesPerSecond: ", or a rate such as 400Gbps",
};

function numberOf(figure: FigureName, text: string, field: string): number {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return Number(text);
  if (figure === "memoryBytes" || figure === "l2Bytes") return parseSizeBytes(text, field);
  const isRate = figure === "memoryBytesPerSecond" || figure === "networkBytesPerSecond";
  return isRate ? parseRateBytesPerSecond(text, field) : Number.NaN;
}
