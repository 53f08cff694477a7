import type { Cause, CauseName } from "../measure/causes.ts";
import { formatPercent } from "../units/format.ts";

/** A cause and its share of what the formula gives. */
export type WeighedCause = Cause & { readonly fraction: number };

/** A difference of more than this has its reason told. */
const TOLD_FRACTION = 0.01;
/** Causes below this share are left out of a reason; rows of causes hold them all. */
const LEAST_FRACTION = 0.001;
const MOST_CAUSES = 4;
/** Causes that say little without the shapes that they were found in. */
const TOLD_DETAILS: readonly CauseName[] = ["padding", "value width", "rows", "elsewhere", "read again"];

/** Why a ratio of counted to modeled is not 1, largest cause first; `within 1%` where it nearly is. */
export function reasonText(ratio: number, causes: readonly WeighedCause[]): string {
  if (Math.abs(ratio - 1) <= TOLD_FRACTION) return "within 1%";
  const told = joinedCauses(causes)
    .filter(({ fraction }) => Math.abs(fraction) >= LEAST_FRACTION)
    .sort((left, right) => Math.abs(right.fraction) - Math.abs(left.fraction));
  return told.slice(0, MOST_CAUSES).map(causeText).join("; ");
}

/** Share of the modeled work that no named cause explains, FLOPs and bytes together. */
export function unexplainedFraction(causes: readonly WeighedCause[]): number {
  return joinedCauses(causes)
    .filter(({ cause }) => cause === "unexplained")
    .reduce((sum, { fraction }) => sum + Math.abs(fraction), 0);
}

/** Equal causes of several terms once. */
function joinedCauses(causes: readonly WeighedCause[]): WeighedCause[] {
  const joined = new Map<string, WeighedCause>();
  for (const cause of causes) {
    const key = `${cause.cause} ${unitOf(cause)}`;
    const before = joined.get(key);
    const details = [...new Set([before?.detail ?? "", cause.detail])].filter((detail) => detail !== "");
    const fraction = (before?.fraction ?? 0) + cause.fraction;
    joined.set(key, { ...cause, fraction, detail: details.join(", ") });
  }
  return [...joined.values()];
}

function causeText(cause: WeighedCause): string {
  const share = `${formatPercent(Math.abs(cause.fraction))} ${cause.fraction < 0 ? "fewer" : "more"} ${unitOf(cause)}`;
  const detail = TOLD_DETAILS.includes(cause.cause) ? cause.detail : "";
  return `${cause.cause}: ${share}${detail === "" ? "" : ` (${detail})`}`;
}

function unitOf({ quantity }: Cause): "FLOPs" | "bytes" {
  return quantity === "productFlops" || quantity === "elementwiseFlops" ? "FLOPs" : "bytes";
}
