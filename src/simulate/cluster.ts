import type { LinkUse, PipelineTimes } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type Jitter, NO_JITTER } from "./random.ts";

/** Which side an instance stands on. */
export type ClusterSide = "attention" | "ffn";

/** An instance that stops at a time, loses the work at hand, and goes on when it has recovered. */
export interface Outage {
  readonly side: ClusterSide;
  readonly instance: number;
  readonly atNs: number;
  readonly recoveryNs: number;
}

/** An AFD deployment to be simulated; every field is resolved. */
export interface Cluster {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  /** Of each attention instance; the same micro-batch of all instances meets in the FFN instances. */
  readonly microBatches: number;
  readonly linkUse: LinkUse;
  /** Times of each layer for a full micro-batch. */
  readonly layers: readonly PipelineTimes[];
  /** Factor on the time of each attention instance. */
  readonly attentionSlowdowns: readonly number[];
  readonly ffnSlowdowns: readonly number[];
  /** Factor on each FFN instance's time in each layer, from its share of the tokens: [instance][layer]. */
  readonly expertLoads: readonly (readonly number[])[] | undefined;
  /** On every attention and FFN time. */
  readonly jitter: Jitter;
  /** Added to the latency of what each instance receives, uniform from 0 up to this. */
  readonly latencyJitterNs: number;
  readonly outages: readonly Outage[];
  readonly seed: number;
}

/** What must be said about a cluster; the rest is equal instances without disturbance. */
export type ClusterChoice = Pick<Cluster, "attentionInstances" | "ffnInstances" | "microBatches" | "layers"> &
  Partial<Cluster>;

/** More would not be a deployment, and would not fit into the events' numbers. */
const MOST_INSTANCES = 100_000;
const MOST_MICRO_BATCHES = 64;

/**
 * A cluster with everything said.
 * @throws InvalidInputError naming the first field that cannot be simulated
 */
export function clusterOf(choice: ClusterChoice): Cluster {
  requireWhole("attention instances", choice.attentionInstances, MOST_INSTANCES);
  requireWhole("FFN instances", choice.ffnInstances, MOST_INSTANCES);
  requireWhole("micro-batches", choice.microBatches, MOST_MICRO_BATCHES);
  const cluster: Cluster = {
    linkUse: "duplex",
    attentionSlowdowns: Array.from({ length: choice.attentionInstances }, () => 1),
    ffnSlowdowns: Array.from({ length: choice.ffnInstances }, () => 1),
    expertLoads: undefined,
    jitter: NO_JITTER,
    latencyJitterNs: 0,
    outages: [],
    seed: 1,
    ...choice,
  };
  checkTimes(cluster);
  checkFactors(cluster);
  checkJitter(cluster.jitter);
  requireTime("latency jitter", cluster.latencyJitterNs);
  for (const outage of cluster.outages) checkOutage(outage, cluster);
  return cluster;
}

function checkTimes({ layers }: Cluster): void {
  if (layers.length === 0) throw new InvalidInputError({ field: "layers", value: layers, expected: "at least one" });
  for (const { attentionNs, ffnNs, a2f, f2a } of layers) {
    requireTime("attention time", attentionNs);
    requireTime("FFN time", ffnNs);
    for (const [name, transfer] of [["A2F", a2f] as const, ["F2A", f2a] as const]) {
      requireTime(`${name} latency`, transfer.latencyNs);
      requireTime(`${name} time on an attention link`, transfer.attentionLinkNs);
      requireTime(`${name} time on an FFN link`, transfer.ffnLinkNs);
    }
    if (attentionNs + ffnNs > 0) continue;
    throw new InvalidInputError({ field: "attention and FFN time", value: 0, expected: "at least one above 0" });
  }
}

function checkFactors(cluster: Cluster): void {
  const { attentionInstances, ffnInstances, expertLoads, layers } = cluster;
  requireFactors("attention slowdowns", cluster.attentionSlowdowns, attentionInstances);
  requireFactors("FFN slowdowns", cluster.ffnSlowdowns, ffnInstances);
  if (expertLoads === undefined) return;
  if (expertLoads.length !== ffnInstances) {
    throw new InvalidInputError({ field: "expert loads", value: expertLoads, expected: `${ffnInstances} lists` });
  }
  for (const [index, loads] of expertLoads.entries()) {
    requireFactors(`expert loads of FFN instance ${index}`, loads, layers.length);
  }
}

function checkJitter(jitter: Jitter): void {
  switch (jitter.kind) {
    case "none":
      return;
    case "lognormal":
      requireShare("jitter: sigma", jitter.sigma, 3);
      return;
    case "uniform":
      requireShare("jitter: share", jitter.share, 1);
      return;
  }
}

function checkOutage({ side, instance, atNs, recoveryNs }: Outage, cluster: Cluster): void {
  const count = side === "attention" ? cluster.attentionInstances : cluster.ffnInstances;
  if (!Number.isInteger(instance) || instance < 0 || instance >= count) {
    const expected = `an instance from 0 to ${count - 1}`;
    throw new InvalidInputError({
      field: `--fail ${side === "attention" ? "A" : "F"}${instance}`,
      value: instance,
      expected,
    });
  }
  requireTime("outage: start", atNs);
  requireTime("outage: recovery", recoveryNs);
}

/** A day in nanoseconds: no stage is longer, and sums of stages stay far from the end of exact integers. */
const LONGEST_NS = 86_400e9;

function requireTime(field: string, value: number): void {
  if (value >= 0 && value <= LONGEST_NS) return;
  throw new InvalidInputError({ field, value, expected: "a time from 0 to a day" });
}

function requireFactors(field: string, factors: readonly number[], count: number): void {
  if (factors.length !== count) throw new InvalidInputError({ field, value: factors, expected: `${count} factors` });
  for (const value of factors) {
    if (value >= 0 && value <= 1e6) continue;
    throw new InvalidInputError({ field, value, expected: "a factor from 0 to a million" });
  }
}

function requireShare(field: string, value: number, most: number): void {
  if (value >= 0 && value <= most) return;
  throw new InvalidInputError({ field, value, expected: `a number from 0 to ${most}` });
}

function requireWhole(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new InvalidInputError({ field, value, expected: `a whole number from 1 to ${most}` });
}
