import { InvalidInputError } from "../units/errors.ts";
import { parseSetting } from "../units/parse.ts";
import type { Accelerator } from "./accelerator.ts";
import { figureNamed, figureValue } from "./figures.ts";

/**
 * Accelerators with some figures replaced, each setting a text `NAME.FIGURE=VALUE` such as `h800.usdPerHour=1.6`.
 * Values are numbers in base units; bandwidths and sizes may carry theirs (`4TB/s`, `96GB`).
 * @throws InvalidInputError on an accelerator that is not among them, an unknown figure, or a value that is not above 0
 */
export function overrideAccelerators(
  accelerators: readonly Accelerator[],
  settings: readonly string[],
): readonly Accelerator[] {
  const known = accelerators.map((accelerator) => accelerator.name);
  const parsed = settings.map((text) => parseSetting(text, known));
  return parsed.reduce((current, { name, path, value }) => {
    const field = `--set ${name}.${path}`;
    if (!known.includes(name.toLowerCase())) {
      const expected = `an accelerator in use: ${known.join(", ")}`;
      throw new InvalidInputError({ field, value: name, expected, known });
    }
    const figure = figureNamed(path, field);
    const replaced = figureValue(figure, value, field);
    return current.map((accelerator) =>
      accelerator.name === name.toLowerCase()
        ? {
            ...accelerator,
            [figure]: replaced,
            figureSources: { ...accelerator.figureSources, [figure]: "given with --set" },
          }
        : accelerator,
    );
  }, accelerators);
}
