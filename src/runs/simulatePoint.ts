import { setImmediate } from "node:timers/promises";
import type { SimulateRow } from "../record/simulateRows.ts";
import type { Slice } from "../record/slice.ts";
import { type DecodeRequest, randomArrivals } from "../simulate/arrivals.ts";
import { type Cluster, clusterOf } from "../simulate/cluster.ts";
import { ClusterEngine } from "../simulate/engine.ts";
import { expertLoads } from "../simulate/expertLoad.ts";
import { clusterLinkUse } from "../simulate/linkKind.ts";
import { pipelineTime } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { busiestContext, contextsOf } from "./contextSpread.ts";
import { popularityFor } from "./expertChoice.ts";
import { arrivingDecoding, type ReadyPoint, steadyDecoding } from "./simulateDecoding.ts";
import { checkCache } from "./simulatedCache.ts";
import { cardsOf, type SimulatedUse } from "./simulatedUse.ts";
import type { InstanceCounts, PointSettings, Straggler } from "./simulateSettings.ts";
import { stagesOf } from "./simulateStages.ts";
import { type PointFailure, pointFailure } from "./sweepOutcomes.ts";

/** A point and the model and accelerators that it is of: plain data. */
export interface PointTask {
  readonly settings: PointSettings;
  readonly use: SimulatedUse;
}

/** A row that has no rank yet. */
export type UnrankedRow = Omit<SimulateRow, "rank">;

/** What became of a point: plain data. */
export type PointOutcome =
  | { readonly status: "done"; readonly row: UnrankedRow; readonly notes: readonly string[] }
  | PointFailure;

/** What looks on while a point is simulated. */
export interface PointWatch {
  readonly signal?: AbortSignal;
  readonly onProgress?: (text: string) => void;
  readonly onSlice?: (slice: Slice) => void;
}

/** Simulates one point. */
export async function simulatePoint({ settings, use }: PointTask, watch: PointWatch = {}): Promise<PointOutcome> {
  try {
    const notes = new Set<string>();
    const row = await rowOf(readyPoint(settings, use, notes), watch);
    return row === undefined ? { status: "interrupted" } : { status: "done", row, notes: [...notes] };
  } catch (error) {
    return pointFailure(error);
  }
}

function readyPoint(settings: PointSettings, use: SimulatedUse, notes: Set<string>): ReadyPoint {
  const requests = settings.requests === undefined ? undefined : arrivalsOf(settings.requests.arrivals, settings);
  const { deployment: asked, microBatches, batch, experts, seed } = settings;
  const counts = requests === undefined ? asked : scaledCounts(asked, requests, settings, notes);
  requireSequences(batch, microBatches, counts.attentionInstances);
  checkCache(counts, settings, use);
  const stages = stagesOf(counts, settings, use);
  for (const note of stages.notes) notes.add(note);
  const { layers } = stages;
  const cluster = clusterOf({
    ...counts,
    microBatches,
    layers,
    linkUse: clusterLinkUse(settings.linkKind),
    attentionSlowdowns: slowdowns("attention", counts.attentionInstances, settings.stragglers),
    ffnSlowdowns: slowdowns("ffn", counts.ffnInstances, settings.stragglers),
    expertLoads:
      experts === undefined
        ? undefined
        : expertLoads({
            popularity: popularityFor(experts, use.card),
            ffnInstances: counts.ffnInstances,
            ranksPerInstance: settings.ffnCards,
            layers: stages.ffns,
            seed,
          }),
    jitter: settings.jitter,
    latencyJitterNs: settings.latencyJitterNs,
    outages: settings.outages,
    failures: settings.failures,
    seed,
  });
  return { settings, use, cluster, stages, requests };
}

/** @throws InvalidInputError unless each micro-batch has a sequence on each attention instance */
export function requireSequences(batch: number, microBatches: number, attentionInstances: number): void {
  if (batch >= microBatches * attentionInstances) return;
  const expected = `at least a sequence for each of ${microBatches} micro-batches on ${attentionInstances} attention instances`;
  throw new InvalidInputError({ field: "--batch", value: batch, expected });
}

function arrivalsOf(
  arrivals: NonNullable<PointSettings["requests"]>["arrivals"],
  { contextTokens, seed }: PointSettings,
): readonly DecodeRequest[] {
  return "requests" in arrivals
    ? randomArrivals({ ...arrivals, promptTokens: arrivals.promptTokens ?? contextTokens, seed })
    : arrivals;
}

