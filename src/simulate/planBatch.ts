import { type PlainBound, type PlainLayerRates, plainStepTime } from "../theory/expertParallel.ts";
import { type LinkUse, type PipelineBound, type PipelineTime, pipelineTime } from "../theory/pipeline.ts";
import { ONE_NETWORK_STAGE, type StageRates, stepTimes } from "../theory/stageTimes.ts";

/** What a batch must stay within. */
export interface BatchLimits {
  /** Of a step, allowances taken off. */
  readonly stepNs: number;
  /** Sequences that the memory of a card holds. */
  readonly sequencesPerCard: number;
  /** Sequences that there are in all; absent: as many as fit. */
  readonly sequences?: number | undefined;
}

/** The largest batch of a deployment and the step that it gives. */
export interface FoundBatch<Bound> {
  /** Tokens of one micro-batch on all cards; 0 where not even one sequence can be served. */
  readonly microBatchTokens: number;
  /** With one token where there is none. */
  readonly stepNs: number;
  /** What a step waits for. */
  readonly bound: Bound;
  /** Why there is no more in a step: it would be too slow, memory is full, or there are no more sequences. */
  readonly limit: "time" | "memory" | "sequences";
}

/** More on one card in one micro-batch is no decode step. */
const MOST_SEQUENCES = 2 ** 20;

/** A step of AFD with so many tokens in each micro-batch. */
export function afdStepTime(
  rates: StageRates,
  microBatchTokens: number,
  microBatches: number,
  linkUse: LinkUse = ONE_NETWORK_STAGE,
): PipelineTime {
  return pipelineTime([stepTimes(rates, microBatchTokens)], microBatches, linkUse);
}

/**
 * The largest batch of AFD, in full cards where there are as many sequences: more tokens never make a step faster, and
 * never give fewer tokens a second.
 */
export function largestAfdBatch(
  rates: StageRates,
  microBatches: number,
  limits: BatchLimits,
  linkUse: LinkUse = ONE_NETWORK_STAGE,
): FoundBatch<PipelineBound> {
  return largest(limits, rates.attentionCards, microBatches, (tokens) =>
    afdStepTime(rates, tokens, microBatches, linkUse),
  );
}

/** The largest batch of a plain deployment on so many cards. */
export function largestPlainBatch(
  rates: readonly PlainLayerRates[],
  cards: number,
  microBatches: number,
  limits: BatchLimits,
  linkUse: LinkUse = ONE_NETWORK_STAGE,
): FoundBatch<PlainBound> {
  return largest(limits, cards, microBatches, (tokens) => plainStepTime(rates, tokens / cards, microBatches, linkUse));
}

function largest<Bound>(
  { stepNs, sequencesPerCard, sequences = Number.POSITIVE_INFINITY }: BatchLimits,
  cards: number,
  microBatches: number,
  stepOf: (tokens: number) => { readonly timeNs: number; readonly bound: Bound },
): FoundBatch<Bound> {
  const held = Math.min(MOST_SEQUENCES, Math.floor(sequencesPerCard / microBatches)) * cards;
  const demanded = Math.floor(sequences / microBatches);
  const most = Math.min(held, demanded);
  const found = (tokens: number, limit: FoundBatch<Bound>["limit"]): FoundBatch<Bound> => {
    const { timeNs, bound } = stepOf(Math.max(1, tokens));
    return { microBatchTokens: tokens, stepNs: timeNs, bound, limit };
  };
  const full = held <= demanded ? "memory" : "sequences";
  if (most < 1) return found(0, full);
  const fits = (tokens: number) => stepOf(tokens).timeNs <= stepNs;
  if (!fits(1)) return found(0, "time");
  if (fits(most)) return found(most, full);
  // Below one sequence a card in ones, then in full cards.
  const tokensAt = (index: number) => Math.min(most, index < cards ? index : (index - cards + 1) * cards);
  let least = 1;
  let over = most < cards ? most : Math.ceil(most / cards) + cards - 1;
  while (over - least > 1) {
    const middle = Math.floor((least + over) / 2);
    if (fits(tokensAt(middle))) least = middle;
    else over = middle;
  }
  return found(tokensAt(least), "time");
}
