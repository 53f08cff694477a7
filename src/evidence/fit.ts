import { CONSTANT_NAMES } from "../theory/constantVector.ts";
import type { KernelHardware, LatencyConstants } from "../theory/latencyModel.ts";
import { kernelLatency } from "../theory/latencyModel.ts";
import type { TileRows } from "../theory/tiling.ts";
import type { KernelKind, KernelShape } from "../workload/kernelShape.ts";
import { type HostPart, withHost } from "./hostPart.ts";
import { type Prior, priorsOf, TILE_CANDIDATES } from "./priors.ts";

/** A row as the fit takes it. */
export interface FitRow {
  readonly shape: KernelShape;
  readonly hardware: KernelHardware;
  readonly measuredNs: number;
  readonly host: HostPart;
}

/** Finds parameters near `start` that make the sum of squared residuals small. */
export type LeastSquares = (
  residuals: (parameters: readonly number[]) => readonly number[],
  start: readonly number[],
) => readonly number[];

/** A fit: its constants, the parameters behind them, and what it costs. */
export interface Fit {
  readonly constants: LatencyConstants;
  readonly parameters: readonly number[];
  readonly cost: number;
}

/** Relative error that weighs as much as a constant one width from its prior. */
const ERROR_SCALE = 0.06;

/** How far a family may move from the priors and an engine from its family, over the widths of the priors. */
const FAMILY_WIDTH = 0.8;
const ENGINE_WIDTH = 1;

/** What larger tiles, or other than the family's, must gain: padding that data do not show is not carried elsewhere. */
const OTHER_TILE_COST = 2;

/** Constants of a family: all engines of one kernel kind, drawn to the priors. */
export function fitFamily(kind: KernelKind, rows: readonly FitRow[], solve: LeastSquares): Fit {
  const priors = priorsOf(kind).map((prior) => ({ ...prior, width: prior.width * FAMILY_WIDTH }));
  return plainest(TILE_CANDIDATES[kind].map((tileRows) => fitWith(rows, priors, tileRows, solve)));
}

/** Constants of one engine, drawn to its family's. */
export function fitEngine(kind: KernelKind, rows: readonly FitRow[], family: Fit, solve: LeastSquares): Fit {
  const priors = priorsOf(kind).map((prior, index) => ({
    ...prior,
    center: family.parameters[index] ?? prior.center,
    width: prior.width * ENGINE_WIDTH,
  }));
  const familyTile = family.constants.tileRows;
  const others = TILE_CANDIDATES[kind].filter((tileRows) => tileRows !== familyTile);
  return plainest([familyTile, ...others].map((tileRows) => fitWith(rows, priors, tileRows, solve)));
}

/** The first fit, unless a later one gains enough. */
function plainest(fits: readonly Fit[]): Fit {
  const [first, ...others] = fits;
  if (first === undefined) throw new Error("no fit to choose from");
  return others.reduce((best, fit) => (fit.cost < best.cost - OTHER_TILE_COST ? fit : best), first);
}

function fitWith(rows: readonly FitRow[], priors: readonly Prior[], tileRows: TileRows, solve: LeastSquares): Fit {
  const residuals = (parameters: readonly number[]): readonly number[] => {
    const constants = constantsFrom(parameters, priors, tileRows);
    const errors = rows.map((row) => softened(Math.log(modeledNs(row, constants) / row.measuredNs) / ERROR_SCALE));
    const pulls = priors.map(({ center, width }, index) => ((parameters[index] ?? center) - center) / width);
    return [...errors, ...pulls];
  };
  const parameters = solve(
    residuals,
    priors.map(({ center }) => center),
  );
  const cost = residuals(parameters).reduce((sum, residual) => sum + residual ** 2, 0) / 2;
  return { constants: constantsFrom(parameters, priors, tileRows), parameters, cost };
}

/** Time of a row by the model, with the host's part where it has one. */
export function modeledNs({ shape, hardware, host }: FitRow, constants: LatencyConstants): number {
  return withHost(kernelLatency(shape, hardware, constants).latencyNs, host);
}

function constantsFrom(parameters: readonly number[], priors: readonly Prior[], tileRows: TileRows): LatencyConstants {
  const values = priors.map(({ scale }, index) => {
    const parameter = parameters[index] ?? 0;
    return scale === "logarithm" ? Math.exp(parameter) : Math.max(0, parameter);
  });
  const named = Object.fromEntries(CONSTANT_NAMES.map((name, index) => [name, values[index]]));
  const constants = named as Record<(typeof CONSTANT_NAMES)[number], number>;
  return { ...constants, smoothness: 1 + constants.smoothness, tileRows };
}

/** Residuals beyond 1 count less than squared, so that an odd row does not bend the fit. */
function softened(residual: number): number {
  return Math.sign(residual) * Math.sqrt(2 * (Math.sqrt(1 + residual ** 2) - 1));
}
