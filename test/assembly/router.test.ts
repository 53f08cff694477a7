import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { route } from "../../src/kernels/reference/router.ts";
import { choosesByScore, dropsGroups, type RouterRule } from "../../src/kernels/routerRule.ts";
import { targets } from "../../src/kernels/target.ts";
import { modelRules, plainRule } from "../kernels/edgeCases.ts";
import { firstFreeAddress, type Machine, machineOf } from "../kernels/machine.ts";

/** Routes rows of logits by the kernels alone; gives the ids and weights of each token. */
function routed(machine: Machine, logits: readonly ArrayLike<number>[], rule: RouterRule, bias?: ArrayLike<number>) {
  const experts = logits[0]?.length ?? 0;
  const tokens = logits.length;
  const stride = Math.ceil(experts / 4) * 16;
  const { buffer } = machine.memory;
  let end = firstFreeAddress;
  const room = (bytes: number): number => {
    end += bytes;
    return end - bytes;
  };
  const [choice, scores, biasAt] = [room(tokens * stride), room(tokens * stride), room(stride)];
  const [groupScores, ids, weights] = [room(64 * tokens), room(rule.topK * tokens * 4), room(rule.topK * tokens * 4)];
  for (const [token, row] of logits.entries()) new Float32Array(buffer, choice + token * stride, experts).set(row);
  new Float32Array(buffer, biasAt, experts).fill(0);
  if (bias !== undefined) new Float32Array(buffer, biasAt, experts).set(bias);
  const kernel = rule.score === "softmax" ? "softmaxScores" : "sigmoidScores";
  machine.call(kernel, choice, stride, scores, stride, 0, tokens, experts);
  if (choosesByScore(rule)) machine.call("biasedChoice", scores, stride, biasAt, choice, stride, 0, tokens, experts);
  if (dropsGroups(rule)) {
    const bestCount = rule.groupRule === "sumOfBestTwo" ? 2 : 1;
    const sizes = [experts, rule.groups, rule.groupsKept, bestCount];
    machine.call("keepBestGroups", choice, stride, groupScores, 0, tokens, ...sizes);
  }
  const parts = rule.groupRule === "equalShares" ? rule.groups : 1;
  const choose = [experts, rule.topK, parts, Number(rule.normalizeTopK), rule.scalingFactor];
  machine.call("chooseExperts", choice, stride, scores, stride, ids, weights, 0, tokens, ...choose);
  return {
    ids: [...new Int32Array(buffer, ids, tokens * rule.topK)],
    weights: [...new Float32Array(buffer, weights, tokens * rule.topK)],
  };
}

const top = (topK: number, changed: Partial<RouterRule> = {}): RouterRule => ({ ...plainRule, topK, ...changed });
const sigmoid = (topK: number, changed: Partial<RouterRule> = {}): RouterRule =>
  top(topK, { score: "sigmoid", ...changed });

