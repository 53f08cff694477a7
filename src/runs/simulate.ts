import { setImmediate } from "node:timers/promises";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { SimulateDocument } from "../record/schemas.ts";
import type { SimulateRow } from "../record/simulateRows.ts";
import { type DecodeRequest, randomArrivals } from "../simulate/arrivals.ts";
import { type Cluster, clusterOf } from "../simulate/cluster.ts";
import type { DecodeLoad } from "../simulate/decodeLoad.ts";
import { ClusterEngine } from "../simulate/engine.ts";
import { expertLoads, zipfWeights } from "../simulate/expertLoad.ts";
import { type RequestOutcome, requestLoad } from "../simulate/requestLoad.ts";
import { steadyLoad } from "../simulate/steadyLoad.ts";
import { percentiles } from "../simulate/summary.ts";
import { type PipelineTimes, pipelineTime } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { recordEnvironment } from "./environment.ts";
import type { InstanceCounts, SimulateSettings, Straggler } from "./simulateSettings.ts";
import { checkCache, kvRoom, type SimulatedUse, simulatedUse, stagesOf } from "./simulateStages.ts";

/** What a run of `simulate` left. */
export interface SimulateOutcome {
  readonly document: SimulateDocument;
  /** Whether it was aborted; deployments that were done by then have their rows. */
  readonly interrupted: boolean;
}

/** Events between two looks at the clock and the signal: some tens of milliseconds. */
const EVENTS_AT_A_TIME = 50_000;
/** A shorter run says nothing while it runs. */
const SILENT_MS = 1000;

/**
 * Simulates deployments, each beside the closed form over the same stage times, best first.
 * @throws InvalidInputError on what cannot be simulated, InfeasibleError where the cache does not fit
 */
export async function simulate(settings: SimulateSettings): Promise<SimulateOutcome> {
  const use = await simulatedUse(settings);
  const rows: Unranked[] = [];
  const notes = new Set<string>();
  for (const [index, counts] of settings.deployments.entries()) {
    const deployment = deploymentOf(counts, settings, use, notes);
    const row = await rowOf(deployment, index);
    if (row === undefined) break;
    rows.push(row);
  }
  const interrupted = settings.signal.aborted;
  return {
    interrupted,
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "simulate",
      environment: recordEnvironment(),
      rows: ranked(rows),
      notes: [
        ...notesOf(settings),
        ...notes,
        ...use.notes,
        ...(interrupted ? ["Interrupted: deployments that were not done have no row."] : []),
      ],
    },
  };
}

type Unranked = Omit<SimulateRow, "rank">;

/** A deployment, ready to be simulated. */
interface Deployment {
  readonly settings: SimulateSettings;
  /** Instances before attention is scaled: those that stage times and batch are for. */
  readonly asked: InstanceCounts;
  readonly use: SimulatedUse;
  readonly cluster: Cluster;
  /** Of a layer, the mean of all. */
  readonly uncachedAttentionNs: number;
  readonly requests: readonly DecodeRequest[] | undefined;
}

function deploymentOf(
  asked: InstanceCounts,
  settings: SimulateSettings,
  use: SimulatedUse,
  notes: Set<string>,
): Deployment {
  const requests = settings.requests === undefined ? undefined : arrivalsOf(settings.requests.arrivals, settings.seed);
  const counts = requests === undefined ? asked : scaledCounts(asked, requests, settings, notes);
  const { microBatches, batch, zipfExponent, seed } = settings;
  if (batch < microBatches * counts.attentionInstances) {
    const expected = `at least a sequence for each of ${microBatches} micro-batches on ${counts.attentionInstances} attention instances`;
    throw new InvalidInputError({ field: "--batch", value: batch, expected });
  }
  checkCache(counts, settings, use);
  const { layers, uncachedAttentionNs } = stagesOf(asked, counts, settings, use);
  const experts = use.experts;
  if (zipfExponent !== undefined && experts === undefined) {
    throw new InvalidInputError({ field: "--zipf", value: zipfExponent, expected: `a model with experts` });
  }
  const cluster = clusterOf({
    ...counts,
    microBatches,
    layers,
    linkUse: settings.linkUse,
    attentionSlowdowns: slowdowns("attention", counts.attentionInstances, settings.stragglers),
    ffnSlowdowns: slowdowns("ffn", counts.ffnInstances, settings.stragglers),
    expertLoads:
      zipfExponent === undefined || experts === undefined
        ? undefined
        : expertLoads({
            weights: zipfWeights(experts, zipfExponent),
            ffnInstances: counts.ffnInstances,
            ranksPerInstance: settings.ffnCards,
            layers: layers.length,
            seed,
          }),
    jitter: settings.jitter,
    outages: settings.outages,
    seed,
  });
  return { settings, asked, use, cluster, uncachedAttentionNs, requests };
}

function arrivalsOf(
  arrivals: NonNullable<SimulateSettings["requests"]>["arrivals"],
  seed: number,
): readonly DecodeRequest[] {
  return "requests" in arrivals ? randomArrivals({ ...arrivals, seed }) : arrivals;
}

