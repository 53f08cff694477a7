import { divisionOf, type Work } from "../afd/work.ts";
import { steadyTpotNs } from "../simulate/emulatedTpot.ts";
import { clusterLinkUse, stageTransfer } from "../simulate/linkKind.ts";
import type { PipelineTimes } from "../theory/pipeline.ts";
import type { PipelineSettings } from "./pipelineSettings.ts";

/** Steps that the simulation counts at least, so that its mean over jitter is steady. */
const leastSteps = 200;

/**
 * Mean TPOT of the same deployment in the discrete-event simulation, of the same stage times, network and jitter.
 * @param times of every layer, [micro-batch][layer]
 * @returns undefined where the simulation knows no such run: micro-batches that differ, or faults
 */
export function simulatedTpotNs(
  { network, stages, seed, warmUpSteps, steps, faults, faultRate }: PipelineSettings,
  work: Work,
  times: readonly (readonly PipelineTimes[])[],
): number | undefined {
  const { attentionInstances, ffnInstances, microBatches } = divisionOf(work);
  const [layers] = times;
  const sizes = new Set(microBatches.map(({ first, last }) => last - first));
  if (layers === undefined || sizes.size !== 1 || faults !== undefined || faultRate > 0) return undefined;
  const linked = ({ a2f, f2a, ...stage }: PipelineTimes): PipelineTimes => ({
    ...stage,
    a2f: stageTransfer("a2f", a2f.attentionLinkNs, a2f.latencyNs, network.linkUse),
    f2a: stageTransfer("f2a", f2a.attentionLinkNs, f2a.latencyNs, network.linkUse),
  });
  return steadyTpotNs(
    {
      attentionInstances,
      ffnInstances,
      microBatches: microBatches.length,
      layers: network.linkUse === "pair" ? layers.map(linked) : layers,
      linkUse: clusterLinkUse(network.linkUse),
      latencyJitterNs: network.jitterNs,
      ...(stages.kind === "emulated" ? { jitter: stages.jitter } : {}),
      seed,
    },
    { steps: Math.max(leastSteps, steps), warmUpSteps },
  );
}
