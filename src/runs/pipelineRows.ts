import { median } from "simple-statistics";
import type { Lateness } from "../afd/lateness.ts";
import { messageSizes } from "../afd/messageSizes.ts";
import type { PipelineRun } from "../afd/pipeline.ts";
import { instanceName, type MembershipLog } from "../afd/runLog.ts";
import { type PipelineSummary, summarize, type TpotSummary } from "../afd/summary.ts";
import { batchOf, type Division, divisionOf, type Work } from "../afd/work.ts";
import type {
  PipelineHandoverRow,
  PipelineInstanceRow,
  PipelineLinkRow,
  PipelineRow,
  PipelineRunRow,
} from "../record/pipelineRows.ts";
import { pipelineBound, pipelineTimes } from "./pipelineBound.ts";
import { expertLoad } from "./pipelineExperts.ts";
import type { PipelineModel } from "./pipelineModel.ts";
import type { PipelineSettings } from "./pipelineSettings.ts";
import { simulatedTpotNs } from "./pipelineSimulated.ts";

/** A share of TPOT that an instance or link is to be later by than its like before it is called a straggler. */
const stragglerShare = 0.02;

/**
 * Rows of one run.
 * @param model undefined where stages are emulated
 * @param bitEqual undefined: not compared
 */
export function pipelineRows(
  settings: PipelineSettings,
  work: Work,
  model: PipelineModel | undefined,
  run: PipelineRun,
  bitEqual: boolean | undefined,
): readonly PipelineRow[] {
  const division = divisionOf(work);
  const logs = logsOf(run);
  const status = statusOf(run, bitEqual);
  const shared = { kind: "measured" as const, ...deploymentOf(division) };
  const runRow: PipelineRunRow = {
    row: "run",
    kind: "measured",
    status,
    ...deploymentOf(division),
    attentionInstances: division.attentionInstances,
    ffnInstances: division.ffnInstances,
    threadsPerInstance: settings.threadsPerInstance,
    batch: batchOf(division),
    microBatchSizes: division.microBatches.map(({ first, last }) => last - first).join(","),
    layers: division.layers,
    steps: division.steps,
    warmUpSteps: settings.warmUpSteps,
    emulated: work.kind === "emulated",
    ...modelOf(settings, work, model),
    wire: settings.wire,
    linkUse: settings.network.linkUse,
    seed: settings.seed,
    ...expertLoad(work, run),
    ...bytesPerStep(work),
    ...(bitEqual === undefined ? {} : { bitEqual }),
    ...faultCounts(run),
  };
  if (status === "failedCheck" || status === "unrecoverable") return [runRow];
  const summary = summarize(logs, settings.warmUpSteps);
  return [
    { ...runRow, ...timesOf(settings, work, logs, summary) },
    ...summary.instances.map((instance) => instanceRow(shared, instance, summary, run)),
    ...linkRows(shared, work, summary, logs, settings.warmUpSteps),
    ...handoverRows(shared, summary),
  ];
}

/** What the instances of all memberships of a run noted. */
function logsOf({ memberships }: PipelineRun): readonly MembershipLog[] {
  return memberships.map(({ membership, result }) => ({ ...membership, ...result }));
}

function modelOf({ stages }: PipelineSettings, work: Work, model: PipelineModel | undefined): Partial<PipelineRunRow> {
  if (stages.kind === "emulated" || work.kind === "emulated" || model === undefined) return {};
  const { kvTokens } = work.decode;
  const { ffnParallel, weightDtype, kvDtype, messages } = stages;
  return {
    model: model.name,
    contextTokens: kvTokens.reduce((sum, tokens) => sum + tokens, 0) / kvTokens.length,
    ffnParallel: ffnParallel.kind === "tp+ep" ? `tp${ffnParallel.tensorParallel}+ep` : ffnParallel.kind,
    weightDtype,
    kvDtype,
    a2fFormat: messages.a2f,
    f2aFormat: messages.f2a,
  };
}

type Shared = Pick<PipelineRunRow, "kind" | "deployment" | "microBatches">;

function deploymentOf({ attentionInstances, ffnInstances, microBatches }: Division) {
  return { deployment: `${attentionInstances}A${ffnInstances}F`, microBatches: microBatches.length };
}

function statusOf(run: PipelineRun, bitEqual: boolean | undefined): PipelineRunRow["status"] {
  if (bitEqual === false) return "failedCheck";
  if (run.unrecoverable !== undefined) return "unrecoverable";
  return run.interrupted ? "interrupted" : "ok";
}

