import type { Accelerator } from "../hardware/accelerator.ts";
import type { FfnSpec, ModelCard } from "../model/card.ts";
import { swigluParameters } from "../model/parameters.ts";
import type { Efficiency } from "./efficiency.ts";
import { type PipelineTimes, pipelineTime } from "./pipeline.ts";
import {
  type AttentionPrecision,
  type AttentionRates,
  attentionNs,
  attentionRates,
  COMBINE_BYTES,
  cardNetworkBytesPerSecond,
  type FfnParallelism,
  type FfnRates,
  type FfnShare,
  ffnNs,
  layerKinds,
  repeated,
  requirePeak,
} from "./stageTimes.ts";

/**
 * A plain deployment: every card does the attention of its own sequences and a part of the experts of all.
 * Dense layers stand whole on every card (`expert`), or are split over the cards of a server (`tensor`).
 */
export interface PlainDeployment {
  readonly accelerator: Accelerator;
  readonly cards: number;
  readonly precision: AttentionPrecision;
  readonly parallelism: FfnParallelism;
  /** Copies of busy experts beside its own on each card. */
  readonly redundantExperts: number;
}

/** What the times of a plain deployment follow from, beside the sequences of a micro-batch. */
export interface PlainSetting {
  readonly card: ModelCard;
  readonly contextTokens: number;
  readonly deployment: PlainDeployment;
  readonly efficiency: Efficiency;
}

/** The rates of layers that are alike, for the sequences of one card. */
export interface PlainLayerRates {
  readonly layers: number;
  readonly attention: AttentionRates;
  /** `PerToken` of the card's own sequences. */
  readonly ffn: FfnRates;
  readonly latencyNs: number;
  /** Of dispatch, in 8 bits; combine, in 16, takes twice as long. */
  readonly linkNsPerSequence: number;
}

/** What the steps of a plain deployment wait for: its cards, the network, or one micro-batch doing both in turn. */
export const PLAIN_BOUNDS = ["compute", "network", "roundTrip"] as const;
export type PlainBound = (typeof PLAIN_BOUNDS)[number];

const MULTIPLY_ADD = 2;

/** The rates of a plain deployment's layers. @throws InvalidInputError on an accelerator without a figure that is needed */
export function plainRates({ card, contextTokens, deployment, efficiency }: PlainSetting): readonly PlainLayerRates[] {
  const { accelerator, precision } = deployment;
  return layerKinds(card).map((kind) => ({
    layers: kind.layers,
    attention: attentionRates(kind.attention, card.hidden, {
      accelerator,
      precision,
      splitOver: 1,
      contextTokens,
      efficiency,
    }),
    ffn: plainFfnRates(kind.ffn, card.hidden, deployment, efficiency),
    ...plainLink(kind.ffn, card.hidden, deployment, efficiency),
  }));
}

/**
 * A step's time: with two micro-batches one computes while the other's tokens travel (two-batch overlap); with one they
 * take turns. As a pipeline whose cards are its attention instances, and whose FFN side takes no time.
 * @param sequences of one card in one micro-batch
 */
export function plainStepTime(
  rates: readonly PlainLayerRates[],
  sequences: number,
  microBatches: number,
): { readonly timeNs: number; readonly bound: PlainBound } {
  const kinds = rates.map((kind) => repeated(plainLayerTimes(kind, sequences), kind.layers));
  const { timeNs, bound } = pipelineTime(kinds, microBatches, "shared");
  return { timeNs, bound: bound === "network" || bound === "roundTrip" ? bound : "compute" };
}

/** One layer's times for one micro-batch: all of a card's work as attention, dispatch as A2F, combine as F2A. */
export function plainLayerTimes(rates: PlainLayerRates, sequences: number): PipelineTimes {
  const linkNs = rates.linkNsPerSequence * sequences;
  return {
    attentionNs: attentionNs(rates.attention, sequences) + ffnNs(rates.ffn, sequences),
    a2f: { latencyNs: rates.latencyNs, attentionLinkNs: linkNs, ffnLinkNs: linkNs },
    ffnNs: 0,
    f2a: { latencyNs: rates.latencyNs, attentionLinkNs: COMBINE_BYTES * linkNs, ffnLinkNs: COMBINE_BYTES * linkNs },
  };
}

