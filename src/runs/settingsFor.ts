import { InvalidInputError } from "../units/errors.ts";
import { parseSetting, type Setting } from "../units/parse.ts";

/** Settings by what they name. */
export interface SplitSettings {
  readonly ofModels: readonly Setting[];
  /** As they were given. */
  readonly ofAccelerators: readonly string[];
}

/**
 * Splits `--set` texts by their names between the models and the accelerators in use: the longest that fits; case does not
 * matter.
 * @throws InvalidInputError on a text that is no setting, and on a name that none or both of the two have
 */
export function settingsFor(
  texts: readonly string[],
  models: readonly string[],
  accelerators: readonly string[],
): SplitSettings {
  const ofModels: Setting[] = [];
  const ofAccelerators: string[] = [];
  for (const text of texts) {
    const setting = parseSetting(text, [...models, ...accelerators]);
    const isModel = models.some((name) => isNamed(name, setting));
    const isAccelerator = accelerators.some((name) => isNamed(name, setting));
    if (isModel === isAccelerator) throw nameError(setting, models, accelerators);
    if (isModel) ofModels.push(setting);
    else ofAccelerators.push(text);
  }
  return { ofModels, ofAccelerators };
}

/** Whether a setting is of the model or accelerator of this name. */
export function isNamed(name: string, setting: Setting): boolean {
  return name.toLowerCase() === setting.name.toLowerCase();
}

function nameError(setting: Setting, models: readonly string[], accelerators: readonly string[]): InvalidInputError {
  const lists = [
    ...(models.length === 0 ? [] : [`a model in use (${models.join(", ")})`]),
    ...(accelerators.length === 0 ? [] : [`an accelerator in use (${accelerators.join(", ")})`]),
  ];
  const known = [...models, ...accelerators];
  const expected = `${lists.join(" or ")}${known.some((name) => isNamed(name, setting)) ? ", not both" : ""}`;
  return new InvalidInputError({
    field: `--set ${setting.name}.${setting.path}`,
    value: setting.name,
    expected,
    known,
  });
}
