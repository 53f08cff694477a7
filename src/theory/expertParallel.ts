import type { Accelerator } from "../hardware/accelerator.ts";
import type { FfnSpec, ModelCard } from "../model/card.ts";
import { swigluParameters } from "../model/parameters.ts";
import { type AttentionPrecision, type AttentionRates, attentionNs, attentionRates } from "./attentionStage.ts";
import type { Efficiency } from "./efficiency.ts";
import {
  COMBINE_BYTES,
  type FfnParallelism,
  type FfnRates,
  type FfnShare,
  ffnNs,
  shareRates,
  withCopies,
} from "./ffnStage.ts";
import { cardNetworkBytesPerSecond } from "./linkRates.ts";
import { type LinkUse, type PipelineTimes, pipelineTime } from "./pipeline.ts";
import { layerKinds, ONE_NETWORK_STAGE } from "./stageTimes.ts";
import { timeNs } from "./timeNs.ts";

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
  /** Tokens of the busiest card's experts over the mean because experts are not equally popular; absent: 1. */
  readonly popularityFactor?: number | undefined;
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
  const setting = { accelerator, precision, splitOver: 1, contextTokens, efficiency };
  return layerKinds(card).map(({ layers, attention, ffn }) => ({
    layers,
    attention: attentionRates(attention, card.hidden, setting),
    ffn: shareRates(plainFfnShare(ffn, card.hidden, deployment, efficiency), accelerator, efficiency),
    ...plainLink(ffn, card.hidden, deployment, efficiency),
  }));
}

/**
 * A step's time: with two micro-batches one computes while the other's tokens travel (two-batch overlap); with one they
 * take turns. As a pipeline whose cards are its attention instances, and whose FFN side takes no time.
 * @param sequences of one card in one micro-batch, on average over the cards
 */
export function plainStepTime(
  rates: readonly PlainLayerRates[],
  sequences: number,
  microBatches: number,
  linkUse: LinkUse = ONE_NETWORK_STAGE,
): { readonly timeNs: number; readonly bound: PlainBound } {
  let own = 0;
  let latency = 0;
  let link = 0;
  for (const kind of rates) {
    own += kind.layers * plainCardNs(kind, sequences);
    latency += kind.layers * kind.latencyNs;
    link += kind.layers * kind.linkNsPerSequence * sequences;
  }
  const { timeNs, bound } = pipelineTime([plainTimes(own, latency, link)], microBatches, linkUse);
  return { timeNs, bound: bound === "network" || bound === "roundTrip" ? bound : "compute" };
}

/** One layer's times for one micro-batch: all of a card's work as attention, dispatch as A2F, combine as F2A. */
export function plainLayerTimes(rates: PlainLayerRates, sequences: number): PipelineTimes {
  return plainTimes(plainCardNs(rates, sequences), rates.latencyNs, rates.linkNsPerSequence * sequences);
}

/** One layer on a card: attention of the card with the most sequences, then its share of the experts of all. */
function plainCardNs({ attention, ffn }: PlainLayerRates, sequences: number): number {
  return attentionNs(attention, Math.ceil(sequences)) + ffnNs(ffn, sequences);
}

function plainTimes(ownNs: number, latencyNs: number, linkNs: number): PipelineTimes {
  return {
    attentionNs: ownNs,
    a2f: { latencyNs, attentionLinkNs: linkNs, ffnLinkNs: linkNs },
    ffnNs: 0,
    f2a: { latencyNs, attentionLinkNs: COMBINE_BYTES * linkNs, ffnLinkNs: COMBINE_BYTES * linkNs },
  };
}

/** The part of one layer's FFN that the busiest card holds, and its FLOPs for each sequence of a card. */
export function plainFfnShare(
  ffn: FfnSpec,
  hidden: number,
  deployment: PlainDeployment,
  efficiency: Pick<Efficiency, "hottestCardFactor">,
): FfnShare {
  const { accelerator, cards, parallelism, redundantExperts } = deployment;
  if (ffn.kind === "dense") {
    const weights = swigluParameters(ffn.width, hidden);
    const heldBy = parallelism === "tensor" ? serverCards(accelerator, cards) : 1;
    return { weightBytes: weights / heldBy, flopsPerToken: MULTIPLY_ADD * weights };
  }
  const expert = swigluParameters(ffn.expertDim, hidden);
  const shared = swigluParameters(ffn.sharedDim, hidden);
  const held = Math.ceil(ffn.experts / cards);
  const chosen = ((ffn.router.topK * held * cards) / ffn.experts) * plainHottestExpertLoad(deployment, efficiency);
  return {
    weightBytes: (held + redundantExperts) * expert + shared,
    flopsPerToken: MULTIPLY_ADD * (chosen * expert + shared),
  };
}

/** Tokens of the busiest card's experts over the mean. */
export function plainHottestExpertLoad(
  { cards, redundantExperts, popularityFactor = 1 }: PlainDeployment,
  { hottestCardFactor }: Pick<Efficiency, "hottestCardFactor">,
): number {
  return cards === 1 ? 1 : withCopies(hottestCardFactor * popularityFactor, redundantExperts);
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
  if (cards === 1 || (ffn.kind === "dense" && parallelism === "expert")) return { latencyNs: 0, linkNsPerSequence: 0 };
  if (ffn.kind === "dense") {
    return { latencyNs: linkLatencyNs, linkNsPerSequence: timeNs((inServer - 1) * hidden, serverLink) };
  }
  const { topK } = ffn.router;
  const overLinks = timeNs(((topK * (inServer - 1)) / cards) * hidden, serverLink);
  const outside = (cards - inServer) / cards;
  const overNics =
    outside === 0 ? 0 : timeNs(topK * outside * hidden, cardNetworkBytesPerSecond(accelerator) * networkShare);
  return { latencyNs: linkLatencyNs, linkNsPerSequence: Math.max(overLinks, overNics) };
}

/** Cards of a server, or all where there are fewer. */
function serverCards({ cardsPerServer = 1 }: Accelerator, cards: number): number {
  return Math.min(cardsPerServer, cards);
}
