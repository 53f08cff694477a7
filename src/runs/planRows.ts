import { moeOf } from "../model/moe.ts";
import type { CutPlanRow, DeploymentPlanRow, FrontPlanRow, PlanRow, TurnPlanRow } from "../record/planRows.ts";
import type { PlanAnswer, RankedPlan, Turn } from "../simulate/plan.ts";
import { CUTS, type Plan, type PlanQuestion } from "../simulate/planQuestion.ts";
import { stageSums } from "../simulate/planStages.ts";
import { plainHottestExpertLoad } from "../theory/expertParallel.ts";
import { hottestExpertLoad } from "../theory/ffnStage.ts";
import { formatPercent } from "../units/format.ts";
import { busiestContext, type ContextKeys } from "./contextSpread.ts";
import { deploymentName } from "./planNames.ts";

/** An answer as rows: deployments, what bounds cut, what would turn the choice, and the front. */
export function planRows(question: PlanQuestion, answer: PlanAnswer): PlanRow[] {
  const place = placeFor(question);
  const [best] = answer.ranked;
  if (best === undefined) throw new Error("an answer without deployments");
  return [
    ...answer.ranked.map((ranked, index) => deploymentRow(place, question, ranked, index + 1, best.plan)),
    ...CUTS.map((bound): CutPlanRow => {
      const considered = answer.search.deployments;
      return { row: "cut", ...place, bound, deployments: answer.search.cuts[bound], considered };
    }),
    ...answer.turns.map((turn) => turnRow(place, turn)),
    ...answer.front.map(({ plan, onParetoFront }): FrontPlanRow => {
      const { cards, tpotNs, usdPerMillionTokens } = plan;
      return { row: "front", ...place, ...placeOf(plan), cards, tpotNs, usdPerMillionTokens, onParetoFront };
    }),
  ];
}

type Place = Pick<DeploymentPlanRow, "kind" | "model" | "contextTokens" | "tpotLimitNs" | "maxCards" | "sequences">;

/** What tells the rows of one question from those of another. */
function placeFor({ card, contextTokens, tpotNs, maxCards, sequences }: PlanQuestion): Place {
  const place = { kind: "modeled", model: card.name, contextTokens, tpotLimitNs: tpotNs, maxCards } as const;
  return sequences === undefined ? place : { ...place, sequences };
}

function deploymentRow(
  place: Place,
  question: PlanQuestion,
  { plan, comparison, simulatedTpotNs }: RankedPlan,
  rank: number,
  best: Plan,
): DeploymentPlanRow {
  const { cards, microBatches, microBatchTokens, batch, tpotNs, tokensPerSecond, usdPerMillionTokens } = plan;
  const sums = stageSums(question, plan);
  const plain = comparison?.plain;
  return {
    row: "deployment",
    ...place,
    rank,
    ...placeOf(plan),
    cards,
    ...layoutOf(plan),
    ...hottestOf(plan, question),
    ...busiestOf(plan, question),
    microBatches,
    microBatchTokens,
    batch,
    tpotNs,
    ...(simulatedTpotNs === undefined ? {} : { simulatedTpotNs }),
    tokensPerSecond,
    tokensPerSecondPerCard: tokensPerSecond / cards,
    usdPerMillionTokens,
    bound: plan.bound,
    limit: plan.limit,
    ...sums,
    ...(plain === undefined || comparison?.gainFraction === undefined
      ? {}
      : {
          plainDeployment: deploymentName(plain),
          plainTokensPerSecondPerCard: plain.tokensPerSecond / plain.cards,
          plainUsdPerMillionTokens: plain.usdPerMillionTokens,
          gainFraction: comparison.gainFraction,
        }),
    reason: reasonOf(plan, sums, best, question),
  };
}

