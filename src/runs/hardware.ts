import { type Accelerator, FIGURE_NAMES } from "../hardware/accelerator.ts";
import { acceleratorNames, loadAccelerator } from "../hardware/catalog.ts";
import { overrideAccelerators } from "../hardware/overrides.ts";
import type { HardwareRow } from "../record/catalogRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { HardwareDocument } from "../record/schemas.ts";
import { roofsFor } from "../theory/projection.ts";
import { ridgeFlopsPerByte } from "../theory/roofline.ts";
import { recordEnvironment } from "./environment.ts";

/** Every accelerator of the catalog. */
export function hardware(): HardwareDocument {
  return documentOf(acceleratorNames().map(loadAccelerator));
}

/**
 * One accelerator of the catalog.
 *
 * @throws InvalidInputError on an unknown name.
 */
export function showHardware(settings: { name: string }): HardwareDocument {
  return documentOf([loadAccelerator(settings.name)]);
}

/**
 * Catalog names for the names a user gave; all of them where none was given.
 *
 * @throws InvalidInputError on an unknown name.
 */
export function chosenAccelerators(names: readonly string[]): readonly string[] {
  if (names.length === 0) return acceleratorNames();
  return [...new Set(names.map((name) => loadAccelerator(name).name))];
}

/**
 * The accelerators of these names (none or `all`: the whole catalog), each once, with some figures replaced.
 *
 * @throws InvalidInputError on an unknown name or an override that does not fit.
 */
export function resolveAccelerators(choice: {
  readonly hardware: readonly string[];
  readonly settings: readonly string[];
}): readonly Accelerator[] {
  const names = choice.hardware.includes("all") ? [] : choice.hardware;
  return overrideAccelerators(chosenAccelerators(names).map(loadAccelerator), choice.settings);
}

function documentOf(accelerators: readonly Accelerator[]): HardwareDocument {
  return {
    schema: DOCUMENT_SCHEMA,
    command: "hardware",
    environment: recordEnvironment(),
    rows: accelerators.map(rowOf),
    notes: [
      "Peaks are dense rates. 8-bit kernels are projected to FP8 where the card has it, else to BF16 with 8-bit storage; the ridge point is the one of 8-bit kernels.",
    ],
  };
}

function rowOf(accelerator: Accelerator): HardwareRow {
  const { figureSources, source, name } = accelerator;
  const roofs = roofsFor(accelerator, "int8");
  const figures = FIGURE_NAMES.map((figure) => [figure, accelerator[figure]] as const);
  return {
    kind: "published",
    accelerator: name,
    ...Object.fromEntries(figures.filter(([, value]) => value !== undefined)),
    peakBf16FlopsPerSecond: accelerator.peakBf16FlopsPerSecond,
    memoryBytesPerSecond: accelerator.memoryBytesPerSecond,
    precision: roofs.precision,
    ridgeFlopsPerByte: ridgeFlopsPerByte(roofs),
    source,
    ...(figureSources.usdPerHour === undefined ? {} : { usdPerHourSource: figureSources.usdPerHour }),
    ...(accelerator.memoryBytes === undefined || figureSources.memoryBytes === undefined
      ? {}
      : { memoryBytesSource: figureSources.memoryBytes }),
  };
}
