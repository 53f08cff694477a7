import { type PlainBound, type PlainLayerRates, plainStepTime } from "../theory/expertParallel.ts";
import { type PipelineBound, type PipelineTime, pipelineTime } from "../theory/pipeline.ts";
import { layerTimes, repeated, type StageRates } from "../theory/stageTimes.ts";

/** What a batch must stay within. */
export interface BatchLimits {
  /** Of a step, allowances taken off. */
  readonly stepNs: number;
  /** Sequences that the memory of a card holds. */
  readonly sequencesPerCard: number;
}

/** The largest batch of a deployment and the step that it gives. */
export interface FoundBatch<Bound> {
  /** Of one card that does attention, in one micro-batch; 0 where not even one sequence can be served. */
  readonly sequences: number;
  readonly stepNs: number;
  /** What a step waits for. */
  readonly bound: Bound;
  /** Whether one more sequence would be too slow, or more than memory holds. */
  readonly limit: "time" | "memory";
}

/** More on one card in one micro-batch is no decode step. */
const MOST_SEQUENCES = 2 ** 20;

/** A step of AFD with so many sequences on each attention card in each micro-batch. */
export function afdStepTime(rates: StageRates, sequences: number, microBatches: number): PipelineTime {
  const tokens = sequences * rates.attentionCards;
  const kinds = rates.kinds.map((kind) => repeated(layerTimes(kind, rates.attentionCards, tokens), kind.layers));
  return pipelineTime(kinds, microBatches, "shared");
}

/** The largest batch of AFD: more tokens in a step never make it faster, and never give fewer tokens a second. */
export function largestAfdBatch(
  rates: StageRates,
  microBatches: number,
  limits: BatchLimits,
): FoundBatch<PipelineBound> {
  return largest(limits, microBatches, (sequences) => afdStepTime(rates, sequences, microBatches));
}

/** The largest batch of a plain deployment. */
export function largestPlainBatch(
  rates: readonly PlainLayerRates[],
  microBatches: number,
  limits: BatchLimits,
): FoundBatch<PlainBound> {
  return largest(limits, microBatches, (sequences) => plainStepTime(rates, sequences, microBatches));
}

function largest<Bound>(
  { stepNs, sequencesPerCard }: BatchLimits,
  microBatches: number,
  stepOf: (sequences: number) => { readonly timeNs: number; readonly bound: Bound },
): FoundBatch<Bound> {
  const most = Math.min(MOST_SEQUENCES, Math.floor(sequencesPerCard / microBatches));
  const found = (sequences: number, limit: "time" | "memory"): FoundBatch<Bound> => {
    const { timeNs, bound } = stepOf(Math.max(1, sequences));
    return { sequences, stepNs: timeNs, bound, limit };
  };
  if (most < 1) return found(0, "memory");
  if (stepOf(1).timeNs > stepNs) return found(0, "time");
  if (stepOf(most).timeNs <= stepNs) return found(most, "memory");
  let fits = 1;
  let slow = most;
  while (slow - fits > 1) {
    const middle = Math.floor((fits + slow) / 2);
    if (stepOf(middle).timeNs <= stepNs) fits = middle;
    else slow = middle;
  }
  return found(fits, "time");
}
