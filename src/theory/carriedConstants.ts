import type { KernelKind, KernelShape } from "../workload/kernelShape.ts";
import { constantsOf } from "./constantVector.ts";
import { type AcceleratorPeaks, type FamilyName, ownFamily, sameArchitecture } from "./families.ts";
import { type EngineFit, nearestOperands } from "./fittedConstants.ts";
import type { LatencyConstants } from "./latencyModel.ts";

/** The kind whose products tell how a family's products of the other kind differ from another family's. */
const SIBLING: Readonly<Partial<Record<KernelKind, KernelKind>>> = { gemm: "grouped-gemm", "grouped-gemm": "gemm" };

/**
 * Constants of an engine where they stand for what was not measured:
 *
 * - the fixed time is the very engine's, if that was measured on a card of the same architecture: it runs the same code;
 * - another family's share of compute is scaled as both families' shares differ in the sibling kind.
 *
 * @param fit of another engine or family than asked for, or of both
 * @param engine that is asked for, if any
 * @param engines all that were measured
 */
export function carriedConstants(
  fit: EngineFit,
  shape: KernelShape,
  peaks: AcceleratorPeaks,
  engine: string | undefined,
  engines: readonly EngineFit[],
): LatencyConstants {
  const constants = constantsOf(fit.constants);
  const family = ownFamily(peaks.name);
  if (family === undefined || (fit.family === family && fit.engine === engine)) return constants;
  return {
    ...constants,
    fixedNs: enginesFixedNs(fit, shape, family, engine, engines) ?? constants.fixedNs,
    computeShare: constants.computeShare * shareRatio(fit, family, engines),
  };
}

/** The fixed time of the engine that is asked for, where it was measured on another card of the architecture. */
function enginesFixedNs(
  fit: EngineFit,
  shape: KernelShape,
  family: FamilyName,
  engine: string | undefined,
  engines: readonly EngineFit[],
): number | undefined {
  if (engine === undefined || fit.engine === engine) return undefined;
  const same = engines.filter(
    (other) => other.kind === shape.kind && other.engine === engine && sameArchitecture(other.family, family),
  );
  return median(nearestOperands(same, shape), "fixedNs");
}

/** The share of compute that a family reaches in the sibling kind, over what the fit's family does; 1 where either is unknown. */
function shareRatio(fit: EngineFit, family: FamilyName, engines: readonly EngineFit[]): number {
  const sibling = SIBLING[fit.kind];
  if (fit.family === family || sibling === undefined) return 1;
  const shareOf = (name: FamilyName) =>
    median(
      engines.filter((other) => other.kind === sibling && other.family === name),
      "computeShare",
    );
  const own = shareOf(family);
  const theirs = shareOf(fit.family);
  return own === undefined || theirs === undefined ? 1 : own / theirs;
}

/** The median of one constant, as a logarithm's. */
function median(fits: readonly EngineFit[], name: "fixedNs" | "computeShare"): number | undefined {
  const values = fits.map(({ constants }) => constantsOf(constants)[name]).sort((left, right) => left - right);
  const below = values[Math.floor((values.length - 1) / 2)];
  const above = values[Math.ceil((values.length - 1) / 2)];
  return below === undefined || above === undefined ? undefined : Math.sqrt(below * above);
}
