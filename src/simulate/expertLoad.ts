import { InvalidInputError } from "../units/errors.ts";
import { exactExp, exactLn } from "./exactMath.ts";
import { seededRandom } from "./random.ts";

/** Experts of a layer and the tokens that each gets, as relative numbers. */
export interface ExpertWeights {
  /** By popularity or in any order: every layer shuffles them, as its hot experts are others. */
  readonly weights: readonly number[];
  /** FFN instances, and the ranks (cards) of each over which experts are spread. */
  readonly ffnInstances: number;
  readonly ranksPerInstance: number;
  readonly layers: number;
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
export function expertLoads(setting: ExpertWeights): readonly (readonly number[])[] {
  const { weights, ffnInstances, ranksPerInstance, layers, seed } = setting;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0) || !Number.isFinite(total) || weights.some((weight) => weight < 0)) {
    throw new InvalidInputError({ field: "expert weights", value: weights, expected: "numbers from 0, not all 0" });
  }
  const random = seededRandom(seed, EXPERT_STREAM);
  const ranks = ffnInstances * ranksPerInstance;
  const byInstance: number[][] = Array.from({ length: ffnInstances }, () => []);
  for (let layer = 0; layer < layers; layer += 1) {
    const order = random.permutation(weights.length);
    const shuffled = Array.from(order, (index) => (weights[index] as number) / total);
    const loads = rankLoads(shuffled, ranks);
    for (const [instance, ofInstance] of byInstance.entries()) {
      const own = loads.slice(instance * ranksPerInstance, (instance + 1) * ranksPerInstance);
      ofInstance.push(Math.max(...own) * ranks);
    }
  }
  return byInstance;
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