/** Attention instances in proportion to the mean context of decoded tokens, where that is asked for. */
function scaledCounts(
  counts: InstanceCounts,
  requests: readonly DecodeRequest[],
  { requests: choice, contextTokens }: SimulateSettings,
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

/** What decoding came to, of a steady batch or of requests. */
type Decoded = Pick<
  SimulateRow,
  "steps" | "tpotNs" | "tpotP50Ns" | "tpotP90Ns" | "tpotP99Ns" | "tpotLongestNs" | "tokensPerSecond"
> &
  Partial<Pick<SimulateRow, "requests" | "decodedTokens" | "meanContextTokens" | "meanSequences" | "waitP99Ns">>;

async function rowOf(deployment: Deployment, index: number): Promise<Unranked | undefined> {
  const { settings, use, cluster, requests } = deployment;
  const { load, decoded } = requests === undefined ? steady(deployment) : arriving(deployment, requests);
  const engine = new ClusterEngine(cluster, load, settings.onSlice);
  if (!(await ranToItsEnd(engine, deployment, index))) return undefined;
  const { attentionInstances, ffnInstances } = cluster;
  const attentionCards = attentionInstances * settings.attentionCards;
  const ffnCards = ffnInstances * settings.ffnCards;
  const cards = attentionCards + ffnCards;
  const results = decoded();
  const closed = pipelineTime(cluster.layers, cluster.microBatches, cluster.linkUse);
  const utilization = engine.utilization() ?? { attention: 0, ffn: 0, attentionLink: 0, ffnLink: 0 };
  const { attention, ffn } = use;
  const usdPerHour =
    attention.usdPerHour === undefined || ffn.usdPerHour === undefined
      ? undefined
      : attentionCards * attention.usdPerHour + ffnCards * ffn.usdPerHour;
  const { tpotNs, tpotP50Ns, tpotP90Ns, tpotP99Ns, tpotLongestNs, tokensPerSecond, steps, ...ofRequests } = results;
  return {
    kind: "simulated",
    model: use.card.name,
    deployment: `${attentionInstances}A${ffnInstances}F`,
    attentionInstances,
    ffnInstances,
    cards,
    attentionOn: attention.name,
    ffnOn: ffn.name,
    microBatches: cluster.microBatches,
    batch: settings.batch,
    contextTokens: settings.contextTokens,
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
    ...(usdPerHour === undefined ? {} : { usdPerMillionTokens: (usdPerHour / 3600 / tokensPerSecond) * 1e6 }),
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
    events: engine.events,
  };
}

/** @returns false where the signal came first */
async function ranToItsEnd(engine: ClusterEngine, { settings, cluster }: Deployment, index: number): Promise<boolean> {
  const { signal, onProgress, deployments } = settings;
  const started = performance.now();
  let shown = started;
  while (engine.advance(EVENTS_AT_A_TIME)) {
    await setImmediate();
    if (signal.aborted) return false;
    const now = performance.now();
    if (now - started < SILENT_MS || now - shown < SILENT_MS) continue;
    shown = now;
    const text = `${cluster.attentionInstances}A${cluster.ffnInstances}F: ${(engine.events / 1e6).toFixed(1)} M events, ${(engine.nowNs / 1e9).toFixed(2)} s simulated`;
    onProgress({ text, done: index, total: deployments.length });
  }
  return true;
}

interface Decoding {
  readonly load: DecodeLoad;
  decoded(): Decoded;
}

function steady({ settings, cluster }: Deployment): Decoding {
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

function arriving(
  { settings, asked, use, cluster, uncachedAttentionNs }: Deployment,
  requests: readonly DecodeRequest[],
): Decoding {
  const { attentionInstances, microBatches } = cluster;
  const { batch, contextTokens, requests: choice } = settings;
  const whole = meanTimes(cluster.layers);
  const sequencesPerMicroBatch = Math.floor(batch / microBatches / attentionInstances);
  const timedInstances = choice?.attentionScaling === "meanContext" ? asked.attentionInstances : attentionInstances;
  const load = requestLoad(requests, {
    attentionInstances,
    microBatches,
    sequencesPerMicroBatch,
    cachedTokensPerMicroBatch: (batch / microBatches / timedInstances) * contextTokens,
    attentionFixedShare: fixedShare("A", choice?.attentionFixedNs ?? uncachedAttentionNs, whole.attentionNs),
    ffnFixedShare: fixedShare("F", choice?.ffnFixedNs ?? whole.ffnNs, whole.ffnNs),
    kvTokensPerInstance: kvRoom(settings, use),
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

/** Rows with their ranks, the most tokens per second and card first; of equals, the one that came first. */
function ranked(rows: readonly Unranked[]): SimulateRow[] {
  return rows
    .toSorted((one, other) => other.tokensPerSecondPerCard - one.tokensPerSecondPerCard)
    .map(({ kind, ...row }, index) => ({ kind, rank: index + 1, ...row }));
}

function notesOf({ requests, stages, deployments, networkLatencyNs, linkUse }: SimulateSettings): string[] {
  return [
    requests === undefined
      ? "Simulated: full micro-batches of constant contexts; filling and draining of the pipeline are not counted. TTFT is excluded: there is no prefill."
      : "Simulated: requests join at the end of any step and leave when done, their prompts being in the cache already. TTFT is excluded from TPOT, and with it the wait for a first step.",
    `boundNs is modeled: the closed form, max(m × attention, m × FFN, m × busiest link, round trip) over all layers.`,
    ...(stages === undefined
      ? [
          "Stage times are modeled from the model's configuration and accelerators' figures, with the constants of docs/plan.md; the planner's allowance for jitter is not in them.",
        ]
      : deployments.length > 1
        ? ["The times given stand for every deployment alike, whatever its instances."]
        : []),
    ...(networkLatencyNs === 0 && stages !== undefined
      ? ["No latency was given: a transfer keeps its links busy all of its time."]
      : []),
    ...(linkUse === "shared" ? ["Both directions of a link take turns."] : []),
  ];
}
