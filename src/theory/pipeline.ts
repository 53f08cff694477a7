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
 * Whether both directions of a link take turns (one network stage, a 3-stage pipeline), or each has its own bandwidth (A2F
 * and F2A are stages of their own, a 4-stage pipeline).
 * @source Step-3 report, section 3
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

/** How long one layer of one micro-batch keeps the busiest link busy. */
export function busiestLinkNs({ a2f, f2a }: Pick<PipelineTimes, "a2f" | "f2a">, linkUse: LinkUse): number {
  switch (linkUse) {
    case "shared":
      return Math.max(a2f.attentionLinkNs + f2a.attentionLinkNs, a2f.ffnLinkNs + f2a.ffnLinkNs);
    case "duplex":
      return Math.max(a2f.attentionLinkNs, f2a.attentionLinkNs, a2f.ffnLinkNs, f2a.ffnLinkNs);
  }
}

/**
 * Time of a pipeline of `microBatches` equal micro-batches, filling and draining left out: the greatest of m x attention,
 * m x FFN, m x the busiest link, and one micro-batch's round trip. Over several layers, as over the layers of a decode step
 * (its TPOT), each limit is summed first. It is reached where all layers are alike and the directions of links are their
 * own; else no pipeline is faster.
 * @param layers times of each layer, the same one as often as it comes
 * @source Step-3 report, section 3 (stages), worked out for any number of micro-batches
 */
export function pipelineTime(
  layers: readonly PipelineTimes[],
  microBatches: number,
  linkUse: LinkUse = "shared",
): PipelineTime {
  const limitsNs = { attention: 0, ffn: 0, network: 0, roundTrip: 0 };
  for (const times of layers) {
    limitsNs.attention += microBatches * times.attentionNs;
    limitsNs.ffn += microBatches * times.ffnNs;
    limitsNs.network += microBatches * busiestLinkNs(times, linkUse);
    limitsNs.roundTrip += times.attentionNs + transferNs(times.a2f) + times.ffnNs + transferNs(times.f2a);
  }
  const timeNs = Math.max(...PIPELINE_BOUNDS.map((name) => limitsNs[name]));
  return {
    timeNs,
    bound: PIPELINE_BOUNDS.find((name) => limitsNs[name] === timeNs) ?? "attention",
    limitsNs,
    communicationHidden: Math.max(limitsNs.attention, limitsNs.ffn) === timeNs,
  };
}

/**
 * The fewest micro-batches that hide all communication of a layer; undefined where a link is busier than both stages, so
 * that none do.
 */
export function microBatchesToHide(times: PipelineTimes, linkUse: LinkUse = "shared"): number | undefined {
  const stageNs = Math.max(times.attentionNs, times.ffnNs);
  if (busiestLinkNs(times, linkUse) > stageNs) return undefined;
  const roundTripNs = times.attentionNs + transferNs(times.a2f) + times.ffnNs + transferNs(times.f2a);
  // A sum of decimals may lie one bit above a whole multiple.
  return Math.max(1, Math.ceil((roundTripNs / stageNs) * (1 - Number.EPSILON * 4)));
}
