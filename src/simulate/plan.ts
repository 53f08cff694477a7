import type { Accelerator, PricedAccelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { paretoFront } from "../theory/paretoFront.ts";
import { InfeasibleError } from "../units/errors.ts";
import { formatBytes, formatDuration } from "../units/format.ts";
import { attentionBytes, ffnBytes, sequenceBytes, usableBytes } from "./cardMemory.ts";
import { type AfdSearch, searchAfd } from "./planAfd.ts";
import { bestPlain, type PlainSearch, searchPlain } from "./planPlain.ts";
import { type AfdPlan, compareScores, type PlainPlan, type Plan, type PlanQuestion, scoreOf } from "./planQuestion.ts";
import { simulatedTpotNs } from "./planSimulation.ts";

/** AFD beside the best plain deployment on as many cards. */
export interface Comparison {
  readonly plain: PlainPlan | undefined;
  /** By how much a token of the plain deployment costs more; below 0 where it costs less; absent where it cannot serve. */
  readonly gainFraction: number | undefined;
}

/** A deployment of the answer; AFD stands beside a plain one on the same number of cards. */
export interface RankedPlan {
  readonly plan: Plan;
  readonly comparison: Comparison | undefined;
  /** Of AFD, by simulation: links that are asked for at the same time make it a little longer than the closed form's. */
  readonly simulatedTpotNs: number | undefined;
}

/** What of a question is changed to see whether that turns the answer. */
export const LEVERS = ["batch", "context", "network", "sparsity"] as const;
export type Lever = (typeof LEVERS)[number];

/** What would turn the answer: the nearest factor on a lever that does, or none of those tried. */
export interface Turn {
  readonly lever: Lever;
  /** Absent: none of the factors turns it. */
  readonly factor: number | undefined;
  /** What the lever is set to by the factor, in its own unit; absent without one. */
  readonly value: number | undefined;
  readonly gainFraction: number | undefined;
}

/** A deployment that is the cheapest within some TPOT. */
export interface FrontPoint {
  readonly plan: Plan;
  readonly onParetoFront: boolean;
}

/** What a plan answers. */
export interface PlanAnswer {
  /** Best first: AFD of several ratios and pairings, and the best plain deployment among them. */
  readonly ranked: readonly RankedPlan[];
  readonly search: AfdSearch;
  readonly turns: readonly Turn[];
  readonly front: readonly FrontPoint[];
}

/**
 * The best deployments for a question, each AFD one beside the best plain one on as many cards, what would turn the
 * choice between the two, and the cheapest within shorter TPOTs.
 * @throws InfeasibleError where the model does not fit, or nothing meets the TPOT: then with the least that is reached
 */
export function plan(question: PlanQuestion, most: number): PlanAnswer {
  const search = searchAfd(question, most);
  const plain = bestPlain(question);
  if (search.plans.length === 0 && plain.best === undefined) throw unreachable(question, search, plain);
  const ranked = [
    ...search.plans.map(
      (one): RankedPlan => ({
        plan: one,
        comparison: compared(question, one),
        simulatedTpotNs: simulatedTpotNs(question, one),
      }),
    ),
    ...(plain.best === undefined
      ? []
      : [{ plan: plain.best, comparison: undefined, simulatedTpotNs: undefined } satisfies RankedPlan]),
  ].sort((one, other) => compareScores(scoreOf(one.plan, question.objective), scoreOf(other.plan, question.objective)));
  const [best] = search.plans;
  return {
    ranked,
    search,
    turns: best === undefined ? [] : turnsOf(question, best),
    front: frontOf(question),
  };
}

/** AFD beside the best plain deployment on the same number of cards, of either side's accelerator. */
export function compared(question: PlanQuestion, { deployment, cards, usdPerMillionTokens }: AfdPlan): Comparison {
  const names = [deployment.attention.accelerator.name, deployment.ffn.accelerator.name];
  const on = uniqueByName([...question.attentionOn, ...question.ffnOn]).filter(({ name }) => names.includes(name));
  const plain = searchPlain({ ...question, objective: "cost" }, cards, on).best;
  return {
    plain,
    gainFraction: plain === undefined ? undefined : plain.usdPerMillionTokens / usdPerMillionTokens - 1,
  };
}

const FACTORS = [2, 4, 8, 16, 32];

/** For each lever the nearest factor at which the other deployment wins, on the hardware and the cards of the best plan. */
function turnsOf(question: PlanQuestion, best: AfdPlan): Turn[] {
  const { attention, ffn } = best.deployment;
  const within: PlanQuestion = {
    ...question,
    objective: "cost",
    maxCards: best.cards,
    attentionOn: question.attentionOn.filter(({ name }) => name === attention.accelerator.name),
    ffnOn: question.ffnOn.filter(({ name }) => name === ffn.accelerator.name),
  };
  const wins = (gainOf(within) ?? 1) > 0;
  const batch = question.sequences ?? best.batch;
  return LEVERS.map((lever): Turn => {
    const factors = FACTORS.flatMap((factor) => [factor, 1 / factor]);
    for (const factor of factors) {
      const changed = changedBy(within, lever, factor, batch);
      if (changed === undefined) continue;
      const gainFraction = gainOf(changed.question);
      if (gainFraction === undefined || gainFraction > 0 === wins) continue;
      return { lever, factor, value: changed.value, gainFraction };
    }
    return { lever, factor: undefined, value: undefined, gainFraction: undefined };
  });
}

/** By how much AFD is cheaper on at most so many cards; absent where one of the two cannot serve. */
function gainOf(question: PlanQuestion): number | undefined {
  const [best] = searchAfd(question, 1).plans;
  return best === undefined ? undefined : compared(question, best).gainFraction;
}

/** The question with a lever changed, and what it is set to; undefined where there is no such question. */
function changedBy(
  question: PlanQuestion,
  lever: Lever,
  factor: number,
  batch: number,
): { readonly question: PlanQuestion; readonly value: number } | undefined {
  switch (lever) {
    case "batch": {
      const sequences = Math.round(batch * factor);
      return sequences < 1 ? undefined : { question: { ...question, sequences }, value: sequences };
    }
    case "context": {
      const contextTokens = Math.round(question.contextTokens * factor);
      const { maxContextTokens } = question.card;
      if (contextTokens < 1 || contextTokens > maxContextTokens) return undefined;
      return { question: { ...question, contextTokens }, value: contextTokens };
    }
    case "network": {
      const attentionOn = question.attentionOn.map((one) => onNetwork(one, factor));
      const ffnOn = question.ffnOn.map((one) => onNetwork(one, factor));
      const changed = { ...question, attentionOn, ffnOn };
      return { question: changed, value: ffnOn[0]?.networkBytesPerSecond ?? Number.NaN };
    }
    case "sparsity": {
      const card = choosing(question.card, factor);
      if (card === undefined) return undefined;
      return { question: { ...question, card: card.card }, value: card.topK };
    }
  }
}

function onNetwork<One extends Accelerator>(accelerator: One, factor: number): One {
  const { networkBytesPerSecond } = accelerator;
  return networkBytesPerSecond === undefined
    ? accelerator
    : { ...accelerator, networkBytesPerSecond: networkBytesPerSecond * factor };
}

/** The model choosing so many times as many of its experts. */
function choosing(card: ModelCard, factor: number): { readonly card: ModelCard; readonly topK: number } | undefined {
  const moe = moeOf(card);
  if (moe === undefined) return undefined;
  const topK = moe.router.topK * factor;
  if (!Number.isInteger(topK) || topK < 1 || topK > moe.experts) return undefined;
  const layers = card.layers.map((layer) =>
    layer.ffn.kind === "moe" ? { ...layer, ffn: { ...layer.ffn, router: { ...layer.ffn.router, topK } } } : layer,
  );
  return { card: { ...card, layers }, topK };
}

/** Shares of the TPOT within which the front looks for the cheapest. */
const FRONT_SHARES = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2];

