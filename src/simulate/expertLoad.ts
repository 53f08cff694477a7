import { InvalidInputError } from "../units/errors.ts";
import { exactExp, exactLn } from "./exactMath.ts";
import { seededRandom } from "./random.ts";

/** How popular experts are: the tokens that each gets, as relative numbers. */
export type ExpertPopularity =
  /** Of a layer; which experts are hot is drawn for each layer. */
  | { readonly kind: "anyLayer"; readonly weights: readonly number[] }
  /** Of every layer with experts; those of one card have successive numbers. */
  | { readonly kind: "byLayer"; readonly weights: readonly (readonly number[])[] };

/** Experts over the cards of a deployment. */
export interface ExpertPlacement {
  readonly popularity: ExpertPopularity;
  /** FFN instances, and the ranks (cards) of each over which experts are spread. */
  readonly ffnInstances: number;
  readonly ranksPerInstance: number;
  /** Of each layer whether it has experts; the others have no hot ones. */
  readonly layers: readonly ("experts" | "dense")[];
  readonly seed: number;
}

/** Weights of experts by Zipf's law: the n-th most popular has 1 / n^exponent. */
export function zipfWeights(experts: number, exponent: number): readonly number[] {
  if (!(exponent >= 0 && exponent <= 10)) {
    throw new InvalidInputError({ field: "zipf exponent", value: exponent, expected: "a number from 0 to 10" });
  }
  return Array.from({ length: experts }, (_, index) => exactExp(-exponent * exactLn(index + 1)));
}

/**
 * How much longer each FFN instance takes in each layer because experts are not equally popular: the load of its hottest
 * rank over the mean of all ranks, [instance][layer]. Experts lie on ranks in equal numbers; where they are fewer than ranks,
 * or no multiple of them, a rank holds parts of experts. FFN time is taken as proportional to a rank's tokens.
 * @throws InvalidInputError unless the weights are numbers from 0, not all 0
 */
export function expertLoads(placement: ExpertPlacement): readonly (readonly number[])[] {
  const { ffnInstances, ranksPerInstance, layers } = placement;
  const ranks = ffnInstances * ranksPerInstance;
  const byInstance: number[][] = Array.from({ length: ffnInstances }, () => []);
  const sharesOf = layerShares(placement.popularity, placement.seed);
  for (const layer of layers) {
    const loads = layer === "dense" ? undefined : rankLoads(sharesOf(), ranks);
    for (const [instance, ofInstance] of byInstance.entries()) {
      const own = loads?.slice(instance * ranksPerInstance, (instance + 1) * ranksPerInstance);
      ofInstance.push(own === undefined ? 1 : Math.max(...own) * ranks);
    }
  }
  return byInstance;
}

/**
 * The load of the hottest group over the mean of all, the mean of so many layers, by the number of groups among which the
 * experts are divided; each number is worked out once.
 * @throws InvalidInputError unless the weights are numbers from 0, not all 0
 */
export function hottestLoads(popularity: ExpertPopularity, layers: number, seed: number): (groups: number) => number {
  const sharesOf = layerShares(popularity, seed);
  const shares = Array.from({ length: layers }, sharesOf);
  const known = new Map<number, number>();
  return (groups) => {
    const before = known.get(groups);
    if (before !== undefined) return before;
    const sum = shares.reduce((total, ofLayer) => total + Math.max(...rankLoads(ofLayer, groups)) * groups, 0);
    known.set(groups, sum / layers);
    return sum / layers;
  };
}

/** Shares of the tokens by place, one layer with experts after the other; from the first again after the last recorded one. */
function layerShares(popularity: ExpertPopularity, seed: number): () => readonly number[] {
  if (popularity.kind === "byLayer") {
    const shares = popularity.weights.map(sharesOfTotal);
    let next = 0;
    return () => {
      const own = shares[next % shares.length] as readonly number[];
      next += 1;
      return own;
    };
  }
  const shares = sharesOfTotal(popularity.weights);
  const random = seededRandom(seed, EXPERT_STREAM);
  return () => Array.from(random.permutation(shares.length), (index) => shares[index] as number);
}

function sharesOfTotal(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total > 0 && Number.isFinite(total) && weights.every((weight) => weight >= 0)) {
    return weights.map((weight) => weight / total);
  }
  throw new InvalidInputError({ field: "expert weights", value: weights, expected: "numbers from 0, not all 0" });
}

const EXPERT_STREAM = 2;

/** Shares of the tokens by rank: rank r holds the experts from r x experts / ranks on, the ends in parts. */
function rankLoads(shares: readonly number[], ranks: number): readonly number[] {
  const perRank = shares.length / ranks;
  return Array.from({ length: ranks }, (_, rank) => {
    const from = rank * perRank;
    const to = from + perRank;
    let load = 0;
    for (let expert = Math.floor(from); expert < Math.min(Math.ceil(to), shares.length); expert += 1) {
      const part = Math.min(to, expert + 1) - Math.max(from, expert);
      load += part * (shares[expert] as number);
    }
    return load;
  });
}
