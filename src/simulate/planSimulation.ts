import { stageRates, stageTimes } from "../theory/stageTimes.ts";
import { clusterOf } from "./cluster.ts";
import { ClusterEngine } from "./engine.ts";
import type { AfdPlan, PlanQuestion } from "./planQuestion.ts";
import { steadyLoad } from "./steadyLoad.ts";

/** Steps of each micro-batch that are counted, after as many in which the pipeline settles. */
const STEPS = 6;

const EVENTS_AT_A_TIME = 100_000;

/** TPOT of a plan by discrete-event simulation of its instances and links, with the same allowance for jitter. */
export function simulatedTpotNs(
  { card, contextTokens, contextVariation, efficiency, linkUse }: PlanQuestion,
  { deployment, microBatches, microBatchTokens }: AfdPlan,
): number {
  const cluster = clusterOf({
    attentionInstances: deployment.attention.instances,
    ffnInstances: deployment.ffn.instances,
    microBatches,
    linkUse,
    layers: stageTimes(stageRates({ card, contextTokens, contextVariation, deployment, efficiency }), microBatchTokens),
  });
  const load = steadyLoad(cluster, { steps: STEPS, warmUpSteps: STEPS });
  const engine = new ClusterEngine(cluster, load);
  while (engine.advance(EVENTS_AT_A_TIME));
  return load.tpotNs() + efficiency.jitterNs;
}
