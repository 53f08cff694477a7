import type { ModelCard } from "../model/card.ts";
import { type ChosenHardware, chooseHardware, type HardwareItem } from "./hardware.ts";
import { chosenModels, type ModelChoice, modelsWith } from "./models.ts";
import { settingsFor } from "./settingsFor.ts";

/** What a command that works with models on accelerators is given. */
export interface UseChoice {
  /** None: the whole catalog. */
  readonly models: readonly ModelChoice[];
  /** As `chooseHardware` takes them. */
  readonly hardware: readonly HardwareItem[];
  /** Fields of models and figures of accelerators to replace, each `NAME.FIELD=VALUE`. */
  readonly settings: readonly string[];
}

/**
 * The models and accelerators in use, with the fields and figures replaced that settings of their names give.
 * @throws InvalidInputError on an unknown name, a file that cannot be read, or a setting that does not fit
 */
export async function modelsAndHardware({
  models,
  hardware,
  settings,
}: UseChoice): Promise<{ readonly models: readonly ModelCard[]; readonly hardware: ChosenHardware }> {
  const sources = await chosenModels(models);
  const { ofModels, ofAccelerators } = settingsFor(
    settings,
    sources.map(({ name }) => name),
    chooseHardware({ hardware }).accelerators.map(({ name }) => name),
  );
  return {
    models: modelsWith(sources, ofModels),
    hardware: chooseHardware({ hardware, settings: ofAccelerators }),
  };
}
