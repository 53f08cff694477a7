/** A message between the two sides, for one layer and micro-batch: latency, and how long it keeps a link of either side busy. */
export interface TransferTimes {
  /** From the last byte sent to the last byte usable; it keeps no link busy. */
  readonly latencyNs: number;
  /** Of each attention instance's own link: its bytes over the bandwidth of its NICs. */
  readonly attentionLinkNs: number;
  /** Of each FFN instance's own link. */
  readonly ffnLinkNs: number;
}

/** Times of one layer for one micro-batch, on attention and FFN instances that are all alike. */
export interface PipelineTimes {
  readonly attentionNs: number;
  readonly a2f: TransferTimes;
  readonly ffnNs: number;
  readonly f2a: TransferTimes;
}

/**
 * Whether each direction of a link has its own bandwidth, as a NIC's two directions have, or both take turns on one, which
 * is how a network that is one stage of three is counted.
 */
export type LinkUse = "shared" | "duplex";

/** What a pipeline waits for: its longest stage, or one micro-batch on its way through all of them. */
export const PIPELINE_BOUNDS = ["attention", "ffn", "network", "roundTrip"] as const;
export type PipelineBound = (typeof PIPELINE_BOUNDS)[number];

/** The least time that a pipeline takes for some layers, and what sets it. */
export interface PipelineTime {
  readonly timeNs: number;
  /** The greatest of `limitsNs`; of equals the first in the order of PIPELINE_BOUNDS. */
  readonly bound: PipelineBound;
  readonly limitsNs: Readonly<Record<PipelineBound, number>>;
  /** Whether neither transfers nor links make it longer than attention and FFN alone would. */
  readonly communicationHidden: boolean;
}

/** Time from the start of a message until all of it can be used, on links that carry nothing else. */
export function transferNs({ latencyNs, attentionLinkNs, ffnLinkNs }: TransferTimes): number {
  return latencyNs + Math.max(attentionLinkNs, ffnLinkNs);
}

/** How long these layers of one micro-batch keep the busiest link busy. */
export function busiestLinkNs(layers: readonly Pick<PipelineTimes, "a2f" | "f2a">[], linkUse: LinkUse): number {
  const sum = (ofLayer: (layer: Pick<PipelineTimes, "a2f" | "f2a">) => number) =>
    layers.reduce((total, layer) => total + ofLayer(layer), 0);
  const attentionSendsNs = sum(({ a2f }) => a2f.attentionLinkNs);
  const ffnReceivesNs = sum(({ a2f }) => a2f.ffnLinkNs);
  const ffnSendsNs = sum(({ f2a }) => f2a.ffnLinkNs);
  const attentionReceivesNs = sum(({ f2a }) => f2a.attentionLinkNs);
  switch (linkUse) {
    case "shared":
      return Math.max(attentionSendsNs + attentionReceivesNs, ffnReceivesNs + ffnSendsNs);
    case "duplex":
      return Math.max(attentionSendsNs, attentionReceivesNs, ffnReceivesNs, ffnSendsNs);
  }
}

/**
 * Time of a pipeline of `microBatches` equal micro-batches, filling and draining left out: the greatest of m x attention,
 * m x FFN, m x the busiest link, and one micro-batch's round trip. Over several layers, as over the layers of a decode step
 * (its TPOT), each limit is summed first. With duplex links and equal layers it is reached; else no pipeline is faster.
 * @param layers times of each layer, the same one as often as it comes
 * The report's 3-stage pipeline has 3 micro-batches, its transfers together taking a stage at most; its 4-stage pipeline has
 * 4, A2F and F2A taking one each.
 * @source Step-3 report, section 3 (stages), worked out for any number of micro-batches
 */
export function pipelineTime(
  layers: readonly PipelineTimes[],
  microBatches: number,
  linkUse: LinkUse = "duplex",
): PipelineTime {
  const sum = (ofLayer: (times: PipelineTimes) => number) => layers.reduce((total, times) => total + ofLayer(times), 0);
  return limitedBy({
    attention: microBatches * sum(({ attentionNs }) => attentionNs),
    ffn: microBatches * sum(({ ffnNs }) => ffnNs),
    network: microBatches * busiestLinkNs(layers, linkUse),
    roundTrip: sum(roundTripNs),
  });
}

/**
 * The same for micro-batches that differ: each limit sums theirs, and the round trip is that of the slowest.
 * @param microBatches times of each layer, [micro-batch][layer]
 */
export function unevenPipelineTime(
  microBatches: readonly (readonly PipelineTimes[])[],
  linkUse: LinkUse = "duplex",
): PipelineTime {
  const each = microBatches.map((layers) => pipelineTime(layers, 1, linkUse).limitsNs);
  const sum = (name: "attention" | "ffn") => each.reduce((total, limitsNs) => total + limitsNs[name], 0);
  return limitedBy({
    attention: sum("attention"),
    ffn: sum("ffn"),
    network: busiestLinkNs(microBatches.flat(), linkUse),
    roundTrip: each.reduce((longest, { roundTrip }) => Math.max(longest, roundTrip), 0),
  });
}

/**
 * The fewest micro-batches that hide all communication; undefined where a link is busier than both stages, so that none do.
 */
export function microBatchesToHide(layers: readonly PipelineTimes[], linkUse: LinkUse = "duplex"): number | undefined {
  const { limitsNs } = pipelineTime(layers, 1, linkUse);
  const stageNs = Math.max(limitsNs.attention, limitsNs.ffn);
  if (limitsNs.network > stageNs) return undefined;
  // A sum of decimals may lie one bit above a whole multiple.
  return Math.max(1, Math.ceil((limitsNs.roundTrip / stageNs) * (1 - Number.EPSILON * 4)));
}

function limitedBy(limitsNs: PipelineTime["limitsNs"]): PipelineTime {
  const timeNs = Math.max(...PIPELINE_BOUNDS.map((name) => limitsNs[name]));
  return {
    timeNs,
    bound: PIPELINE_BOUNDS.find((name) => limitsNs[name] === timeNs) ?? "attention",
    limitsNs,
    communicationHidden: Math.max(limitsNs.attention, limitsNs.ffn) === timeNs,
  };
}

function roundTripNs({ attentionNs, a2f, ffnNs, f2a }: PipelineTimes): number {
  return attentionNs + transferNs(a2f) + ffnNs + transferNs(f2a);
}