describe.each(targets)("router of target %s", (target) => {
  const machine = machineOf(target);

  describe.each(Object.entries(modelRules))("as in %s", (_, { experts, rule }) => {
    it("chooses what the reference chooses, in its order, with its weights", () => {
      // Distances of 1/8: float32 ranks such logits, their scores and sums of two as float64 does.
      const rank = fc.shuffledSubarray([...Array(experts).keys()], { minLength: experts });
      fc.assert(
        fc.property(rank, rank, (order, biasOrder) => {
          const logits = Float64Array.from(order, (place) => place / 8 - 1);
          const bias = Float64Array.from(biasOrder, (place) => (place - experts / 2) / 301);
          const correctionBias = rule.correctionBias ? bias : undefined;
          const input = correctionBias === undefined ? { logits } : { logits, correctionBias };
          const expected = route(input, rule);
          const { ids, weights } = routed(machine, [logits], rule, correctionBias);
          expect(ids).toEqual(expected.ids);
          for (const [slot, weight] of weights.entries())
            expect(Math.abs(weight / (expected.weights[slot] as number) - 1)).toBeLessThan(2 ** -20);
        }),
        { numRuns: 60 },
      );
    });

    it("takes the lower ids where all logits are equal", () => {
      const { ids } = routed(machine, [new Float64Array(experts).fill(0.5)], rule);
      expect(ids).toEqual(route({ logits: new Float64Array(experts).fill(0.5) }, rule).ids);
    });

    it("gives distinct ids, and NaN weights where a logit is NaN", () => {
      for (const count of [1, 2, experts]) {
        const logits = Float64Array.from({ length: experts }, (_, i) => (i < count ? Number.NaN : i % 3));
        const { ids, weights } = routed(machine, [logits, new Float64Array(experts)], rule);
        for (const token of [0, 1]) {
          const chosen = ids.slice(token * rule.topK, (token + 1) * rule.topK);
          expect(new Set(chosen).size).toBe(rule.topK);
          for (const id of chosen) expect(id >= 0 && id < experts).toBe(true);
        }
        expect(weights.slice(0, rule.topK).every(Number.isNaN)).toBe(true);
        expect(weights.slice(rule.topK).some(Number.isNaN)).toBe(false);
      }
    });

    it("does not overflow over logits of 10,000, nor choose -Infinity while there is a number", () => {
      const logits = Float64Array.from({ length: experts }, (_, i) => (i % 2 === 0 ? 1e4 : -1e4));
      for (const weight of routed(machine, [logits], rule).weights) expect(Number.isFinite(weight)).toBe(true);
      if (rule.groupRule !== "none") return;
      logits.fill(Number.NEGATIVE_INFINITY, 0, experts - rule.topK);
      logits.fill(-1e4, experts - rule.topK);
      const last = Array.from({ length: rule.topK }, (_, slot) => experts - rule.topK + slot);
      if (!choosesByScore(rule)) expect(routed(machine, [logits], rule).ids).toEqual(last);
    });
  });

  it("takes the largest in falling order; of equals, the lower id", () => {
    expect(routed(machine, [[1, 3, 2, 0, 3]], top(3)).ids).toEqual([1, 4, 2]);
    expect(routed(machine, [[7, 7, 7, 7, 7, 7]], top(4)).ids).toEqual([0, 1, 2, 3]);
  });

  it("keeps probabilities as they are, divides them by their sum, or scales them", () => {
    const logits = [[0, Math.log(2), Math.log(5)]];
    const texts = (rule: RouterRule) => routed(machine, logits, rule).weights.map((weight) => weight.toFixed(5));
    expect(texts(top(2))).toEqual(["0.62500", "0.25000"]);
    expect(texts(top(2, { normalizeTopK: true }))).toEqual(["0.71429", "0.28571"]);
    expect(texts(top(2, { scalingFactor: 16 }))).toEqual(["10.00000", "4.00000"]);
    expect(texts(sigmoid(2))).toEqual(["0.83333", "0.66667"]);
  });

  it("tells sigmoids apart by their logits where float32 scores are equal, as a top 1 over logits does", () => {
    expect(routed(machine, [[20, 30, 25]], sigmoid(1))).toEqual({ ids: [1], weights: [1] });
  });

  it("chooses with the correction bias and weighs without it", () => {
    const { ids, weights } = routed(machine, [[0, 0, 0]], sigmoid(1, { correctionBias: true }), [0, 0.2, 0.1]);
    expect({ ids, weights }).toEqual({ ids: [1], weights: [0.5] });
  });

  it("judges a group by its best expert, or by the sum of its best two", () => {
    const logits = [[2, -3, 1, 1]];
    expect(routed(machine, logits, top(1, { groups: 2, groupsKept: 1, groupRule: "best" })).ids).toEqual([0]);
    const two = sigmoid(1, { groups: 2, groupsKept: 1, groupRule: "sumOfBestTwo" });
    expect(routed(machine, logits, two).ids).toEqual([2]);
  });

  it("does not choose from a dropped group, though a negative bias makes all choices of the kept ones negative", () => {
    const rule = sigmoid(2, { correctionBias: true, groups: 2, groupsKept: 1, groupRule: "sumOfBestTwo" });
    expect(routed(machine, [[1, 1, 0, 0]], rule, [-2, -3, -4, -4]).ids).toEqual([0, 1]);
  });

  it("gives weight 0 to sigmoids that are all 0, and no NaN", () => {
    expect(routed(machine, [[-1e4, -1e4]], sigmoid(2, { normalizeTopK: true })).weights).toEqual([0, 0]);
  });

  it("gives NaN weights and distinct ids where every logit is -Infinity, under softmax", () => {
    const { ids, weights } = routed(machine, [Array<number>(3).fill(Number.NEGATIVE_INFINITY)], top(2));
    expect(ids).toEqual([0, 1]);
    expect(weights.every(Number.isNaN)).toBe(true);
  });
});
