import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { resolveAccelerators } from "./hardware.ts";
import { chosenModels, type ModelChoice, modelsWith } from "./models.ts";
import { settingsFor } from "./settingsFor.ts";

/** What a command that works with models on accelerators is given. */
export interface UseChoice {
  /** None: the whole catalog. */
  readonly models: readonly ModelChoice[];
  /** Names; none or `all`: the whole catalog. */
  readonly hardware: readonly string[];
  /** Fields of models and figures of accelerators to replace, each `NAME.FIELD=VALUE`. */
  readonly settings: readonly string[];
}

/**
 * The models and accelerators in use, with the fields and figures replaced that settings of their names give.
 * @throws InvalidInputError on an unknown name, a file that cannot be read, or a setting that does not fit
 */
export async function modelsAndAccelerators({
  models,
  hardware,
  settings,
}: UseChoice): Promise<{ readonly models: readonly ModelCard[]; readonly accelerators: readonly Accelerator[] }> {
  const sources = await chosenModels(models);
  const plain = resolveAccelerators({ hardware, settings: [] });
  const { ofModels, ofAccelerators } = settingsFor(
    settings,
    sources.map(({ name }) => name),
    plain.map(({ name }) => name),
  );
  return {
    models: modelsWith(sources, ofModels),
    accelerators: resolveAccelerators({ hardware, settings: ofAccelerators }),
  };
}