/** Attention instances in proportion to the mean context of decoded tokens, where that is asked for. */
function scaledCounts(
  counts: InstanceCounts,
  requests: readonly DecodeRequest[],
  { requests: choice, contextTokens }: PointSettings,
  notes: Set<string>,
): InstanceCounts {
  if (choice?.attentionScaling !== "meanContext") return counts;
  const tokens = requests.reduce((sum, { outputTokens }) => sum + outputTokens, 0);
  const cached = requests.reduce(
    (sum, { promptTokens, outputTokens }) => sum + outputTokens * (promptTokens + (outputTokens - 1) / 2),
    0,
  );
  const factor = cached / tokens / contextTokens;
  const attentionInstances = Math.max(1, Math.ceil(counts.attentionInstances * factor - 1e-9));
  notes.add(
    `Attention instances are multiplied by the mean context over that of the stage times: ${factor.toFixed(3)}, rounded up to whole instances.`,
  );
  return { ...counts, attentionInstances };
}

function slowdowns(side: Straggler["side"], count: number, stragglers: readonly Straggler[]): number[] {
  const factors = Array.from({ length: count }, () => 1);
  for (const { side: of, instance, factor } of stragglers) {
    if (of !== side) continue;
    if (instance >= count) {
      const value = `${side === "attention" ? "A" : "F"}${instance}`;
      throw new InvalidInputError({ field: "--straggler", value, expected: `an instance from 0 to ${count - 1}` });
    }
    factors[instance] = factor;
  }
  return factors;
}

async function rowOf(point: ReadyPoint, watch: PointWatch): Promise<UnrankedRow | undefined> {
  const { settings, use, cluster, requests } = point;
  const { load, decoded } = requests === undefined ? steadyDecoding(point) : arrivingDecoding(point, requests);
  const engine = new ClusterEngine(cluster, load, watch.onSlice);
  if (!(await ranToItsEnd(engine, cluster, watch))) return undefined;
  const { attentionInstances, ffnInstances } = cluster;
  const attentionCards = attentionInstances * settings.attentionCards;
  const ffnCards = ffnInstances * settings.ffnCards;
  const cards = attentionCards + ffnCards;
  const results = decoded();
  const closed = pipelineTime(cluster.layers, cluster.microBatches, cluster.linkUse);
  const utilization = engine.utilization() ?? { attention: 0, ffn: 0, attentionLink: 0, ffnLink: 0 };
  const { attentionOn, ffnOn, usdPerHour } = cardsOf(use);
  const rentPerHour =
    usdPerHour === undefined ? undefined : attentionCards * usdPerHour.attention + ffnCards * usdPerHour.ffn;
  const { tpotNs, tpotP50Ns, tpotP90Ns, tpotP99Ns, tpotLongestNs, tokensPerSecond, steps, ...ofRequests } = results;
  return {
    kind: "simulated",
    model: use.card.name,
    deployment: `${attentionInstances}A${ffnInstances}F`,
    attentionInstances,
    ffnInstances,
    cards,
    attentionOn,
    ffnOn,
    stageTimes: point.stages.source,
    microBatches: cluster.microBatches,
    batch: settings.batch,
    contextTokens: settings.contextTokens,
    ...busiestContext(
      contextsOf(settings),
      use.efficiency,
      Math.ceil(settings.batch / cluster.microBatches / attentionCards),
    ),
    layers: cluster.layers.length,
    steps,
    seed: settings.seed,
    tpotNs,
    tpotP50Ns,
    tpotP90Ns,
    tpotP99Ns,
    tpotLongestNs,
    tokensPerSecond,
    tokensPerSecondPerCard: tokensPerSecond / cards,
    ...(rentPerHour === undefined ? {} : { usdPerMillionTokens: (rentPerHour / 3600 / tokensPerSecond) * 1e6 }),
    bound: closed.bound,
    boundNs: closed.timeNs,
    boundFraction: closed.timeNs / tpotNs,
    communicationHidden: closed.communicationHidden,
    attentionUtilization: utilization.attention,
    ffnUtilization: utilization.ffn,
    attentionLinkUtilization: utilization.attentionLink,
    ffnLinkUtilization: utilization.ffnLink,
    bubbleFraction: 1 - (attentionCards * utilization.attention + ffnCards * utilization.ffn) / cards,
    ...ofRequests,
    ...(fails(cluster) ? { outages: engine.outages } : {}),
    events: engine.events,
  };
}

function fails({ outages, failures }: Cluster): boolean {
  return outages.length > 0 || failures.attention !== undefined || failures.ffn !== undefined;
}

/** Events between two looks at the clock and the signal: some tens of milliseconds. */
const EVENTS_AT_A_TIME = 50_000;

/** @returns false where the signal came first */
async function ranToItsEnd(
  engine: ClusterEngine,
  { attentionInstances, ffnInstances }: Cluster,
  { signal, onProgress }: PointWatch,
): Promise<boolean> {
  while (engine.advance(EVENTS_AT_A_TIME)) {
    await setImmediate();
    if (signal?.aborted === true) return false;
    onProgress?.(
      `${attentionInstances}A${ffnInstances}F: ${(engine.events / 1e6).toFixed(1)} M events, ${(engine.nowNs / 1e9).toFixed(2)} s simulated`,
    );
  }
  return true;
}
