/** How a model stretches RoPE to longer contexts than it was first trained at. Formulas: src/workload/ropeFrequencies.ts. */
export type RopeScaling =
  | { readonly kind: "none" }
  /** Every frequency divided by the factor. */
  | { readonly kind: "linear"; readonly factor: number }
  /** A larger base, so that the slowest frequency is divided by the factor and the fastest stays (NTK-aware). */
  | { readonly kind: "ntk"; readonly factor: number }
  /** A base that grows with the sequence beyond originalTokens. */
  | { readonly kind: "dynamic"; readonly factor: number; readonly originalTokens: number }
  | YarnScaling
  | Llama3Scaling
  | LongRopeScaling;

/** Fast frequencies stay, slow ones are divided by the factor, those between are mixed. */
export interface YarnScaling {
  readonly kind: "yarn";
  readonly factor: number;
  readonly originalTokens: number;
  /** Turns within originalTokens from which a frequency stays, and up to which it is divided in full. */
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Whether the ends of the mixed range are rounded outwards to whole dimensions. */
  readonly truncate: boolean;
  /** What cosines and sines are multiplied with. */
  readonly attentionFactor: number;
}

/** As YaRN, mixed between originalTokens / highFactor and originalTokens / lowFactor tokens a turn. */
export interface Llama3Scaling {
  readonly kind: "llama3";
  readonly factor: number;
  readonly originalTokens: number;
  readonly lowFactor: number;
  readonly highFactor: number;
}

/** A divisor for each frequency, others beyond originalTokens. */
export interface LongRopeScaling {
  readonly kind: "longrope";
  readonly originalTokens: number;
  readonly shortFactors: readonly number[];
  readonly longFactors: readonly number[];
  /** What cosines and sines are multiplied with. */
  readonly attentionFactor: number;
}

/** Least and most of a scaling's numbers: far beyond any model, near enough that angles stay finite. */
export const SCALING_LIMITS = {
  factor: [1, 1e6],
  turns: [1e-6, 1e6],
  attentionFactor: [1e-3, 1e3],
  divisor: [1e-3, 1e6],
} as const;

/** RoPE that a scaling is for. */
export interface ScaledRope {
  readonly dims: number;
  readonly theta: number;
}

/** 0.1 x mscale x ln factor + 1. @source YaRN (arXiv 2309.00071), section 3.4; the quotient of two of them: DeepSeek's class */
export function yarnMagnitude(factor: number, mscale = 1): number {
  return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
}

/** Why a scaling does not go with a RoPE, or its numbers not with each other; undefined where they do. */
export function scalingFault(
  scaling: RopeScaling,
  { dims, theta }: ScaledRope,
): { readonly field: string; readonly value: unknown; readonly expected: string } | undefined {
  switch (scaling.kind) {
    case "yarn": {
      const { betaFast, betaSlow } = scaling;
      if (betaFast < betaSlow)
        return { field: "betaFast", value: betaFast, expected: `a number of at least the slow one's (${betaSlow})` };
      if (theta > 1) return undefined;
      return { field: "kind", value: "yarn", expected: `a scaling other than yarn where RoPE's base is ${theta}` };
    }
    case "llama3": {
      const { lowFactor, highFactor } = scaling;
      if (highFactor > lowFactor) return undefined;
      return { field: "highFactor", value: highFactor, expected: `a number above the low one's (${lowFactor})` };
    }
    case "longrope": {
      const { shortFactors, longFactors } = scaling;
      const expected = `${dims / 2} numbers, one for each pair that RoPE turns`;
      if (shortFactors.length !== dims / 2) return { field: "shortFactors", value: shortFactors, expected };
      return longFactors.length === dims / 2 ? undefined : { field: "longFactors", value: longFactors, expected };
    }
    default:
      return undefined;
  }
}
