import { z } from "zod";

/** Where a number comes from: executed here, computed from a formula, simulated, or printed by others. */
export const KINDS = ["measured", "modeled", "simulated", "published"] as const;
export type Kind = (typeof KINDS)[number];

/** Unit of a key, as the JSON Schema prints it under `unit`. */
export type Unit =
  | "ns"
  | "FLOP"
  | "FLOP/s"
  | "FLOP/byte"
  | "byte"
  | "FLOP or byte"
  | "byte/s"
  | "Hz"
  | "tokens"
  | "tokens/s"
  | "USD/hour"
  | "USD per million tokens"
  | "count"
  | "fraction";

/** A finite number that the JSON Schema describes with its unit and kind. */
export function quantity(kind: Kind, unit: Unit, description: string) {
  return z.number().meta({ description, unit, kind });
}

/** A finite number that is at least zero; most quantities are. */
export function amount(kind: Kind, unit: Unit, description: string) {
  return z.number().min(0).meta({ description, unit, kind });
}

/** A whole number of at least `least`: a dimension of a shape, or a count. */
export function whole(description: string, least: 0 | 1 = 1) {
  return z.number().int().min(least).meta({ description, unit: "count" });
}

/** A text that is not empty. */
export function text(description: string) {
  return z.string().min(1).meta({ description });
}
