import { messageSizes } from "../afd/messageSizes.ts";
import { type Network, occupiedNs } from "../afd/network.ts";
import type { MembershipLog } from "../afd/runLog.ts";
import { stageMedians } from "../afd/summary.ts";
import { divisionOf, type Work } from "../afd/work.ts";
import { type PipelineTime, type PipelineTimes, type TransferTimes, unevenPipelineTime } from "../theory/pipeline.ts";

/** The closed form of a run's times, filling and draining left out. */
export function pipelineBound(
  times: readonly (readonly PipelineTimes[])[],
  { linkUse }: Network,
): PipelineTime {
  return unevenPipelineTime(times, linkUse === "shared" ? "shared" : "duplex");
}

/**
 * Times of every layer, [micro-batch][layer], without jitter and stragglers: of emulated stages those given, else the medians that
 * the run's own stages took; and of the emulated network.
 * @returns undefined where a stage never ran
 */
export function pipelineTimes(
  work: Work,
  network: Network,
  logs: readonly MembershipLog[],
  warmUpSteps: number,
): readonly (readonly PipelineTimes[])[] | undefined {
  const { layers, microBatches } = divisionOf(work);
  const stageNs = stageTimesOf(work, logs, warmUpSteps);
  const transfer = transfersOf(work, network);
  const times: PipelineTimes[][] = [];
  for (const microBatch of microBatches.keys()) {
    const ofMicroBatch: PipelineTimes[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const attentionNs = stageNs("attention", layer, microBatch);
      const ffnNs = stageNs("ffn", layer, microBatch);
      if (attentionNs === undefined || ffnNs === undefined) return undefined;
      const a2f = transfer("a2f", microBatch, layer);
      ofMicroBatch.push({ attentionNs, ffnNs, a2f, f2a: transfer("f2a", microBatch, layer) });
    }
    times.push(ofMicroBatch);
  }
  return times;
}

type StageNs = (side: "attention" | "ffn", layer: number, microBatch: number) => number | undefined;

function stageTimesOf(work: Work, logs: readonly MembershipLog[], warmUpSteps: number): StageNs {
  if (work.kind === "emulated") {
    const { attentionNs, ffnNs } = work.emulated;
    return (side) => (side === "attention" ? attentionNs : ffnNs);
  }
  const medians = {
    attention: stageMedians(logs, "attention", warmUpSteps),
    ffn: stageMedians(logs, "ffn", warmUpSteps),
  };
  return (side, layer, microBatch) => medians[side][layer]?.[microBatch];
}

/** How long messages keep the busiest link of each side busy; with a link for every pair, that of the largest message. */
function transfersOf(
  work: Work,
  network: Network,
): (direction: "a2f" | "f2a", microBatch: number, layer: number) => TransferTimes {
  const { attentionInstances, ffnInstances } = divisionOf(work);
  const sizes = messageSizes(work);
  const attention = Array.from({ length: attentionInstances }, (_, instance) => instance);
  const ffn = Array.from({ length: ffnInstances }, (_, instance) => instance);
  const { latencyNs, linkUse } = network;
  return (direction, microBatch, layer) => {
    const bytes = (one: number, other: number): number => sizes(direction, one, other, microBatch, layer);
    if (linkUse === "pair") {
      const most = largest(attention.map((one) => largest(ffn.map((other) => bytes(one, other)))));
      const pairNs = occupiedNs(network, most);
      return { latencyNs, attentionLinkNs: pairNs, ffnLinkNs: pairNs };
    }
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    const attentionBytes = largest(attention.map((one) => sum(ffn.map((other) => bytes(one, other)))));
    const ffnBytes = largest(ffn.map((other) => sum(attention.map((one) => bytes(one, other)))));
    return {
      latencyNs,
      attentionLinkNs: occupiedNs(network, attentionBytes),
      ffnLinkNs: occupiedNs(network, ffnBytes),
    };
  };
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
