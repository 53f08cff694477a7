import { InvalidInputError } from "../units/errors.ts";
import type { Accelerator } from "./accelerator.ts";
import { NVIDIA_ACCELERATORS } from "./nvidiaAccelerators.ts";
import { OTHER_ACCELERATORS } from "./otherAccelerators.ts";
import { REPORT_ACCELERATORS } from "./reportAccelerators.ts";

const ACCELERATORS: readonly Accelerator[] = [...REPORT_ACCELERATORS, ...NVIDIA_ACCELERATORS, ...OTHER_ACCELERATORS];

/** Names of the accelerators that ship with the package, those of the Step-3 report first. */
export function acceleratorNames(): readonly string[] {
  return ACCELERATORS.map(({ name }) => name);
}

/** Names of the accelerators that the Step-3 report compares; each has a price. */
export function reportAcceleratorNames(): readonly string[] {
  return REPORT_ACCELERATORS.map(({ name }) => name);
}

/**
 * A shipped accelerator by name; case does not matter.
 * @throws InvalidInputError with the nearest names
 */
export function loadAccelerator(name: string): Accelerator {
  const key = name.trim().toLowerCase();
  const found = ACCELERATORS.find((accelerator) => accelerator.name === key);
  if (found !== undefined) return found;
  const known = acceleratorNames();
  throw new InvalidInputError({ field: "accelerator", value: name, expected: `one of ${known.join(", ")}`, known });
}
