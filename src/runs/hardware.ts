import { type Accelerator, FIGURE_NAMES } from "../hardware/accelerator.ts";
import { acceleratorNames, loadAccelerator, reportAcceleratorNames } from "../hardware/catalog.ts";
import { isAcceleratorFile, readAcceleratorFile } from "../hardware/files.ts";
import { overrideAccelerators } from "../hardware/overrides.ts";
import type { HardwareRow } from "../record/catalogRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { HardwareDocument } from "../record/schemas.ts";
import { roofsFor } from "../theory/projection.ts";
import { ridgeFlopsPerByte } from "../theory/roofline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { recordEnvironment } from "./environment.ts";

/** An accelerator to use: a name of the catalog, `all` of it, or one of the caller's own. */
export type HardwareItem = string | Accelerator;

/** Which accelerators a run uses. */
export interface HardwareChoice {
  /** None: those of the Step-3 report. One of the caller's own replaces the catalog's of its name. */
  readonly hardware: readonly HardwareItem[];
  /** Figures to replace, each `NAME.FIELD=VALUE`. */
  readonly settings?: readonly string[];
}

/** The accelerators of a choice, each once. */
export interface ChosenHardware {
  readonly accelerators: readonly Accelerator[];
  /** Names of those that nobody asked for but by `all`. */
  readonly unasked: readonly string[];
  readonly notes: readonly string[];
}

/** Every accelerator of the catalog. */
export function hardware(): HardwareDocument {
  return showHardware({ hardware: ["all"] });
}

/**
 * The accelerators of a choice, with the source of every figure.
 * @throws InvalidInputError as `chooseHardware`
 */
export function showHardware(choice: HardwareChoice): HardwareDocument {
  const { accelerators, notes } = chooseHardware(choice);
  return documentOf(accelerators, notes);
}

/**
 * Items of a command line as `HardwareChoice` takes them: paths of YAML and JSON files give the accelerators in them.
 * @throws InvalidInputError on a file that can't be read or is wrong, or a name in two files
 */
export async function readHardware(items: readonly string[]): Promise<readonly HardwareItem[]> {
  const places = new Map<string, string>();
  const read: HardwareItem[] = [];
  for (const item of new Set(items)) {
    if (!isAcceleratorFile(item)) read.push(item);
    else {
      for (const accelerator of await readAcceleratorFile(item)) {
        const other = places.get(accelerator.name);
        if (other !== undefined) {
          const expected = `a name that no other file has (${other} has it too)`;
          throw new InvalidInputError({ field: `${item}: name`, value: accelerator.name, expected });
        }
        places.set(accelerator.name, item);
        read.push(accelerator);
      }
    }
  }
  return read;
}

/**
 * The accelerators of a choice, each once and in the order of the items, with some figures replaced.
 * @throws InvalidInputError on an unknown name, a name that two of the caller's own have, or an override that does not fit
 */
export function chooseHardware({ hardware: items, settings = [] }: HardwareChoice): ChosenHardware {
  const own = items.filter((item) => typeof item !== "string");
  for (const [index, { name, source }] of own.entries()) {
    if (own.findIndex((other) => other.name === name) === index) continue;
    throw new InvalidInputError({ field: "--hardware", value: name, expected: `each name once (again in ${source})` });
  }
  const named = (name: string): Accelerator =>
    own.find((accelerator) => accelerator.name === name.trim().toLowerCase()) ?? loadAccelerator(name);
  const asked = items.length === 0 ? reportAcceleratorNames() : items.filter((item) => !isAll(item));
  const chosen = (items.length === 0 ? asked : items).flatMap((item) => {
    if (typeof item !== "string") return [item];
    return isAll(item) ? acceleratorNames().map(named) : [named(item)];
  });
  const askedNames = asked.map((item) => (typeof item === "string" ? named(item) : item).name);
  const accelerators = [...new Map(chosen.map((accelerator) => [accelerator.name, accelerator])).values()];
  const replaced = own.filter(({ name }) => acceleratorNames().includes(name)).map(({ name }) => name);
  return {
    accelerators: overrideAccelerators(accelerators, settings),
    unasked: accelerators.map(({ name }) => name).filter((name) => !askedNames.includes(name)),
    notes: replaced.length === 0 ? [] : [`Given by the user in place of the catalog's: ${replaced.join(", ")}.`],
  };
}

/** JSON Schema of a file of accelerators. */
export async function acceleratorFileSchema(): Promise<Record<string, unknown>> {
  const { acceleratorJsonSchema } = await import("../hardware/userAccelerators.ts");
  return acceleratorJsonSchema();
}

function isAll(item: HardwareItem): boolean {
  return typeof item === "string" && item.trim().toLowerCase() === "all";
}

function documentOf(accelerators: readonly Accelerator[], notes: readonly string[]): HardwareDocument {
  return {
    schema: DOCUMENT_SCHEMA,
    command: "hardware",
    environment: recordEnvironment(),
    rows: accelerators.map(rowOf),
    notes: [
      "Peaks are dense rates. 8-bit kernels are projected to FP8 where the card has it, else to BF16 with 8-bit storage; the ridge point is the one of 8-bit kernels.",
      "The network is what all NICs of a server of so many cards carry together, in one direction.",
      ...notes,
    ],
  };
}

function rowOf(accelerator: Accelerator): HardwareRow {
  const { figureSources, source, name } = accelerator;
  const roofs = roofsFor(accelerator, "int8");
  const given = FIGURE_NAMES.filter((figure) => accelerator[figure] !== undefined);
  return {
    kind: "published",
    accelerator: name,
    ...Object.fromEntries(given.map((figure) => [figure, accelerator[figure]])),
    peakBf16FlopsPerSecond: accelerator.peakBf16FlopsPerSecond,
    memoryBytesPerSecond: accelerator.memoryBytesPerSecond,
    precision: roofs.precision,
    ridgeFlopsPerByte: ridgeFlopsPerByte(roofs),
    source,
    ...Object.fromEntries(given.map((figure) => [`${figure}Source`, figureSources[figure] ?? source])),
  };
}
