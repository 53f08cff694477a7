import { InvalidInputError } from "../units/errors.ts";

/** How a configuration stretches RoPE to longer contexts than the model was first trained at (its `rope_scaling`). */
export type RopeScaling =
  | { readonly kind: "none" }
  /** Every frequency divided by the factor. */
  | { readonly kind: "linear"; readonly factor: number }
  /** A larger base, so that the slowest frequency is divided by the factor and the fastest stays (NTK-aware). */
  | { readonly kind: "ntk"; readonly factor: number }
  | YarnScaling;

/** Fast frequencies stay, slow ones are divided by the factor, those between are mixed; cosines and sines are scaled as well. */
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
  readonly magnitude: number;
}

/** Angles a position turns each pair by, and what cosines and sines are multiplied with. */
export interface RopeFrequencies {
  readonly anglePerPosition: Float64Array;
  readonly magnitude: number;
}

/**
 * Frequencies of the ropeDims / 2 pairs, in float64.
 *
 * @source Peng et al., YaRN (arXiv 2309.00071), sections 3.1 to 3.4, as Hugging Face transformers' modeling_rope_utils computes them.
 */
export function ropeFrequencies(ropeDims: number, theta: number, scaling: RopeScaling = none): RopeFrequencies {
  switch (scaling.kind) {
    case "none":
      return { anglePerPosition: plainAngles(ropeDims, theta), magnitude: 1 };
    case "linear":
      return { anglePerPosition: plainAngles(ropeDims, theta).map((angle) => angle / scaling.factor), magnitude: 1 };
    case "ntk": {
      // With two dimensions there is but the fastest frequency, which stays.
      const base = ropeDims > 2 ? theta * scaling.factor ** (ropeDims / (ropeDims - 2)) : theta;
      return { anglePerPosition: plainAngles(ropeDims, base), magnitude: 1 };
    }
    case "yarn":
      return { anglePerPosition: yarnAngles(ropeDims, theta, scaling), magnitude: scaling.magnitude };
  }
}

/** ropeDims / 2 cosines of one position, then as many sines: what the kernels of assembly/linear/rope.ts read. */
export function fillRopeTable(
  table: Float32Array,
  position: number,
  { anglePerPosition, magnitude }: RopeFrequencies,
): void {
  for (const [i, perPosition] of anglePerPosition.entries()) {
    table[i] = Math.cos(position * perPosition) * magnitude;
    table[anglePerPosition.length + i] = Math.sin(position * perPosition) * magnitude;
  }
}

/**
 * Reads `rope_scaling` of a Hugging Face configuration; null or absent is none.
 *
 * @throws InvalidInputError for a type that is not known here, or a value that is missing or impossible.
 */
export function readRopeScaling(raw: unknown, field = "rope_scaling"): RopeScaling {
  if (raw === null || raw === undefined) return none;
  if (typeof raw !== "object") throw new InvalidInputError({ field, value: raw, expected: "an object or null" });
  const fields = raw as Readonly<Record<string, unknown>>;
  const typeKey = "rope_type" in fields ? "rope_type" : "type";
  const type = fields[typeKey];
  const number = (name: string, fallback?: number): number => positive(fields[name] ?? fallback, `${field}.${name}`);
  switch (type) {
    case "default":
      return none;
    case "linear":
    case "ntk":
      return { kind: type, factor: number("factor") };
    case "yarn": {
      const factor = number("factor");
      return {
        kind: "yarn",
        factor,
        originalTokens: number("original_max_position_embeddings"),
        betaFast: number("beta_fast", 32),
        betaSlow: number("beta_slow", 1),
        truncate: fields["truncate"] !== false,
        magnitude: yarnMagnitude(factor, fields, number),
      };
    }
    default: {
      const known = ["default", "linear", "ntk", "yarn"];
      const expected = `one of ${known.join(", ")}`;
      throw new InvalidInputError({ field: `${field}.${typeKey}`, value: type, expected, known });
    }
  }
}

const none: RopeScaling = { kind: "none" };

function plainAngles(ropeDims: number, theta: number): Float64Array {
  return Float64Array.from({ length: ropeDims / 2 }, (_, i) => theta ** ((-2 * i) / ropeDims));
}

function yarnAngles(ropeDims: number, theta: number, scaling: YarnScaling): Float64Array {
  const { factor, originalTokens, betaFast, betaSlow, truncate } = scaling;
  /** The dimension, of ropeDims / 2, whose frequency makes so many turns within the original context. */
  const dimensionOf = (turns: number): number =>
    (ropeDims * Math.log(originalTokens / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [dimensionOf(betaFast), dimensionOf(betaSlow)];
  const low = Math.max(0, truncate ? Math.floor(fast) : fast);
  const high = Math.min(ropeDims - 1, truncate ? Math.ceil(slow) : slow);
  const width = high === low ? 0.001 : high - low;
  return plainAngles(ropeDims, theta).map((angle, i) => {
    const divided = Math.min(1, Math.max(0, (i - low) / width));
    return (angle / factor) * divided + angle * (1 - divided);
  });
}

/** 0.1 m ln factor + 1 with m = 1; where a configuration names mscale and mscale_all_dim, the quotient of theirs (1 in DeepSeek-V3). */
function yarnMagnitude(
  factor: number,
  fields: Readonly<Record<string, unknown>>,
  number: (name: string) => number,
): number {
  if (fields["attention_factor"] !== undefined && fields["attention_factor"] !== null)
    return number("attention_factor");
  const magnitudeOf = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  if (!fields["mscale"] || !fields["mscale_all_dim"]) return magnitudeOf(1);
  return magnitudeOf(number("mscale")) / magnitudeOf(number("mscale_all_dim"));
}

function positive(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidInputError({ field, value, expected: "a number above 0" });
}
