import { InvalidInputError } from "../units/errors.ts";
import { parseRateBytesPerSecond, parseSetting, parseSizeBytes } from "../units/parse.ts";
import { type Accelerator, FIGURE_NAMES, type FigureName } from "./accelerator.ts";

/**
 * Accelerators with some figures replaced, each setting a text `NAME.FIGURE=VALUE` such as `h800.usdPerHour=1.6`.
 * Values are numbers in base units; bandwidths and sizes may carry theirs (`4TB/s`, `96GB`).
 * @throws InvalidInputError on an accelerator that is not among them, an unknown figure, or a value that is not above 0
 */
export function overrideAccelerators(
  accelerators: readonly Accelerator[],
  settings: readonly string[],
): readonly Accelerator[] {
  return settings.map(parseSetting).reduce((current, { name, path, value }) => {
    const known = current.map((accelerator) => accelerator.name);
    if (!known.includes(name.toLowerCase())) {
      const expected = `an accelerator in use: ${known.join(", ")}`;
      throw new InvalidInputError({ field: `--set ${name}.${path}`, value: name, expected, known });
    }
    const figure = figureNamed(path, `--set ${name}.${path}`);
    const figureValue = figureValueOf(figure, value, `--set ${name}.${path}`);
    return current.map((accelerator) =>
      accelerator.name === name.toLowerCase()
        ? {
            ...accelerator,
            [figure]: figureValue,
            figureSources: { ...accelerator.figureSources, [figure]: "given with --set" },
          }
        : accelerator,
    );
  }, accelerators);
}

function figureNamed(path: string, field: string): FigureName {
  const found = FIGURE_NAMES.find((figure) => figure === path);
  if (found !== undefined) return found;
  throw new InvalidInputError({
    field,
    value: path,
    expected: `one of ${FIGURE_NAMES.join(", ")}`,
    known: FIGURE_NAMES,
  });
}

function figureValueOf(figure: FigureName, text: string, field: string): number {
  const plain = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : undefined;
  const value = plain ?? withUnit(figure, text, field);
  const whole = figure !== "cardsPerServer" || Number.isInteger(value);
  if (value > 0 && value <= MOST[figure] && whole) return value;
  const kind = figure === "cardsPerServer" ? "a whole number" : "a number";
  throw new InvalidInputError({ field, value: text, expected: `${kind} above 0, at most ${MOST[figure]}` });
}

function withUnit(figure: FigureName, text: string, field: string): number {
  if (figure === "memoryBytesPerSecond" || figure === "networkBytesPerSecond") {
    return parseRateBytesPerSecond(text, field);
  }
  return figure === "memoryBytes" ? parseSizeBytes(text, field) : Number.NaN;
}

/** Far above any card, low enough that costs and times stay finite. */
const MOST: Readonly<Record<FigureName, number>> = {
  usdPerHour: 1e6,
  peakFp4FlopsPerSecond: 1e21,
  peakFp8FlopsPerSecond: 1e21,
  peakInt8FlopsPerSecond: 1e21,
  peakBf16FlopsPerSecond: 1e21,
  memoryBytesPerSecond: 1e18,
  memoryBytes: 1e18,
  networkBytesPerSecond: 1e18,
  cardsPerServer: 65536,
};
