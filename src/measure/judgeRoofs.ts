import { LEVELS, type RoofName } from "./roofPlan.ts";

/** How far the three best passes of a roof may lie apart, and what is the same rate where two roofs are compared. */
export const SPREAD_LIMIT = 0.1;
/** Passes that have to agree: disturbance only slows, but one fast pass alone may be an error of the clock. */
const AGREEING_PASSES = 3;
/** A roof that other roofs let one hope more of by this is measured again, though it may be right. */
const HOPED_SHARE = 0.9;
/** A float32 roof below this share of clock times width is doubted. */
export const CLOCK_SHARE = 0.85;

/** A roof as it was measured. */
export interface RatedRoof extends RoofName {
  /** FLOP/s, int8 operations a second, or bytes a second, over all threads. */
  readonly perSecond: number;
  /** Absent below three passes. */
  readonly spread?: number;
  /** Of a float32 roof: what the clock allows. */
  readonly allowedPerSecond?: number;
}

/** What becomes of a roof. */
export type Verdict =
  | { readonly kind: "stands" }
  /** It stands, but is slower than others let one hope: worth another pass. */
  | { readonly kind: "hopeful" }
  /** It says nothing about this host: another pass, or `unstable`. */
  | { readonly kind: "refused"; readonly reason: string };

/** How far the third best pass stays below the best, as a share of it; undefined where there are fewer than three. */
export function spreadOf(passRates: readonly number[]): number | undefined {
  const sorted = [...passRates].sort((one, other) => other - one);
  const third = sorted[AGREEING_PASSES - 1];
  return third === undefined ? undefined : 1 - third / (sorted[0] as number);
}

/**
 * Refuses roofs whose passes do not agree, and those that the others show to be too low: a level read slower than a farther one, threads
 * that together do less than one of them alone, a thread that does less than its share of many. Gives a verdict for each, in their order.
 */
export function judgeRoofs(roofs: readonly RatedRoof[]): readonly Verdict[] {
  return roofs.map((roof) => {
    const reason = unsteady(roof) ?? impossible(roof, roofs);
    if (reason !== undefined) return { kind: "refused", reason: `${reason}: the machine was disturbed` };
    return isHopeful(roof, roofs) ? { kind: "hopeful" } : { kind: "stands" };
  });
}

function unsteady({ spread }: RatedRoof): string | undefined {
  if (spread === undefined) return `fewer than ${AGREEING_PASSES} passes were measured`;
  if (spread <= SPREAD_LIMIT) return undefined;
  return `the three best passes lie ${percent(spread)} apart, more than ${percent(SPREAD_LIMIT)}`;
}

/** Disturbance only slows: of two roofs that contradict each other, the one that is too low was disturbed. */
function impossible(roof: RatedRoof, roofs: readonly RatedRoof[]): string | undefined {
  for (const other of roofs) {
    if (!isSameWork(roof, other)) continue;
    if (other.threads === roof.threads && isFarther(other, roof) && isBelow(roof.perSecond, other.perSecond)) {
      return `${roof.level} is read ${percent(1 - roof.perSecond / other.perSecond)} slower than ${other.level}, which can't be`;
    }
    if (other.level !== roof.level) continue;
    if (other.threads === 1 && roof.threads > 1 && isBelow(roof.perSecond, other.perSecond)) {
      return `${roof.threads} threads do ${percent(1 - roof.perSecond / other.perSecond)} less than one alone, which can't be`;
    }
    if (roof.threads === 1 && isBelow(roof.perSecond, other.perSecond / other.threads)) {
      return `one thread does less than one of ${other.threads} at a time, which can't be`;
    }
  }
  return undefined;
}

/** Cores have units and first caches of their own, so that threads add up, unless they share a core. */
function isHopeful(roof: RatedRoof, roofs: readonly RatedRoof[]): boolean {
  if (roof.allowedPerSecond !== undefined && roof.perSecond < CLOCK_SHARE * roof.allowedPerSecond) return true;
  if (roof.threads === 1 || roof.level === "L3" || roof.level === "DRAM") return false;
  return roofs.some(
    (other) =>
      isSameWork(roof, other) &&
      other.level === roof.level &&
      other.threads === 1 &&
      roof.perSecond < HOPED_SHARE * roof.threads * other.perSecond,
  );
}

function isSameWork(one: RatedRoof, other: RatedRoof): boolean {
  return one.kernel === other.kernel && one.target === other.target;
}

function isFarther(one: RatedRoof, than: RatedRoof): boolean {
  if (one.level === undefined || than.level === undefined) return false;
  return LEVELS.indexOf(one.level) > LEVELS.indexOf(than.level);
}

function isBelow(perSecond: number, other: number): boolean {
  return perSecond < (1 - SPREAD_LIMIT) * other;
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`;
}
