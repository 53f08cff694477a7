import { choosesByScore, dropsGroups, type RouterRule } from "../routerRule.ts";

/** One token's logits, their bias added, and the bias that takes part in the choice alone. */
export interface RouterInput {
  readonly logits: Float64Array;
  readonly correctionBias?: Float64Array;
}

/** The experts that a router chooses for one token, in its order, and their weights. Equal values: the lower id (group) first. */
export function route(input: RouterInput, rule: RouterRule): { ids: readonly number[]; weights: Float64Array } {
  const choice = choiceOf(input, rule);
  const kept = new Set(keptGroups(choice, rule));
  const size = choice.length / rule.groups;
  const rising = [...choice.keys()].filter((expert) => kept.has(Math.floor(expert / size)));
  const ids = partsOf(choice.length, rule).flatMap(({ first, last, slots }) =>
    largestFirst(
      rising.filter((expert) => expert >= first && expert < last),
      choice,
    ).slice(0, slots),
  );
  return { ids, weights: weightsOf(input, rule, ids) };
}

/**
 * The weights that the rule gives to the experts a kernel chose, or NaN where no logits within `slack` of these would be answered by
 * that choice: float32 may rank two experts (or groups) the other way where they are as near as that.
 */
export function weightsOfChosen(
  input: RouterInput,
  rule: RouterRule,
  chosen: readonly number[],
  slack: number,
): Float64Array {
  return isValidChoice(choiceOf(input, rule), rule, chosen, 2 * slack)
    ? weightsOf(input, rule, chosen)
    : new Float64Array(rule.topK).fill(Number.NaN);
}

function isValidChoice(choice: Float64Array, rule: RouterRule, chosen: readonly number[], slack: number): boolean {
  const ids = new Set(chosen);
  if (ids.size !== rule.topK || !chosen.every((id) => id >= 0 && id < choice.length)) return false;
  const size = choice.length / rule.groups;
  const groupOf = (expert: number): number => Math.floor(expert / size);
  // Groups that must have been kept: those that were used, and those that no dropped one comes near.
  const kept = new Set(chosen.map(groupOf));
  if (dropsGroups(rule)) {
    const scores = groupScores(choice, rule);
    const falling = Float64Array.from(scores).sort().reverse();
    const [lastKept, firstDropped] = [falling[rule.groupsKept - 1] as number, falling[rule.groupsKept] as number];
    const groupSlack = slack * (rule.groupRule === "sumOfBestTwo" ? 2 : 1);
    if (kept.size > rule.groupsKept) return false;
    if (![...kept].every((group) => (scores[group] as number) >= lastKept - groupSlack)) return false;
    for (const [group, score] of scores.entries()) if (score > firstDropped + groupSlack) kept.add(group);
  } else for (let group = 0; group < rule.groups; group++) kept.add(group);
  return partsOf(choice.length, rule).every(({ first, last, slots }) => {
    const inPart = chosen.filter((id) => id >= first && id < last);
    const least = Math.min(...inPart.map((id) => choice[id] as number));
    const isPassedOver = (id: number): boolean => !ids.has(id) && kept.has(groupOf(id));
    for (let id = first; id < last; id++) if (isPassedOver(id) && (choice[id] as number) > least + slack) return false;
    return inPart.length === slots;
  });
}

function weightsOf({ logits }: RouterInput, rule: RouterRule, ids: readonly number[]): Float64Array {
  const scores = scoresOf(logits, rule);
  const chosen = Float64Array.from(ids, (id) => scores[id] as number);
  const divisor = rule.normalizeTopK ? chosen.reduce((sum, score) => sum + score, 0) + 1e-20 : 1;
  return chosen.map((score) => (score / divisor) * rule.scalingFactor);
}

function choiceOf({ logits, correctionBias }: RouterInput, rule: RouterRule): Float64Array {
  if (!choosesByScore(rule)) return logits;
  return scoresOf(logits, rule).map((score, expert) => score + (correctionBias?.[expert] ?? 0));
}

function scoresOf(logits: Float64Array, { score }: RouterRule): Float64Array {
  if (score === "sigmoid") return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

function keptGroups(choice: Float64Array, rule: RouterRule): readonly number[] {
  const all = Array.from({ length: rule.groups }, (_, group) => group);
  return dropsGroups(rule) ? largestFirst(all, groupScores(choice, rule)).slice(0, rule.groupsKept) : all;
}

function groupScores(choice: Float64Array, { groups, groupRule }: RouterRule): Float64Array {
  const size = choice.length / groups;
  return Float64Array.from({ length: groups }, (_, group) => {
    const falling = choice
      .slice(group * size, (group + 1) * size)
      .sort()
      .reverse();
    return (falling[0] as number) + (groupRule === "sumOfBestTwo" ? (falling[1] ?? 0) : 0);
  });
}

/** Runs of experts, each with the slots that it fills. */
function partsOf(experts: number, { groupRule, groups, topK }: RouterRule) {
  const parts = groupRule === "equalShares" ? groups : 1;
  const size = experts / parts;
  return Array.from({ length: parts }, (_, part) => ({
    first: part * size,
    last: (part + 1) * size,
    slots: topK / parts,
  }));
}

function largestFirst(ids: readonly number[], values: Float64Array): number[] {
  return [...ids].sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
}
