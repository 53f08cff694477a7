import type { SimulateRow } from "../record/simulateRows.ts";
import type { DecodeRequest } from "../simulate/arrivals.ts";
import type { Cluster } from "../simulate/cluster.ts";
import type { DecodeLoad } from "../simulate/decodeLoad.ts";
import { type RequestOutcome, requestLoad } from "../simulate/requestLoad.ts";
import { steadyLoad } from "../simulate/steadyLoad.ts";
import { percentiles } from "../simulate/summary.ts";
import { type PipelineTimes, pipelineTime } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { kvRoomTokens } from "./simulatedCache.ts";
import type { SimulatedUse } from "./simulatedUse.ts";
import type { PointSettings } from "./simulateSettings.ts";
import type { Stages } from "./simulateStages.ts";

/** A point, ready to be simulated. */
export interface ReadyPoint {
  readonly settings: PointSettings;
  readonly use: SimulatedUse;
  readonly cluster: Cluster;
  readonly stages: Stages;
  readonly requests: readonly DecodeRequest[] | undefined;
}

/** What decoding came to, of a steady batch or of requests. */
export type Decoded = Pick<
  SimulateRow,
  "steps" | "tpotNs" | "tpotP50Ns" | "tpotP90Ns" | "tpotP99Ns" | "tpotLongestNs" | "tokensPerSecond"
> &
  Partial<Pick<SimulateRow, "requests" | "decodedTokens" | "meanContextTokens" | "meanSequences" | "waitP99Ns">>;

/** A load, and what it came to once it has been simulated. */
export interface Decoding {
  readonly load: DecodeLoad;
  decoded(): Decoded;
}

/** Full micro-batches of constant contexts. */
export function steadyDecoding({ settings, cluster }: ReadyPoint): Decoding {
  const load = steadyLoad(cluster, settings);
  return {
    load,
    decoded() {
      const stepsNs = load.stepsNs();
      const tpotNs = load.tpotNs();
      return {
        steps: stepsNs.length,
        tpotNs,
        ...percentileKeys(stepsNs),
        tokensPerSecond: (settings.batch / tpotNs) * 1e9,
      };
    },
  };
}

/** Requests that come and go. */
export function arrivingDecoding(
  { settings, use, cluster, stages }: ReadyPoint,
  requests: readonly DecodeRequest[],
): Decoding {
  const { attentionInstances, microBatches } = cluster;
  const { deployment: asked, batch, contextTokens, requests: choice } = settings;
  const whole = meanTimes(cluster.layers);
  const sequencesPerMicroBatch = Math.floor(batch / microBatches / attentionInstances);
  const timedInstances = choice?.attentionScaling === "meanContext" ? asked.attentionInstances : attentionInstances;
  const load = requestLoad(requests, {
    attentionInstances,
    microBatches,
    sequencesPerMicroBatch,
    cachedTokensPerMicroBatch: (batch / microBatches / timedInstances) * contextTokens,
    attentionFixedShare: fixedShare("A", choice?.attentionFixedNs ?? stages.uncachedAttentionNs, whole.attentionNs),
    ffnFixedShare: fixedShare("F", choice?.ffnFixedNs ?? whole.ffnNs, whole.ffnNs),
    kvTokensPerInstance: kvRoomTokens(settings, use),
    retryNs: pipelineTime(cluster.layers, microBatches, cluster.linkUse).timeNs / microBatches,
  });
  return { load, decoded: () => decodedOf(load.outcome(), requests.length) };
}

/** Attention and FFN of a layer, the mean of all. */
function meanTimes(layers: readonly PipelineTimes[]): Pick<PipelineTimes, "attentionNs" | "ffnNs"> {
  const mean = (ofLayer: (layer: PipelineTimes) => number) =>
    layers.reduce((total, layer) => total + ofLayer(layer), 0) / layers.length;
  return { attentionNs: mean(({ attentionNs }) => attentionNs), ffnNs: mean(({ ffnNs }) => ffnNs) };
}

function fixedShare(name: string, fixedNs: number, wholeNs: number): number {
  if (fixedNs <= wholeNs) return wholeNs === 0 ? 1 : fixedNs / wholeNs;
  const expected = `at most the whole time, ${wholeNs} ns`;
  throw new InvalidInputError({ field: `--fixed ${name}`, value: `${fixedNs} ns`, expected });
}

function decodedOf(outcome: RequestOutcome, requests: number): Decoded {
  const { stepsNs, stepTokens, decodedTokens, spanNs, waitsNs, meanContextTokens } = outcome;
  const weightedNs = stepsNs.reduce((sum, stepNs, index) => sum + stepNs * (stepTokens[index] ?? 0), 0);
  return {
    steps: stepsNs.length,
    tpotNs: weightedNs / decodedTokens,
    ...percentileKeys(stepsNs, stepTokens),
    tokensPerSecond: (decodedTokens / spanNs) * 1e9,
    requests,
    decodedTokens,
    meanContextTokens,
    meanSequences: weightedNs / spanNs,
    waitP99Ns: percentiles(waitsNs).p99,
  };
}

function percentileKeys(stepsNs: readonly number[], weights?: readonly number[]) {
  const { p50, p90, p99, longest } = percentiles(stepsNs, weights);
  return { tpotP50Ns: p50, tpotP90Ns: p90, tpotP99Ns: p99, tpotLongestNs: longest };
}