function bytesPerStep(work: Work): Pick<PipelineRunRow, "a2fBytesPerStep" | "f2aBytesPerStep"> {
  const { attentionInstances, ffnInstances } = divisionOf(work);
  const sum = (direction: "a2f" | "f2a"): number => {
    let bytes = 0;
    const pair = pairBytes(work, direction);
    for (let attention = 0; attention < attentionInstances; attention++)
      for (let ffn = 0; ffn < ffnInstances; ffn++) bytes += pair(attention, ffn);
    return bytes;
  };
  return { a2fBytesPerStep: sum("a2f"), f2aBytesPerStep: sum("f2a") };
}

/** Bytes that two instances exchange in one direction in a step. */
function pairBytes(work: Work, direction: "a2f" | "f2a"): (attention: number, ffn: number) => number {
  const { layers, microBatches } = divisionOf(work);
  const sizes = messageSizes(work);
  return (attention, ffn) => {
    let bytes = 0;
    for (const microBatch of microBatches.keys())
      for (let layer = 0; layer < layers; layer++) bytes += sizes(direction, attention, ffn, microBatch, layer);
    return bytes;
  };
}

function faultCounts(run: PipelineRun) {
  const injected = run.fired.filter(Boolean).length;
  const sum = (of: (result: PipelineRun["memberships"][number]["result"]) => number): number =>
    run.memberships.reduce((total, { result }) => total + of(result), 0);
  return {
    faultsInjected: injected,
    faultsRecovered: run.unrecoverable === undefined && !run.interrupted ? injected : 0,
    restarts: sum(({ restarts }) => restarts.length),
    resends: sum(({ resends }) => resends),
    duplicates: sum(({ duplicates }) => duplicates),
    corrupted: sum(({ corrupted }) => corrupted),
  };
}

/** What was timed, beside the closed form; nothing where no counted step is over. */
function timesOf(
  settings: PipelineSettings,
  work: Work,
  logs: readonly MembershipLog[],
  summary: PipelineSummary,
): Partial<PipelineRunRow> {
  const { tpot, bubbleFraction, handovers, lateness, instances } = summary;
  if (tpot === undefined) return {};
  const { network, warmUpSteps } = settings;
  const times = pipelineTimes(work, network, logs, warmUpSteps);
  const closed = times === undefined ? undefined : pipelineBound(times, network);
  const simulatedNs = times === undefined ? undefined : simulatedTpotNs(settings, work, times);
  const usual = (side: "attention" | "ffn") =>
    medianOf(instances.flatMap((each) => (each.side === side ? (each.stageMedianNs ?? []) : [])));
  const latest = stragglerOf(summary, tpot);
  const all = [handovers.a2f, handovers.f2a].filter((each) => each !== undefined);
  const queues = instances.flatMap(({ queueMean }) => queueMean ?? []);
  return {
    tpotNs: tpot.medianNs,
    tpotMeanNs: tpot.meanNs,
    tpotP95Ns: tpot.p95Ns,
    tpotP99Ns: tpot.p99Ns,
    ...(closed === undefined
      ? {}
      : {
          boundNs: closed.timeNs,
          bound: closed.bound,
          boundFraction: closed.timeNs / tpot.medianNs,
          lossNs: tpot.meanNs - closed.timeNs,
        }),
    ...(simulatedNs === undefined
      ? {}
      : { simulatedTpotNs: simulatedNs, simulatedErrorFraction: simulatedNs / tpot.meanNs - 1 }),
    attentionLateNs: lateness.perStepNs.attention,
    a2fLateNs: lateness.perStepNs.a2f,
    ffnLateNs: lateness.perStepNs.ffn,
    f2aLateNs: lateness.perStepNs.f2a,
    ...(latest === undefined ? {} : { straggler: latest }),
    ...defined("attentionStageNs", usual("attention")),
    ...defined("ffnStageNs", usual("ffn")),
    tokensPerSecond: tpot.tokensPerSecond,
    ...defined("bubbleFraction", bubbleFraction),
    ...(all.length === 0
      ? {}
      : {
          handoverMedianNs: medianOf(all.map(({ medianNs }) => medianNs)) as number,
          handoverP99Ns: Math.max(...all.map(({ p99Ns }) => p99Ns)),
        }),
    ...defined("queueMean", queues.length === 0 ? undefined : queues.reduce((sum, each) => sum + each) / queues.length),
  };
}

