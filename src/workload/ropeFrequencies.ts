import { type Llama3Scaling, type RopeScaling, scalingFault, type YarnScaling } from "../model/ropeScaling.ts";

export type { RopeScaling } from "../model/ropeScaling.ts";

/** RoPE of a layer: how many elements of a head it turns, an even number, from which base, and how that is stretched. */
export interface Rope {
  readonly dims: number;
  readonly theta: number;
  readonly scaling: RopeScaling;
}

/** Why a RoPE's scaling does not go with it; undefined where it does. */
export function ropeFault(rope: Rope): ReturnType<typeof scalingFault> {
  return scalingFault(rope.scaling, rope);
}

/** Angles a position turns each pair by, and what cosines and sines are multiplied with. */
export interface RopeFrequencies {
  readonly anglePerPosition: Float64Array;
  readonly magnitude: number;
}

/**
 * Frequencies of the dims / 2 pairs, in float64, by how many tokens a sequence has, the one that is turned among them: `dynamic` and
 * `longrope` scaling depend on it. A decode step turns its query and its new key alike; keys cached before stay as they were turned.
 *
 * @source Peng et al., YaRN (arXiv 2309.00071), sections 3.1 to 3.4, as transformers' modeling_rope_utils.py computes them; `llama3` and
 * `longrope` from there alone. DeepSeek's released class has the same YaRN.
 */
export function ropeFrequencies({ dims, theta, scaling }: Rope): (tokens: number) => RopeFrequencies {
  switch (scaling.kind) {
    case "none":
      return always(plainAngles(dims, theta));
    case "linear":
      return always(plainAngles(dims, theta).map((angle) => angle / scaling.factor));
    case "ntk":
      return always(plainAngles(dims, stretchedBase(dims, theta, scaling.factor)));
    case "dynamic": {
      const { factor, originalTokens } = scaling;
      const atFirst = always(plainAngles(dims, theta))();
      return (tokens) => {
        if (tokens <= originalTokens) return atFirst;
        const stretched = stretchedBase(dims, theta, (factor * tokens) / originalTokens - (factor - 1));
        return { anglePerPosition: plainAngles(dims, stretched), magnitude: 1 };
      };
    }
    case "yarn":
      return always(yarnAngles(dims, theta, scaling), scaling.attentionFactor);
    case "llama3":
      return always(plainAngles(dims, theta).map((angle) => llama3Angle(angle, scaling)));
    case "longrope": {
      const { originalTokens, shortFactors, longFactors, attentionFactor } = scaling;
      const dividedBy = (divisors: readonly number[]): RopeFrequencies => ({
        anglePerPosition: plainAngles(dims, theta).map((angle, i) => angle / (divisors[i] as number)),
        magnitude: attentionFactor,
      });
      const [short, long] = [dividedBy(shortFactors), dividedBy(longFactors)];
      return (tokens) => (tokens > originalTokens ? long : short);
    }
  }
}

function always(anglePerPosition: Float64Array, magnitude = 1): () => RopeFrequencies {
  const frequencies = { anglePerPosition, magnitude };
  return () => frequencies;
}

function plainAngles(dims: number, theta: number): Float64Array {
  return Float64Array.from({ length: dims / 2 }, (_, i) => theta ** ((-2 * i) / dims));
}

/** The base whose slowest frequency is so many times slower. With two dimensions there is but the fastest one, which stays. */
function stretchedBase(dims: number, theta: number, factor: number): number {
  return dims > 2 ? theta * factor ** (dims / (dims - 2)) : theta;
}

function yarnAngles(dims: number, theta: number, scaling: YarnScaling): Float64Array {
  const { factor, originalTokens, betaFast, betaSlow, truncate } = scaling;
  /** The dimension, of dims / 2, whose frequency makes so many turns within the original context. */
  const dimensionOf = (turns: number): number =>
    (dims * Math.log(originalTokens / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [fast, slow] = [dimensionOf(betaFast), dimensionOf(betaSlow)];
  const low = Math.max(0, truncate ? Math.floor(fast) : fast);
  const high = Math.min(dims - 1, truncate ? Math.ceil(slow) : slow);
  const width = high === low ? 0.001 : high - low;
  return plainAngles(dims, theta).map((angle, i) => {
    const divided = Math.min(1, Math.max(0, (i - low) / width));
    return (angle / factor) * divided + angle * (1 - divided);
  });
}

function llama3Angle(angle: number, { factor, originalTokens, lowFactor, highFactor }: Llama3Scaling): number {
  const turns = (originalTokens * angle) / (2 * Math.PI);
  const kept = Math.min(1, Math.max(0, (turns - lowFactor) / (highFactor - lowFactor)));
  return (angle / factor) * (1 - kept) + angle * kept;
}