/** The cheapest AFD and plain deployment within several shares of the TPOT, and which of them no other beats in both. */
function frontOf(question: PlanQuestion): FrontPoint[] {
  const points = FRONT_SHARES.flatMap((share): Plan[] => {
    const within: PlanQuestion = { ...question, objective: "cost", tpotNs: question.tpotNs * share };
    const [afd] = searchAfd(within, 1).plans;
    const plain = bestPlain(within).best;
    return [...(afd === undefined ? [] : [afd]), ...(plain === undefined ? [] : [plain])];
  });
  const distinct = [
    ...new Map(points.map((one) => [`${one.kind} ${one.tpotNs} ${one.usdPerMillionTokens}`, one])).values(),
  ];
  const front = new Set(
    paretoFront(distinct, ({ tpotNs, usdPerMillionTokens }) => ({ gain: -tpotNs, cost: usdPerMillionTokens })),
  );
  return distinct.map((one) => ({ plan: one, onParetoFront: front.has(one) }));
}

function uniqueByName(accelerators: readonly PricedAccelerator[]): readonly PricedAccelerator[] {
  return [...new Map(accelerators.map((one) => [one.name, one])).values()];
}

function unreachable(question: PlanQuestion, search: AfdSearch, plain: PlainSearch): InfeasibleError {
  const { card, contextTokens, tpotNs, maxCards, sequences = 1, objective } = question;
  const what = `${card.name} at ${contextTokens} cached tokens on at most ${maxCards} cards`;
  const most = Math.max(search.mostSequences, plain.mostSequences);
  if (objective === "cards" && most > 0) {
    return new InfeasibleError(
      `no deployment of ${what} serves ${sequences} sequences within ${formatDuration(tpotNs)}: the most is ${most}; allow more cards with --max-cards`,
    );
  }
  if (search.least === undefined && plain.leastTpotNs === undefined) {
    const { needed, usable } = memoryOf(question);
    return new InfeasibleError(
      `no deployment holds ${what}: its weights and a sequence take ${formatBytes(needed)} in all and more where cards hold copies, a card has ${formatBytes(usable)} for them; allow more cards with --max-cards`,
    );
  }
  const reached = [
    ...(search.least === undefined
      ? []
      : [
          `${search.least.deployment.attention.instances}A${search.least.deployment.ffn.instances}F ${formatDuration(search.least.tpotNs)}, bound by ${BOUND_TEXTS[search.least.bound]}`,
        ]),
    ...(plain.leastTpotNs === undefined
      ? []
      : [`a plain deployment ${formatDuration(plain.leastTpotNs)}, bound by overheads and weights`]),
  ];
  return new InfeasibleError(
    `nothing meets a TPOT of ${formatDuration(tpotNs)} for ${what}: with one token a micro-batch the least is: ${reached.join("; ")}`,
  );
}

/** Weights and one sequence, once in all, and the most that a card of any accelerator has for them. */
function memoryOf({ card, contextTokens, precisions, attentionOn, ffnOn, efficiency }: PlanQuestion): {
  readonly needed: number;
  readonly usable: number;
} {
  const [accelerator] = ffnOn;
  const [precision = "auto"] = precisions;
  if (accelerator === undefined) throw new Error("no accelerator to plan on");
  const one = { accelerator, instances: 1, cards: 1, parallelism: "expert", redundantExperts: 0 } as const;
  return {
    needed: attentionBytes(card, 1) + ffnBytes(card, one, efficiency) + sequenceBytes(card, contextTokens, precision),
    usable: Math.max(...[...attentionOn, ...ffnOn].map((on) => usableBytes(on, efficiency))),
  };
}

const BOUND_TEXTS = { attention: "attention", ffn: "the FFN", network: "the network", roundTrip: "its round trip" };