function placeOf(plan: Plan): Pick<DeploymentPlanRow, "placement" | "deployment" | "attentionOn" | "ffnOn"> {
  const deployment = deploymentName(plan);
  if (plan.kind === "plain") {
    const { name } = plan.deployment.accelerator;
    return { placement: "plain", deployment, attentionOn: name, ffnOn: name };
  }
  const { attention, ffn } = plan.deployment;
  return { placement: "afd", deployment, attentionOn: attention.accelerator.name, ffnOn: ffn.accelerator.name };
}

function layoutOf(
  plan: Plan,
): Pick<
  DeploymentPlanRow,
  | "attentionInstances"
  | "attentionInstanceCards"
  | "ffnInstances"
  | "ffnInstanceCards"
  | "parallelism"
  | "redundantExperts"
  | "attentionPrecision"
> {
  if (plan.kind === "plain") {
    const { parallelism, redundantExperts, precision } = plan.deployment;
    return { parallelism, redundantExperts, attentionPrecision: precision };
  }
  const { attention, ffn } = plan.deployment;
  return {
    attentionInstances: attention.instances,
    attentionInstanceCards: attention.cards,
    ffnInstances: ffn.instances,
    ffnInstanceCards: ffn.cards,
    parallelism: ffn.parallelism,
    redundantExperts: ffn.redundantExperts,
    attentionPrecision: attention.precision,
  };
}

/** Of models with experts. */
function hottestOf(plan: Plan, { card, efficiency }: PlanQuestion): Pick<DeploymentPlanRow, "hottestExpertLoad"> {
  if (moeOf(card) === undefined) return {};
  return {
    hottestExpertLoad:
      plan.kind === "plain"
        ? plainHottestExpertLoad(plan.deployment, efficiency)
        : hottestExpertLoad(plan.deployment.ffn, efficiency),
  };
}

function busiestOf(plan: Plan, question: PlanQuestion): ContextKeys {
  const attention = plan.kind === "plain" ? { ...plan.deployment, instances: 1 } : plan.deployment.attention;
  const cards = attention.instances * attention.cards;
  return busiestContext(question, question.efficiency, Math.ceil(plan.microBatchTokens / cards));
}

const BOUNDS: Readonly<Record<Plan["bound"], string>> = {
  attention: "attention",
  ffn: "FFN",
  network: "the network",
  roundTrip: "the round trip",
  compute: "computing",
};

/** What a step waits for, how busy its stages are, and how much more a token costs than that of the best. */
function reasonOf(
  plan: Plan,
  { attentionNs, ffnNs, networkNs }: ReturnType<typeof stageSums>,
  best: Plan,
  { objective, efficiency }: PlanQuestion,
): string {
  const stepNs = plan.tpotNs - efficiency.jitterNs;
  const busy = (ns: number) => formatPercent(Math.min(1, (plan.microBatches * ns) / stepNs), 2);
  const stages =
    plan.kind === "afd"
      ? `attention ${busy(attentionNs)}, FFN ${busy(ffnNs)}, network ${busy(networkNs)} of the step`
      : `cards ${busy(attentionNs + ffnNs)}, network ${busy(networkNs)} of the step`;
  const waits = `${BOUNDS[plan.bound]} binds${plan.limit === "time" ? "" : `, ${plan.limit === "memory" ? "memory is full" : "no more sequences"}`}`;
  const text = `${waits}: ${stages}`;
  if (plan === best) return text;
  switch (objective) {
    case "cost":
      return `+${formatPercent(plan.usdPerMillionTokens / best.usdPerMillionTokens - 1, 2)} a token; ${text}`;
    case "throughput":
      return `-${formatPercent(1 - plan.tokensPerSecond / best.tokensPerSecond, 2)} tokens/s; ${text}`;
    case "cards":
      return `+${plan.cards - best.cards} cards; ${text}`;
  }
}

function turnRow(place: Place, { lever, factor, value, gainFraction }: Turn): TurnPlanRow {
  if (factor === undefined || value === undefined || gainFraction === undefined)
    return { row: "turn", ...place, lever };
  const winner = gainFraction > 0 ? "afd" : "plain";
  return { row: "turn", ...place, lever, factor, value, winner, gainFraction };
}
