import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { mean, median, quantile } from "simple-statistics";
import { type LatenessOfRun, latenessOf } from "./lateness.ts";
import { hasInput, instanceName, isStage, type MembershipLog, readyNs, type Side, sides } from "./runLog.ts";
import type { StageEntry } from "./stageLog.ts";
import { type StepTime, stepTimes } from "./stepTimes.ts";

/** What the logs of a run come to. Steps before `warmUpSteps` count nowhere. */
export interface PipelineSummary {
  /** Undefined where no counted step is over. */
  readonly tpot: TpotSummary | undefined;
  readonly instances: readonly InstanceSummary[];
  /** Share of all instances' time in which they do not compute. */
  readonly bubbleFraction: number | undefined;
  /** To FFN (a2f) and to attention (f2a); undefined where no receiver waited. */
  readonly handovers: Readonly<Record<"a2f" | "f2a", HandoverSummary | undefined>>;
  readonly lateness: LatenessOfRun;
}

/** Time per output token over steps and micro-batches. */
export interface TpotSummary {
  readonly medianNs: number;
  readonly meanNs: number;
  readonly p95Ns: number;
  readonly p99Ns: number;
  readonly steps: number;
  readonly tokensPerSecond: number;
}

export interface InstanceSummary {
  readonly side: Side;
  readonly instance: number;
  readonly name: string;
  readonly stages: number;
  /** Shares of the counted time; they add up to 1. */
  readonly busyFraction: number;
  readonly waitFraction: number;
  readonly sendingFraction: number;
  readonly idleFraction: number;
  readonly stageMedianNs: number | undefined;
  readonly stageP99Ns: number | undefined;
  /** Share of its peers' waits in which its message was the last; undefined where its side has no other. */
  readonly lastFraction: number | undefined;
  /** Other micro-batches that wait, complete, when a stage begins. */
  readonly queueMean: number | undefined;
  readonly queueMost: number;
}

/** Hand-overs to receivers that waited, from the moment that a message could be used to the receiver's beginning. */
export interface HandoverSummary {
  readonly count: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  /** Percentiles of an HDR histogram, to three digits: half of the rest is taken each time. */
  readonly percentiles: readonly { readonly percentile: number; readonly handoverNs: number }[];
}

export function summarize(logs: readonly MembershipLog[], warmUpSteps: number): PipelineSummary {
  const times = stepTimes(logs).filter(({ step }) => step >= warmUpSteps);
  const window = windowOf(times);
  const instances = sides.flatMap((side) => instancesOf(logs, side, warmUpSteps, window));
  return {
    tpot: times.length === 0 ? undefined : tpotOf(times, logs),
    instances,
    bubbleFraction: window === undefined ? undefined : 1 - mean(instances.map(({ busyFraction }) => busyFraction)),
    handovers: {
      a2f: handoversOf(logs, "ffn", warmUpSteps),
      f2a: handoversOf(logs, "attention", warmUpSteps),
    },
    lateness: latenessOf(logs, warmUpSteps),
  };
}

/** Median of each side's stages, [layer][micro-batch], over steps and instances; undefined where a stage never ran. */
export function stageMedians(
  logs: readonly MembershipLog[],
  side: Side,
  warmUpSteps: number,
): readonly (readonly (number | undefined)[])[] {
  const [first] = logs;
  if (first === undefined) return [];
  const { layers, microBatches } = first.division;
  const taken = Array.from({ length: layers }, () => microBatches.map((): number[] => []));
  for (const log of logs) {
    for (const entry of log[side].flat()) {
      if (isCounted(entry, log, warmUpSteps)) taken[entry.layer]?.[entry.microBatch]?.push(entry.endNs - entry.beginNs);
    }
  }
  return taken.map((ofLayer) => ofLayer.map((own) => (own.length === 0 ? undefined : median(own))));
}

function tpotOf(times: readonly StepTime[], [first]: readonly MembershipLog[]): TpotSummary {
  const takenNs = times.map(({ beginNs, endNs }) => endNs - beginNs);
  const perMicroBatch = Map.groupBy(times, ({ microBatch }) => microBatch);
  const tokensPerSecond = [...perMicroBatch].reduce((sum, [microBatch, own]) => {
    const { first: from, last } = first?.division.microBatches[microBatch] ?? { first: 0, last: 0 };
    const spanNs = own.reduce((total, { beginNs, endNs }) => total + endNs - beginNs, 0);
    return sum + ((last - from) * own.length * 1e9) / spanNs;
  }, 0);
  return {
    medianNs: median(takenNs),
    meanNs: mean(takenNs),
    p95Ns: quantile(takenNs, 0.95),
    p99Ns: quantile(takenNs, 0.99),
    steps: times.length,
    tokensPerSecond,
  };
}

