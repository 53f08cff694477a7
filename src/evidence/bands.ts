import type { EngineFit, FittedConstants, WiderBands } from "../theory/fittedConstants.ts";
import { type ProjectedLatency, projectLatency } from "../theory/projectLatency.ts";
import { KERNEL_KINDS, type KernelKind } from "../workload/kernelShape.ts";
import { type BareFit, engineKey, familyIn, groupBy } from "./fitAll.ts";
import { withHost } from "./hostPart.ts";
import type { Measurement } from "./measurement.ts";

/** A row that took no part in the constants that it was projected with. */
export interface LeftOut {
  readonly measurement: Measurement;
  readonly projected: ProjectedLatency;
}

/** What is left out where a row is projected by what others would say. */
type Left = "engine" | "family";

/** Quantile of known errors that a band is made from: at 0.8 it would hold 78% of rows left out, being known from few. */
const BAND_QUANTILE = 0.83;

/** Rows whose own quantile weighs as much as that of all rows of their kind. */
const QUANTILE_ROWS = 10;

/** Constants without bands yet: rows left out are projected with them to find these. */
export function withoutBands(engines: readonly BareFit[]): FittedConstants {
  const none = Object.fromEntries(KERNEL_KINDS.map((kind) => [kind, 0])) as Record<KernelKind, number>;
  return {
    engines: engines.map((fit) => ({ ...fit, band: 0 })),
    bands: { otherEngine: none, otherFamily: none },
    bandPerDoubling: 0,
  };
}

/**
 * Constants with the 80% bands that errors on rows left out give: of each engine from rows left out of its own fit, of
 * an engine or family that was not measured from what the others would have said of each.
 */
export function withBands(
  engines: readonly BareFit[],
  leftOut: readonly LeftOut[],
  measurements: readonly Measurement[],
): FittedConstants {
  const bare = withoutBands(engines);
  const own = leftOut.filter(({ projected }) => projected.basis === "engine");
  const bandPerDoubling = growth(own);
  const score = (one: LeftOut) => logError(one) / (1 + bandPerDoubling * one.projected.outsideDoublings);
  const ofKind = groupBy(own, ({ measurement }) => measurement.shape.kind);
  const ofEngine = groupBy(own, ({ measurement }) => engineKey(measurement));
  const kindBand = (kind: KernelKind) => quantile((ofKind.get(kind) ?? own).map(score));
  const bandOf = (fit: BareFit): number => {
    const scores = (ofEngine.get(keyOf(fit)) ?? []).map(score);
    if (scores.length === 0) return kindBand(fit.kind);
    const weight = fit.rows / (fit.rows + QUANTILE_ROWS);
    return quantile(scores) ** weight * kindBand(fit.kind) ** (1 - weight);
  };
  return {
    engines: engines.map((fit): EngineFit => ({ ...fit, band: rounded(bandOf(fit)) })),
    bands: widerBands(bare, measurements, kindBand),
    bandPerDoubling: rounded(bandPerDoubling),
  };
}

/** Rows as the other engines of their family, or the other families, would have projected them. */
export function withoutOwn(
  measurements: readonly Measurement[],
  fitted: FittedConstants,
  without: Left,
): readonly LeftOut[] {
  const groups = groupBy(measurements, (measurement) => `${measurement.shape.kind}|${ownKey(measurement, without)}`);
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    if (first === undefined) return [];
    const engines = fitted.engines.filter((fit) => fit.kind !== first.shape.kind || !isOwn(fit, first, without));
    if (!engines.some(({ kind }) => kind === first.shape.kind)) return [];
    const rest = { ...fitted, engines };
    return rows.map((measurement) => ({ measurement, projected: projectMeasured(measurement, rest) }));
  });
}

/** The projection of a measured row, with the host's part where its time has one. */
export function projectMeasured(measurement: Measurement, fitted: FittedConstants): ProjectedLatency {
  const { shape, peaks, engine, host } = measurement;
  const projected = projectLatency(shape, peaks, fitted, engine);
  // What neighbours were off by is of times with the host's part.
  const kernelNs = projected.latencyNs / projected.nearbyFactor;
  const grown = withHost(kernelNs, host) / kernelNs;
  return {
    ...projected,
    latencyNs: projected.latencyNs * grown,
    fixedNs: projected.fixedNs + host.addsNs,
    lowNs: projected.lowNs * grown,
    highNs: projected.highNs * grown,
  };
}

/** Distance of projection and measurement, as a logarithm. */
function logError({ measurement, projected }: LeftOut): number {
  return Math.abs(Math.log(projected.latencyNs / measurement.measuredNs));
}

function widerBands(
  fitted: FittedConstants,
  measurements: readonly Measurement[],
  kindBand: (kind: KernelKind) => number,
): WiderBands {
  const certain = measurements.filter(({ certain }) => certain);
  const band = (without: Left, basis: "otherEngine" | "otherFamily") => {
    const left = withoutOwn(certain, fitted, without).filter(({ projected }) => projected.basis === basis);
    const kinds = groupBy(left, ({ measurement }) => measurement.shape.kind);
    return Object.fromEntries(
      KERNEL_KINDS.map((kind) => {
        // A kind with one engine tells nothing of others: all kinds stand for it.
        const errors = (kinds.get(kind) ?? left).map(logError);
        return [kind, rounded(Math.max(kindBand(kind), quantile(errors)))];
      }),
    ) as Record<KernelKind, number>;
  };
  return { otherEngine: band("engine", "otherEngine"), otherFamily: band("family", "otherFamily") };
}

/** How much larger errors are, in shares of the mean, for each doubling outside the fitted shapes. */
function growth(leftOut: readonly LeftOut[]): number {
  const inside = leftOut.filter(({ projected }) => projected.outsideDoublings === 0).map(logError);
  const outside = leftOut.filter(({ projected }) => projected.outsideDoublings > 0);
  if (inside.length === 0 || outside.length === 0) return 0;
  const mean = inside.reduce((sum, error) => sum + error, 0) / inside.length;
  const moments = outside.map((one) => one.projected.outsideDoublings * (logError(one) / mean - 1));
  const squares = outside.map(({ projected }) => projected.outsideDoublings ** 2);
  return Math.max(0, total(moments) / total(squares));
}

function ownKey(measurement: Measurement, without: Left): string {
  const family = familyIn(measurement);
  return without === "family" ? family : `${family}|${measurement.engine}`;
}

function isOwn(fit: EngineFit, measurement: Measurement, without: Left): boolean {
  return fit.family === familyIn(measurement) && (without === "family" || fit.engine === measurement.engine);
}

function keyOf({ kind, family, engine, operand, bytesPerKvElement = 0 }: BareFit): string {
  return [kind, family, engine, operand, bytesPerKvElement].join("|");
}

/** The value that `BAND_QUANTILE` of the values are at or below. */
function quantile(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((left, right) => left - right);
  const position = BAND_QUANTILE * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
