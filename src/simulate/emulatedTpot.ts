import type { PipelineTimes } from "../theory/pipeline.ts";
import { type ClusterChoice, clusterOf } from "./cluster.ts";
import { ClusterEngine } from "./engine.ts";
import { clusterLinkUse, type LinkKind, stageTransfer } from "./linkKind.ts";
import { type Jitter, NO_JITTER } from "./random.ts";
import { steadyLoad } from "./steadyLoad.ts";

/** A pipeline whose stages take given times, as `afdbench pipeline --stage` emulates it on threads. */
export interface EmulatedPipeline {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  readonly microBatches: number;
  readonly layers: number;
  /** Of one layer and micro-batch on each instance. */
  readonly attentionNs: number;
  readonly ffnNs: number;
  /** How long the message of one layer and micro-batch keeps each link busy, on its way out and back. */
  readonly a2fNs: number;
  readonly f2aNs: number;
  /** From the last byte sent to the last byte usable; absent: none. */
  readonly latencyNs?: number;
  /** Added to the latency of what an instance receives, uniform from 0 up to this; absent: nothing. */
  readonly latencyJitterNs?: number;
  /** What a link carries; absent: each direction of an instance's own. */
  readonly linkUse?: LinkKind;
  /** On attention and FFN times; absent: none. */
  readonly jitter?: Jitter;
  readonly seed?: number;
  /** Of each micro-batch: steps that are counted, after `warmUpSteps`; absent: 20 after 2. */
  readonly steps?: number;
  readonly warmUpSteps?: number;
}

/**
 * Mean time per output token of a pipeline with emulated stages, by discrete-event simulation; filling and draining left out.
 * @throws InvalidInputError naming the first field that cannot be simulated
 */
export function emulatedTpotNs(pipeline: EmulatedPipeline): number {
  const { attentionInstances, ffnInstances, microBatches, jitter = NO_JITTER, seed = 1 } = pipeline;
  const { latencyNs = 0, latencyJitterNs = 0, linkUse = "duplex", steps = 20, warmUpSteps = 2 } = pipeline;
  const times: PipelineTimes = {
    attentionNs: pipeline.attentionNs,
    a2f: stageTransfer("a2f", pipeline.a2fNs, latencyNs, linkUse),
    ffnNs: pipeline.ffnNs,
    f2a: stageTransfer("f2a", pipeline.f2aNs, latencyNs, linkUse),
  };
  return steadyTpotNs(
    {
      attentionInstances,
      ffnInstances,
      microBatches,
      layers: Array.from({ length: pipeline.layers }, () => times),
      linkUse: clusterLinkUse(linkUse),
      jitter,
      latencyJitterNs,
      seed,
    },
    { steps, warmUpSteps },
  );
}

/**
 * Mean time per output token of a cluster that decodes full micro-batches, after `warmUpSteps`.
 * @throws InvalidInputError naming the first field that cannot be simulated
 */
export function steadyTpotNs(
  choice: ClusterChoice,
  counted: { readonly steps: number; readonly warmUpSteps: number },
): number {
  const cluster = clusterOf(choice);
  const load = steadyLoad(cluster, counted);
  const engine = new ClusterEngine(cluster, load);
  while (engine.advance(EVENTS_AT_A_TIME));
  return load.tpotNs();
}

const EVENTS_AT_A_TIME = 100_000;
