import { max, median } from "simple-statistics";
import { hasInput, instanceName, isStage, type MembershipLog, readyNs, type Side } from "./runLog.ts";
import type { StageEntry } from "./stageLog.ts";

/** The four parts of a layer that may be late. */
export const parts = ["attention", "a2f", "ffn", "f2a"] as const;
export type Part = (typeof parts)[number];

/** How late an instance's stages, or the messages of a link, were. */
export interface Lateness {
  readonly part: Part;
  /** A0, F1 …; of a link both, as "A0 to F1". */
  readonly name: string;
  /** Stages, or messages that were the last to come. */
  readonly count: number;
  readonly medianNs: number;
  /** Over the usual time of the same layer and micro-batch, the mean of all; 0 where none was late. */
  readonly lateNs: number;
  readonly lateMostNs: number;
}

/** Which parts of a run were late, and by how much. */
export interface LatenessOfRun {
  /** Of one step of a micro-batch: each layer's latest stage or message, all layers together. */
  readonly perStepNs: Readonly<Record<Part, number>>;
  readonly byName: ReadonlyMap<string, Lateness>;
}

/**
 * Attributes lateness as a tracer of the wire does: a stage is late by what it takes more than is usual for its layer and
 * micro-batch, a message by what lies more than usual between the end of the stage that it left and the moment that the receiver
 * could use it. Usual is the median of the instance, or link, that has the least: one that is always slow is always late.
 *
 * Of messages only those are known that were the last of their receiver's.
 */
export function latenessOf(logs: readonly MembershipLog[], warmUpSteps: number): LatenessOfRun {
  const observations = logs.flatMap((log, membership) =>
    observationsOf(log)
      .filter(({ step }) => step >= warmUpSteps)
      .map((observation) => ({ ...observation, group: `${membership} ${observation.group}` })),
  );
  const usual = usualTimes(observations);
  const late = observations.map((each) => ({
    ...each,
    lateNs: Math.max(0, each.takesNs - (usual.get(each.group) ?? 0)),
  }));
  const steps = new Set(observations.map(({ step, microBatch }) => `${step} ${microBatch}`)).size;
  const perStep = (part: Part): number => {
    const latest = new Map<string, number>();
    for (const each of late) {
      if (each.part === part) latest.set(each.round, Math.max(each.lateNs, latest.get(each.round) ?? 0));
    }
    return [...latest.values()].reduce((sum, lateNs) => sum + lateNs, 0) / Math.max(1, steps);
  };
  return {
    perStepNs: { attention: perStep("attention"), a2f: perStep("a2f"), ffn: perStep("ffn"), f2a: perStep("f2a") },
    byName: new Map([...Map.groupBy(late, ({ name }) => name)].map(([name, own]) => [name, latenessOfOne(name, own)])),
  };
}

/** A stage, or a message that was the last of its receiver's. */
interface Observation {
  readonly part: Part;
  readonly name: string;
  readonly step: number;
  readonly microBatch: number;
  /** Where it stands in the run. */
  readonly round: string;
  /** What it is compared with: the same part of the same layer and micro-batch, in all steps. */
  readonly group: string;
  readonly takesNs: number;
}

function latenessOfOne(name: string, own: readonly (Observation & { readonly lateNs: number })[]): Lateness {
  return {
    part: (own[0] as Observation).part,
    name,
    count: own.length,
    medianNs: median(own.map(({ takesNs }) => takesNs)),
    lateNs: own.reduce((sum, { lateNs }) => sum + lateNs, 0) / own.length,
    lateMostNs: max(own.map(({ lateNs }) => lateNs)),
  };
}

/** Of each group the least of its instances' or links' medians. */
function usualTimes(observations: readonly Observation[]): Map<string, number> {
  return new Map(
    [...Map.groupBy(observations, ({ group }) => group)].map(([group, own]) => {
      const medians = [...Map.groupBy(own, ({ name }) => name).values()].map((ofOne) =>
        median(ofOne.map(({ takesNs }) => takesNs)),
      );
      return [group, Math.min(...medians)];
    }),
  );
}

function observationsOf(log: MembershipLog): Observation[] {
  const ends = { attention: endsByPlace(log, "attention"), ffn: endsByPlace(log, "ffn") };
  return (["attention", "ffn"] as const).flatMap((side) =>
    log[side].flatMap((entries, instance) =>
      entries.flatMap((entry) => [
        ...(isStage(entry, log) ? [stageObservation(entry, side, instance)] : []),
        ...messageObservation(entry, side, instance, log, ends),
      ]),
    ),
  );
}

function stageObservation(entry: StageEntry, side: Side, instance: number): Observation {
  return { ...placed(side, entry), name: instanceName(side, instance), takesNs: entry.endNs - entry.beginNs };
}

/** The message that an entry's stage waited for, where its sender's stage is in the log. */
function messageObservation(
  entry: StageEntry,
  side: Side,
  instance: number,
  log: MembershipLog,
  ends: Readonly<Record<Side, readonly ReadonlyMap<string, number>[]>>,
): Observation[] {
  // A message whose sender is not known came through a pool's results.
  if (!hasInput(entry, side, log) || entry.lastPeer < 0) return [];
  const { layers } = log.division;
  const sender = side === "attention" ? "ffn" : "attention";
  const part = side === "attention" ? "f2a" : "a2f";
  const stage = entry.step * layers + entry.layer - (side === "attention" ? 1 : 0);
  const sent = { step: Math.floor(stage / layers), layer: stage % layers, microBatch: entry.microBatch };
  const sentNs = ends[sender][entry.lastPeer]?.get(placeKey(sent));
  if (sentNs === undefined) return [];
  const name = `${instanceName(sender, entry.lastPeer)} to ${instanceName(side, instance)}`;
  return [{ ...placed(part, sent), name, takesNs: Math.max(0, readyNs(entry) - sentNs) }];
}

interface Place {
  readonly step: number;
  readonly layer: number;
  readonly microBatch: number;
}

function placed(part: Part, place: Place): Pick<Observation, "part" | "step" | "microBatch" | "round" | "group"> {
  const { step, layer, microBatch } = place;
  return { part, step, microBatch, round: placeKey(place), group: `${part} ${layer} ${microBatch}` };
}

function endsByPlace(log: MembershipLog, side: Side): Map<string, number>[] {
  return log[side].map(
    (entries) =>
      new Map(entries.filter((entry) => isStage(entry, log)).map((entry) => [placeKey(entry), entry.endNs] as const)),
  );
}

function placeKey({ step, layer, microBatch }: Place): string {
  return `${step} ${layer} ${microBatch}`;
}