/** The part of one layer's FFN that the busiest card holds, and its FLOPs for each sequence of a card. */
export function plainFfnShare(
  ffn: FfnSpec,
  hidden: number,
  { accelerator, cards, parallelism, redundantExperts }: PlainDeployment,
  { hottestCardFactor }: Pick<Efficiency, "hottestCardFactor">,
): FfnShare {
  if (ffn.kind === "dense") {
    const weights = swigluParameters(ffn.width, hidden);
    return {
      weightBytes: weights / (parallelism === "tensor" ? serverCards(accelerator, cards) : 1),
      flopsPerToken: MULTIPLY_ADD * weights,
    };
  }
  const expert = swigluParameters(ffn.expertDim, hidden);
  const shared = swigluParameters(ffn.sharedDim, hidden);
  const held = Math.ceil(ffn.experts / cards);
  const hottest = cards === 1 ? 1 : 1 + (hottestCardFactor - 1) / (1 + redundantExperts);
  const chosen = ((ffn.router.topK * held * cards) / ffn.experts) * hottest;
  return {
    weightBytes: (held + redundantExperts) * expert + shared,
    flopsPerToken: MULTIPLY_ADD * (chosen * expert + shared),
  };
}

function plainFfnRates(ffn: FfnSpec, hidden: number, plain: PlainDeployment, efficiency: Efficiency): FfnRates {
  const { accelerator } = plain;
  const share = plainFfnShare(ffn, hidden, plain, efficiency);
  const gemm = requirePeak(accelerator, "auto").flopsPerSecond * efficiency.gemmComputeShare;
  return {
    overheadNs: efficiency.ffnOverheadNs,
    weightNs: ns(share.weightBytes, accelerator.memoryBytesPerSecond * efficiency.weightBandwidthShare),
    computeNsPerToken: ns(share.flopsPerToken, gemm),
    exchangeNsPerToken: 0,
  };
}

/** Dispatch: to the servers of a token's experts over the card's NIC, and at the same time to cards of its own server. */
function plainLink(
  ffn: FfnSpec,
  hidden: number,
  { accelerator, cards, parallelism }: PlainDeployment,
  { networkShare, serverLinkBytesPerSecond, linkLatencyNs }: Efficiency,
): Pick<PlainLayerRates, "latencyNs" | "linkNsPerSequence"> {
  const inServer = serverCards(accelerator, cards);
  const serverLink = serverLinkBytesPerSecond * networkShare;
  if (ffn.kind === "dense") {
    if (parallelism === "expert" || cards === 1) return { latencyNs: 0, linkNsPerSequence: 0 };
    return { latencyNs: linkLatencyNs, linkNsPerSequence: ns((inServer - 1) * hidden, serverLink) };
  }
  if (cards === 1) return { latencyNs: 0, linkNsPerSequence: 0 };
  const { topK } = ffn.router;
  const overLinks = ns(((topK * (inServer - 1)) / cards) * hidden, serverLink);
  const outside = (cards - inServer) / cards;
  const overNics =
    outside === 0 ? 0 : ns(topK * outside * hidden, cardNetworkBytesPerSecond(accelerator) * networkShare);
  return { latencyNs: linkLatencyNs, linkNsPerSequence: Math.max(overLinks, overNics) };
}

/** Cards of a server, or all where there are fewer. */
function serverCards({ cardsPerServer = 1 }: Accelerator, cards: number): number {
  return Math.min(cardsPerServer, cards);
}

function ns(amount: number, perSecond: number): number {
  return (amount / perSecond) * 1e9;
}