/** A span of time. */
interface Window {
  readonly fromNs: number;
  readonly toNs: number;
}

/** While all micro-batches were in counted steps; where there was no such time, while one was. */
function windowOf(times: readonly StepTime[]): Window | undefined {
  if (times.length === 0) return undefined;
  const ends = [...Map.groupBy(times, ({ microBatch }) => microBatch).values()].map((own) => ({
    fromNs: Math.min(...own.map(({ beginNs }) => beginNs)),
    toNs: Math.max(...own.map(({ endNs }) => endNs)),
  }));
  const fromNs = ends.map((end) => end.fromNs);
  const toNs = ends.map((end) => end.toNs);
  const inner = { fromNs: Math.max(...fromNs), toNs: Math.min(...toNs) };
  return inner.toNs > inner.fromNs ? inner : { fromNs: Math.min(...fromNs), toNs: Math.max(...toNs) };
}

function instancesOf(
  logs: readonly MembershipLog[],
  side: Side,
  warmUpSteps: number,
  window: Window | undefined,
): InstanceSummary[] {
  const count = Math.max(0, ...logs.map((log) => log[side].length));
  return Array.from({ length: count }, (_, instance) => {
    const entries = logs.flatMap((log) => log[side][instance] ?? []);
    const counted = logs.flatMap((log) =>
      (log[side][instance] ?? []).filter((entry) => isCounted(entry, log, warmUpSteps)),
    );
    const takenNs = counted.map(({ beginNs, endNs }) => endNs - beginNs);
    const queued = counted.map((entry) => entry.queued);
    return {
      side,
      instance,
      name: instanceName(side, instance),
      stages: counted.length,
      ...useOf(entries, window),
      stageMedianNs: takenNs.length === 0 ? undefined : median(takenNs),
      stageP99Ns: takenNs.length === 0 ? undefined : quantile(takenNs, 0.99),
      lastFraction: count > 1 ? lastFraction(logs, side, instance, warmUpSteps) : undefined,
      queueMean: queued.length === 0 ? undefined : mean(queued),
      queueMost: Math.max(0, ...queued),
    };
  });
}

type Use = Pick<InstanceSummary, "busyFraction" | "waitFraction" | "sendingFraction" | "idleFraction">;

function useOf(entries: readonly StageEntry[], window: Window | undefined): Use {
  if (window === undefined) return { busyFraction: 0, waitFraction: 0, sendingFraction: 0, idleFraction: 1 };
  const { fromNs, toNs } = window;
  const share = (begin: (entry: StageEntry) => number, end: (entry: StageEntry) => number): number =>
    entries.reduce((sum, entry) => sum + Math.max(0, Math.min(toNs, end(entry)) - Math.max(fromNs, begin(entry))), 0) /
    (toNs - fromNs);
  const busyFraction = share(
    ({ beginNs }) => beginNs,
    ({ endNs }) => endNs,
  );
  const waitFraction = share(
    ({ waitNs }) => waitNs,
    ({ beginNs }) => beginNs,
  );
  const sendingFraction = share(
    ({ endNs }) => endNs,
    ({ sentNs }) => sentNs,
  );
  const idleFraction = Math.max(0, 1 - busyFraction - waitFraction - sendingFraction);
  return { busyFraction, waitFraction, sendingFraction, idleFraction };
}

function lastFraction(logs: readonly MembershipLog[], side: Side, instance: number, warmUpSteps: number): number {
  const peers = side === "attention" ? "ffn" : "attention";
  let waits = 0;
  let last = 0;
  for (const log of logs) {
    for (const entry of log[peers].flat()) {
      if (entry.step < warmUpSteps || !hasInput(entry, peers, log)) continue;
      waits++;
      if (entry.lastPeer === instance) last++;
    }
  }
  return waits === 0 ? 0 : last / waits;
}

function handoversOf(logs: readonly MembershipLog[], receiver: Side, warmUpSteps: number): HandoverSummary | undefined {
  const histogram: RecordableHistogram = createHistogram();
  for (const log of logs) {
    for (const entry of log[receiver].flat()) {
      if (entry.step < warmUpSteps || !hasInput(entry, receiver, log) || entry.waitNs > readyNs(entry)) continue;
      histogram.record(Math.max(1, Math.round(entry.beginNs - readyNs(entry))));
    }
  }
  if (histogram.count === 0) return undefined;
  return {
    count: histogram.count,
    medianNs: histogram.percentile(50),
    p99Ns: histogram.percentile(99),
    percentiles: [...histogram.percentiles].map(([percentile, handoverNs]) => ({ percentile, handoverNs })),
  };
}

function isCounted(entry: StageEntry, log: MembershipLog, warmUpSteps: number): boolean {
  return entry.step >= warmUpSteps && isStage(entry, log);
}
