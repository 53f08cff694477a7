import type { LatencyConstants } from "./latencyModel.ts";
import type { TileRows } from "./tiling.ts";

/** The constants that are numbers, in the order in which files and the fit hold them. */
export const CONSTANT_NAMES = [
  "fixedNs",
  "bandwidthShare",
  "computeShare",
  "smoothness",
  "waveWeight",
  "l2Gain",
  "activationTraffic",
  "coreBytesPerSecond",
  "layoutShare",
  "loneTokenShare",
  "prologueK",
] as const;

export type ConstantName = (typeof CONSTANT_NAMES)[number];

/** Constants as the generated files hold them: the numbers in their order, then the tile rows. */
export type ConstantVector = readonly [...numbers: readonly number[], tileRows: TileRows];

/** Constants from their vector. */
export function constantsOf(vector: ConstantVector): LatencyConstants {
  const numbers = Object.fromEntries(CONSTANT_NAMES.map((name, index) => [name, vector[index]]));
  return { ...(numbers as Record<ConstantName, number>), tileRows: vector[CONSTANT_NAMES.length] as TileRows };
}

/** Constants as their vector, rounded to the digits that a fit knows. */
export function vectorOf(constants: LatencyConstants): ConstantVector {
  return [...CONSTANT_NAMES.map((name) => Number(constants[name].toPrecision(5))), constants.tileRows];
}
