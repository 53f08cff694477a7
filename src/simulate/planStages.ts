import { attentionNs } from "../theory/attentionStage.ts";
import { plainRates } from "../theory/expertParallel.ts";
import { COMBINE_BYTES, ffnNs } from "../theory/ffnStage.ts";
import { pipelineTime } from "../theory/pipeline.ts";
import { stageRates, stepTimes } from "../theory/stageTimes.ts";
import type { AfdPlan, PlainPlan, Plan, PlanQuestion } from "./planQuestion.ts";

/** What a micro-batch needs in all layers: of each stage, of the busiest link, and on its way through all. */
export interface StageSums {
  readonly attentionNs: number;
  readonly ffnNs: number;
  readonly networkNs: number;
  readonly roundTripNs: number;
}

/** The stages of a plan's step. */
export function stageSums(question: PlanQuestion, plan: Plan): StageSums {
  return plan.kind === "afd" ? afdSums(question, plan) : plainSums(question, plan);
}

function afdSums(
  { card, contextTokens, contextVariation, efficiency, linkUse }: PlanQuestion,
  { deployment, microBatchTokens }: AfdPlan,
): StageSums {
  const rates = stageRates({ card, contextTokens, contextVariation, deployment, efficiency });
  const { limitsNs } = pipelineTime([stepTimes(rates, microBatchTokens)], 1, linkUse);
  const { attention, ffn, network, roundTrip } = limitsNs;
  return { attentionNs: attention, ffnNs: ffn, networkNs: network, roundTripNs: roundTrip };
}

function plainSums(
  { card, contextTokens, contextVariation, efficiency, linkUse }: PlanQuestion,
  { deployment, microBatchTokens }: PlainPlan,
): StageSums {
  const sequences = microBatchTokens / deployment.cards;
  const sums = { attentionNs: 0, ffnNs: 0, networkNs: 0, roundTripNs: 0 };
  for (const kind of plainRates({ card, contextTokens, contextVariation, deployment, efficiency })) {
    const dispatchNs = kind.linkNsPerSequence * sequences;
    const bothNs = (1 + COMBINE_BYTES) * dispatchNs;
    const own = {
      attention: kind.layers * attentionNs(kind.attention, Math.ceil(sequences)),
      ffn: kind.layers * ffnNs(kind.ffn, sequences),
    };
    sums.attentionNs += own.attention;
    sums.ffnNs += own.ffn;
    // All cards send and receive alike: duplex links carry combine one way while dispatch goes the other.
    sums.networkNs += kind.layers * (linkUse === "shared" ? bothNs : COMBINE_BYTES * dispatchNs);
    sums.roundTripNs += own.attention + own.ffn + kind.layers * (2 * kind.latencyNs + bothNs);
  }
  return sums;
}
