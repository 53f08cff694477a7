import type { KernelKind, KernelShape } from "../workload/kernelShape.ts";
import { constantsOf } from "./constantVector.ts";
import { type AcceleratorPeaks, ownFamily, sameArchitecture } from "./families.ts";
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
  if (family === undefined) return constants;
  const same = engines.filter(
    (other) => other.kind === shape.kind && other.engine === engine && sameArchitecture(other.family, family),
  );
  const fixedNs = fit.engine === engine ? undefined : median(nearestOperands(same, shape), "fixedNs");
  const siblings = engines.filter(({ kind }) => kind === SIBLING[shape.kind]);
  const shareOf = (name: string) =>
    median(
      siblings.filter((other) => other.family === name),
      "computeShare",
    );
  const own = shareOf(family);
  const theirs = shareOf(fit.family);
  return {
    ...constants,
    fixedNs: fixedNs ?? constants.fixedNs,
    computeShare:
      own === undefined || theirs === undefined ? constants.computeShare : (constants.computeShare * own) / theirs,
  };
}

/** The median of one constant, as a logarithm's. */
function median(fits: readonly EngineFit[], name: "fixedNs" | "computeShare"): number | undefined {
  const values = fits.map(({ constants }) => constantsOf(constants)[name]).sort((left, right) => left - right);
  const below = values[Math.floor((values.length - 1) / 2)];
  const above = values[Math.ceil((values.length - 1) / 2)];
  return below === undefined || above === undefined ? undefined : Math.sqrt(below * above);
}
