import type { PricedAccelerator } from "../hardware/accelerator.ts";
import { type PlainDeployment, plainRates } from "../theory/expertParallel.ts";
import { cacheBytes, differingSequencesThatFit, plainCardBytes } from "./cardMemory.ts";
import { largestPlainBatch } from "./planBatch.ts";
import { compareScores, type PlainPlan, type PlanQuestion, scoreOf, usdPerMillion } from "./planQuestion.ts";

/** Two-batch overlap, or one batch whose computing and messages take turns. */
const MICRO_BATCHES = [1, 2] as const;

/** Plain deployments on some cards, and the fastest step where none serves. */
export interface PlainSearch {
  readonly best: PlainPlan | undefined;
  readonly leastTpotNs: number | undefined;
  /** The most sequences that one within the TPOT serves, whether the objective takes it or not. */
  readonly mostSequences: number;
}

/** The best plain deployment on exactly so many cards of one of these accelerators, whole or in equal replicas. */
export function searchPlain(question: PlanQuestion, cards: number, on: readonly PricedAccelerator[]): PlainSearch {
  const tried = on.flatMap((accelerator) =>
    groupsOf(cards, accelerator).flatMap((group) =>
      deploymentsOf(question, accelerator, group).flatMap((deployment) =>
        plansOf(question, accelerator, deployment, cards / group),
      ),
    ),
  );
  return foldedSearch(
    question,
    tried.map((plan) =>
      typeof plan === "number"
        ? { best: undefined, leastTpotNs: plan, mostSequences: 0 }
        : { best: servesAll(plan, question) ? plan : undefined, leastTpotNs: undefined, mostSequences: plan.batch },
    ),
  );
}

/** The best plain deployment on any number of whole servers within the question's cards. */
export function bestPlain(question: PlanQuestion): PlainSearch {
  const on = [...new Map([...question.attentionOn, ...question.ffnOn].map((one) => [one.name, one])).values()];
  return foldedSearch(
    question,
    on.flatMap((accelerator) => {
      const server = Math.min(accelerator.cardsPerServer ?? 1, question.maxCards);
      return Array.from({ length: Math.floor(question.maxCards / server) }, (_, index) =>
        searchPlain(question, (index + 1) * server, [accelerator]),
      );
    }),
  );
}

/** The best of several searches; the first of equals. */
function foldedSearch(question: PlanQuestion, searches: readonly PlainSearch[]): PlainSearch {
  return searches.reduce<PlainSearch>(
    (all, { best, leastTpotNs = Number.POSITIVE_INFINITY, mostSequences }) => ({
      best: best !== undefined && (all.best === undefined || isBetter(best, all.best, question)) ? best : all.best,
      leastTpotNs: finite(Math.min(all.leastTpotNs ?? Number.POSITIVE_INFINITY, leastTpotNs)),
      mostSequences: Math.max(all.mostSequences, mostSequences),
    }),
    { best: undefined, leastTpotNs: undefined, mostSequences: 0 },
  );
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** Fewest cards are those of all sequences; micro-batches of replicas are equal, so that some sequences may be over. */
function servesAll({ batch, microBatches, replicas }: PlainPlan, { objective, sequences }: PlanQuestion): boolean {
  return objective !== "cards" || sequences === undefined || sequences - batch < microBatches * replicas;
}

function isBetter(plan: PlainPlan, other: PlainPlan, { objective }: PlanQuestion): boolean {
  return compareScores(scoreOf(plan, objective), scoreOf(other, objective)) < 0;
}

/** Sizes of equal groups, largest first: all cards, or what divides them in whole servers or divides a server. */
function groupsOf(cards: number, { cardsPerServer = 1 }: PricedAccelerator): readonly number[] {
  return Array.from({ length: cards }, (_, index) => cards - index).filter(
    (size) => size === cards || (cards % size === 0 && (size % cardsPerServer === 0 || cardsPerServer % size === 0)),
  );
}

function deploymentsOf(question: PlanQuestion, accelerator: PricedAccelerator, cards: number): PlainDeployment[] {
  const { layers } = question.card;
  const hasExperts = layers.some(({ ffn }) => ffn.kind === "moe");
  const hasDense = layers.some(({ ffn }) => ffn.kind === "dense");
  return question.precisions.flatMap((precision) =>
    (hasDense ? question.parallelisms : question.parallelisms.slice(0, 1)).flatMap((parallelism) =>
      (hasExperts ? question.redundantExperts : [0]).map((redundantExperts) => ({
        accelerator,
        cards,
        precision,
        parallelism,
        redundantExperts,
        popularityFactor: question.popularityFactor?.(cards),
      })),
    ),
  );
}

/** A plan for each number of micro-batches that serves; else, unless memory is the reason, the TPOT of one token. */
function plansOf(
  question: PlanQuestion,
  accelerator: PricedAccelerator,
  deployment: PlainDeployment,
  replicas: number,
): (PlainPlan | number)[] {
  const { card, contextTokens, contextVariation, efficiency, sequences } = question;
  const held = plainCardBytes(card, contextTokens, deployment, efficiency);
  const weightBytes = held.attentionWeightBytes + held.ffnWeightBytes;
  const bytes = cacheBytes(accelerator, weightBytes, efficiency);
  const sequencesPerCard = differingSequencesThatFit(bytes, question, deployment.precision);
  if (sequencesPerCard < 1) return [];
  const rates = plainRates({ card, contextTokens, contextVariation, deployment, efficiency });
  const limits = {
    stepNs: question.tpotNs - efficiency.jitterNs,
    sequencesPerCard,
    sequences: sequences === undefined ? undefined : Math.floor(sequences / replicas),
  };
  const cards = deployment.cards * replicas;
  return MICRO_BATCHES.flatMap((microBatches): (PlainPlan | number)[] => {
    const found = largestPlainBatch(rates, deployment.cards, microBatches, limits, question.linkUse);
    const tpotNs = found.stepNs + efficiency.jitterNs;
    if (found.microBatchTokens < 1) return found.limit === "time" ? [tpotNs] : [];
    const batch = found.microBatchTokens * microBatches * replicas;
    const tokensPerSecond = (batch / tpotNs) * 1e9;
    const plan: PlainPlan = {
      kind: "plain",
      deployment,
      replicas,
      cards,
      microBatches,
      microBatchTokens: found.microBatchTokens,
      batch,
      tpotNs,
      tokensPerSecond,
      usdPerMillionTokens: usdPerMillion(cards * accelerator.usdPerHour, tokensPerSecond),
      bound: found.bound,
      limit: found.limit,
    };
    return [plan];
  });
}
