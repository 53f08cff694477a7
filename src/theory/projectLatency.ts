import { type KernelShape, type KernelWork, shapeDimensions } from "../workload/kernelShape.ts";
import { carriedConstants } from "./carriedConstants.ts";
import { type AcceleratorPeaks, type FamilyChoice, type FamilyName, familyOf, kernelHardware } from "./families.ts";
import { doublingsOutside, type EngineFit, type FittedConstants, nearestOperands } from "./fittedConstants.ts";
import { kernelLatency, type Latency } from "./latencyModel.ts";
import { nearbyFactor } from "./nearbyRows.ts";

/** What a projection stands on, from the surest to the least sure. */
export type Basis = "engine" | "otherEngine" | "otherFamily";

/** A kernel's latency on an accelerator, with its 80% band; its terms are the model's, before `nearbyFactor`. */
export interface ProjectedLatency extends Latency {
  readonly lowNs: number;
  readonly highNs: number;
  readonly family: FamilyName;
  /** Whether the accelerator has no family with data, and this one's peaks are nearest. */
  readonly nearestFamily: boolean;
  readonly engine: string;
  readonly basis: Basis;
  /** Rows that the engine's constants were fitted to. */
  readonly fittedRows: number;
  /** What the latency was multiplied by for what measured rows nearby were off by; 1 far from all. */
  readonly nearbyFactor: number;
  /** How far the shape lies outside the measured ones. */
  readonly outsideDoublings: number;
}

/**
 * Time of a kernel on an accelerator by the constants and measured rows of an engine in its family; without one, of the
 * engine whose time is the median of the family's engines that compute in these operands.
 *
 * @param engine a name as `engineNames` gives them; one that the family has not got counts as none
 * @param work what the kernel moves and computes; absent: what its shape says
 */
export function projectLatency(
  shape: KernelShape,
  peaks: AcceleratorPeaks,
  fitted: FittedConstants,
  engine?: string,
  work?: KernelWork,
): ProjectedLatency {
  const ofKind = fitted.engines.filter(({ kind }) => kind === shape.kind);
  const choice = familyOf(peaks, [...new Set(ofKind.map(({ family }) => family))]);
  const ofFamily = ofKind.filter(({ family }) => family === choice.family);
  const named = ofFamily.filter((fit) => fit.engine === engine);
  const dimensions = shapeDimensions(shape);
  const candidates = nearestOperands(named.length > 0 ? named : ofFamily, shape).map((fit) => {
    const hardware = kernelHardware(peaks, choice.family, fit.engine);
    const constants = carriedConstants(fit, shape, peaks, engine, fitted.engines);
    const latency = kernelLatency(shape, hardware, constants, work);
    const factor = nearbyFactor(dimensions, Object.keys(fit.ranges), fit.nearby);
    return { fit, latency, factor, latencyNs: latency.latencyNs * factor };
  });
  candidates.sort((left, right) => left.latencyNs - right.latencyNs);
  const median = candidates[Math.floor((candidates.length - 1) / 2)];
  if (median === undefined) throw new Error(`no constants of ${shape.kind}`);
  const basis = basisOf(choice, named.length > 0);
  const outside = doublingsOutside(dimensions, median.fit.ranges);
  const halfWidth = bandOf(median.fit, basis, shape, peaks, fitted) * (1 + fitted.bandPerDoubling * outside);
  const { latency, fit, factor, latencyNs } = median;
  return {
    ...latency,
    latencyNs,
    paddingNs: latency.paddingNs * factor,
    lowNs: latencyNs * Math.exp(-halfWidth),
    highNs: latencyNs * Math.exp(halfWidth),
    family: choice.family,
    nearestFamily: choice.nearest,
    engine: fit.engine,
    basis,
    fittedRows: fit.rows,
    nearbyFactor: factor,
    outsideDoublings: outside,
  };
}

/** Engines that were measured, of one kernel kind or of all. */
export function engineNames(fitted: FittedConstants, kind?: KernelShape["kind"]): readonly string[] {
  const fits = kind === undefined ? fitted.engines : fitted.engines.filter((fit) => fit.kind === kind);
  return [...new Set(fits.map(({ engine }) => engine))].sort();
}

function basisOf({ nearest }: FamilyChoice, isNamed: boolean): Basis {
  if (nearest) return "otherFamily";
  return isNamed ? "engine" : "otherEngine";
}

/** An engine's own band on an accelerator that it was measured on; on a sister card one between it and the family's. */
function bandOf(
  fit: EngineFit,
  basis: Basis,
  { kind }: KernelShape,
  peaks: AcceleratorPeaks,
  { bands }: FittedConstants,
): number {
  if (basis !== "engine") return bands[basis][kind];
  if (fit.accelerators.includes(peaks.name)) return fit.band;
  return Math.sqrt(fit.band * Math.max(fit.band, bands.otherEngine[kind]));
}