/** The instance or link that was late by more than its like: lateness that all share alike is jitter, and names nobody. */
function stragglerOf({ lateness }: PipelineSummary, tpot: TpotSummary): string | undefined {
  const isLink = ({ part }: Lateness): boolean => part === "a2f" || part === "f2a";
  const all = [...lateness.byName.values()].map((each) => ({
    ...each,
    perStepNs: (each.lateNs * each.count) / tpot.steps,
  }));
  const excess = all.map((each) => {
    const like = all.filter((other) => isLink(other) === isLink(each)).map(({ perStepNs }) => perStepNs);
    return { name: each.name, excessNs: each.perStepNs - (medianOf(like) ?? 0) };
  });
  const most = excess.reduce<{ name: string; excessNs: number } | undefined>(
    (latest, each) => (latest === undefined || each.excessNs > latest.excessNs ? each : latest),
    undefined,
  );
  return most !== undefined && most.excessNs >= stragglerShare * tpot.meanNs ? most.name : undefined;
}

function instanceRow(
  shared: Shared,
  instance: PipelineSummary["instances"][number],
  { lateness }: PipelineSummary,
  run: PipelineRun,
): PipelineInstanceRow {
  const late = lateness.byName.get(instance.name);
  const restarts = run.memberships.flatMap(({ result }) => result.restarts);
  return {
    row: "instance",
    ...shared,
    instance: instance.name,
    stages: instance.stages,
    busyFraction: instance.busyFraction,
    waitFraction: instance.waitFraction,
    sendingFraction: instance.sendingFraction,
    idleFraction: instance.idleFraction,
    ...defined("stageMedianNs", instance.stageMedianNs),
    ...defined("stageP99Ns", instance.stageP99Ns),
    ...(late === undefined ? {} : { lateNs: late.lateNs, lateMostNs: late.lateMostNs }),
    ...defined("lastFraction", instance.lastFraction),
    ...defined("queueMean", instance.queueMean),
    queueMost: instance.queueMost,
    restarts: restarts.filter(({ side, instance: at }) => instanceName(side, at) === instance.name).length,
  };
}

function linkRows(
  shared: Shared,
  work: Work,
  { lateness }: PipelineSummary,
  logs: readonly MembershipLog[],
  warmUpSteps: number,
): PipelineLinkRow[] {
  const { attentionInstances, ffnInstances, layers, microBatches } = divisionOf(work);
  return (["a2f", "f2a"] as const).flatMap((direction) => {
    const bytesOf = pairBytes(work, direction);
    const receiver = direction === "a2f" ? ("ffn" as const) : ("attention" as const);
    return Array.from({ length: attentionInstances }, (_, attention) => attention).flatMap((attention) =>
      Array.from({ length: ffnInstances }, (_, ffn): PipelineLinkRow => {
        const ends = [instanceName("attention", attention), instanceName("ffn", ffn)] as const;
        const [from, to] = direction === "a2f" ? ends : ([ends[1], ends[0]] as const);
        const late = lateness.byName.get(`${from} to ${to}`);
        const bytes = bytesOf(attention, ffn);
        const waits = waitsOf(logs, receiver, direction === "a2f" ? ffn : attention, warmUpSteps);
        return {
          row: "link",
          ...shared,
          direction,
          from,
          to,
          bytesPerMessage: bytes / layers / microBatches.length,
          bytesPerStep: bytes,
          lastFraction: waits === 0 ? 0 : (late?.count ?? 0) / waits,
          ...(late === undefined
            ? {}
            : { transferMedianNs: late.medianNs, lateNs: late.lateNs, lateMostNs: late.lateMostNs }),
        };
      }),
    );
  });
}

function waitsOf(
  logs: readonly MembershipLog[],
  receiver: "attention" | "ffn",
  instance: number,
  warmUpSteps: number,
): number {
  const entries = logs.flatMap((log) => log[receiver][instance] ?? []);
  return entries.filter(({ step, lastPeer }) => step >= warmUpSteps && lastPeer >= 0).length;
}

function handoverRows(shared: Shared, { handovers }: PipelineSummary): PipelineHandoverRow[] {
  return (["a2f", "f2a"] as const).flatMap((direction) => {
    const summary = handovers[direction];
    if (summary === undefined) return [];
    const { count, percentiles } = summary;
    return percentiles.map(
      (point): PipelineHandoverRow => ({ row: "handover", ...shared, direction, ...point, count }),
    );
  });
}

function medianOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : median([...values]);
}

/** A key, where it has a value. */
function defined<Key extends string>(key: Key, value: number | undefined): { readonly [K in Key]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: number });
}
