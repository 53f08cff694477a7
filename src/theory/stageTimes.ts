import type { Accelerator } from "../hardware/accelerator.ts";
import type { AttentionSpec, FfnSpec, ModelCard } from "../model/card.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type AttentionPrecision, type AttentionRates, attentionNs, attentionRates } from "./attentionStage.ts";
import type { Efficiency } from "./efficiency.ts";
import { COMBINE_BYTES, type FfnGroup, type FfnRates, ffnNs, ffnRates } from "./ffnStage.ts";
import { cardNetworkBytesPerSecond, dispatchBytesPerToken, type LinkRates, linkRates } from "./linkRates.ts";
import type { LinkUse, PipelineTimes } from "./pipeline.ts";
import { timeNs } from "./timeNs.ts";

/**
 * A2F and F2A take turns on a NIC, as the report counts them: one network stage of three, 88 MB in 275 us for 3A4F.
 * @source Step-3 report, section 3 and Table 8; StepMesh, Introduction.md (A2F + F2A <= 273 us)
 */
export const ONE_NETWORK_STAGE: LinkUse = "shared";

/** The cards of the attention side. */
export interface AttentionGroup {
  readonly accelerator: Accelerator;
  readonly instances: number;
  /** Of one instance. */
  readonly cards: number;
  readonly precision: AttentionPrecision;
}

/** Attention and FFN instances, on cards of their own. */
export interface AfdDeployment {
  readonly attention: AttentionGroup;
  readonly ffn: FfnGroup;
}

/** What stage times follow from, beside the tokens of a micro-batch. */
export interface StageSetting {
  readonly card: ModelCard;
  readonly contextTokens: number;
  readonly deployment: AfdDeployment;
  readonly efficiency: Efficiency;
}

/** The attention side of every kind of layer; the number of its instances is left open. */
export interface AttentionSide {
  readonly group: AttentionGroup;
  readonly kinds: readonly AttentionRates[];
  /** Of an instance's NICs, one direction. */
  readonly nicBytesPerSecond: number;
}

/** The FFN side of every kind of layer. */
export interface FfnSide {
  readonly group: FfnGroup;
  readonly kinds: readonly FfnKind[];
  /** Of an instance's NICs, one direction. */
  readonly nicBytesPerSecond: number;
}

interface FfnKind {
  readonly layers: number;
  readonly rates: FfnRates;
  /** Of a token, to all instances that it goes to. */
  readonly dispatchBytes: number;
  /** From the card that a token arrives at to those of its experts, hidden behind other micro-batches. */
  readonly spreadNsPerToken: number;
  readonly latencyNs: number;
}

/** Everything about a deployment that does not depend on the tokens of a micro-batch. */
export interface StageRates {
  /** Cards of all attention instances: a micro-batch is spread evenly over them. */
  readonly attentionCards: number;
  readonly kinds: readonly LayerRates[];
}

/** The rates of layers that are alike. */
export interface LayerRates {
  readonly layers: number;
  readonly attention: AttentionRates;
  readonly ffn: FfnRates;
  readonly link: MessageRates;
}

/** Times of one layer's messages in 8 bits; F2A, in 16, takes twice as long. */
interface MessageRates extends LinkRates {
  readonly latencyNs: number;
  readonly spreadNsPerToken: number;
}

/**
 * The rates of a deployment's layers. Attention is data-parallel over all attention cards, its projections' weights as in
 * section 6 of the report; every FFN layer, dense ones too, is on the FFN side. A token goes to all FFN instances, unless
 * there are more of them than experts that it chooses.
 * @throws InvalidInputError on an accelerator without a figure that is needed, or counts that no deployment has
 */
export function stageRates({ card, contextTokens, deployment, efficiency }: StageSetting): StageRates {
  const { attention, ffn } = deployment;
  return joinedRates(
    attentionSide(card, contextTokens, attention, efficiency),
    ffnSide(card, ffn, efficiency),
    attention.instances,
  );
}

/** The attention side of a deployment. @throws InvalidInputError as `stageRates` */
export function attentionSide(
  card: ModelCard,
  contextTokens: number,
  group: AttentionGroup,
  efficiency: Efficiency,
): AttentionSide {
  checkCounts("attention", group);
  const { accelerator, precision, cards: splitOver } = group;
  const setting = { accelerator, precision, splitOver, contextTokens, efficiency };
  return {
    group,
    kinds: layerKinds(card).map(({ attention }) => attentionRates(attention, card.hidden, setting)),
    nicBytesPerSecond: cardNetworkBytesPerSecond(accelerator) * splitOver * efficiency.networkShare,
  };
}

/** The FFN side of a deployment. @throws InvalidInputError as `stageRates` */
export function ffnSide(card: ModelCard, group: FfnGroup, efficiency: Efficiency): FfnSide {
  checkCounts("FFN", group);
  const serverLink = efficiency.serverLinkBytesPerSecond * efficiency.networkShare;
  return {
    group,
    kinds: layerKinds(card).map(({ layers, ffn }) => ({
      layers,
      rates: ffnRates(ffn, card.hidden, group, efficiency),
      dispatchBytes: dispatchBytesPerToken(ffn, card.hidden, group.instances),
      spreadNsPerToken: timeNs(spreadCopies(ffn, group, efficiency) * card.hidden, serverLink),
      latencyNs: efficiency.linkLatencyNs,
    })),
    nicBytesPerSecond: cardNetworkBytesPerSecond(group.accelerator) * group.cards * efficiency.networkShare,
  };
}

/** Both sides of one model as a deployment with so many attention instances. */
export function joinedRates(attention: AttentionSide, ffn: FfnSide, attentionInstances: number): StageRates {
  return {
    attentionCards: attentionInstances * attention.group.cards,
    kinds: ffn.kinds.map(({ layers, rates, dispatchBytes, spreadNsPerToken, latencyNs }, kind) => ({
      layers,
      attention: attention.kinds[kind] as AttentionRates,
      ffn: rates,
      link: {
        latencyNs,
        spreadNsPerToken,
        ...linkRates(
          dispatchBytes,
          { instances: attentionInstances, nicBytesPerSecond: attention.nicBytesPerSecond },
          { instances: ffn.group.instances, nicBytesPerSecond: ffn.nicBytesPerSecond },
        ),
      },
    })),
  };
}

/** Times of every layer for a micro-batch of so many tokens in all, as a pipeline takes them: equal layers stand together. */
export function stageTimes({ kinds, attentionCards }: StageRates, microBatchTokens: number): readonly PipelineTimes[] {
  return kinds.flatMap((kind) => {
    const times = layerTimes(kind, attentionCards, microBatchTokens);
    return Array.from({ length: kind.layers }, () => times);
  });
}

/** Times of all layers of a step added up, for a micro-batch: the limits of a pipeline are such sums. */
export function stepTimes({ kinds, attentionCards }: StageRates, microBatchTokens: number): PipelineTimes {
  const sequences = Math.ceil(microBatchTokens / attentionCards);
  let attention = 0;
  let ffn = 0;
  let latency = 0;
  let spread = 0;
  let attentionLink = 0;
  let ffnLink = 0;
  for (const kind of kinds) {
    attention += kind.layers * attentionNs(kind.attention, sequences);
    ffn += kind.layers * ffnNs(kind.ffn, microBatchTokens);
    latency += kind.layers * kind.link.latencyNs;
    spread += kind.layers * kind.link.spreadNsPerToken * microBatchTokens;
    attentionLink += kind.layers * kind.link.attentionLinkNsPerToken * microBatchTokens;
    ffnLink += kind.layers * kind.link.ffnLinkNsPerToken * microBatchTokens;
  }
  return pipelineTimes(attention, ffn, { latency, spread, attentionLink, ffnLink });
}

/** Times of one layer for a micro-batch; those of attention are of the card with the most sequences. */
export function layerTimes(
  { attention, ffn, link }: LayerRates,
  attentionCards: number,
  microBatchTokens: number,
): PipelineTimes {
  const sequences = Math.ceil(microBatchTokens / attentionCards);
  return pipelineTimes(attentionNs(attention, sequences), ffnNs(ffn, microBatchTokens), {
    latency: link.latencyNs,
    spread: link.spreadNsPerToken * microBatchTokens,
    attentionLink: link.attentionLinkNsPerToken * microBatchTokens,
    ffnLink: link.ffnLinkNsPerToken * microBatchTokens,
  });
}

/** Times with F2A from those of A2F, whose messages have half the bytes. */
function pipelineTimes(
  attention: number,
  ffn: number,
  a2f: { readonly latency: number; readonly spread: number; readonly attentionLink: number; readonly ffnLink: number },
): PipelineTimes {
  return {
    attentionNs: attention,
    a2f: { latencyNs: a2f.latency + a2f.spread, attentionLinkNs: a2f.attentionLink, ffnLinkNs: a2f.ffnLink },
    ffnNs: ffn,
    f2a: {
      latencyNs: a2f.latency + COMBINE_BYTES * a2f.spread,
      attentionLinkNs: COMBINE_BYTES * a2f.attentionLink,
      ffnLinkNs: COMBINE_BYTES * a2f.ffnLink,
    },
  };
}

/** Layers with equal attention and FFN, and how many there are of them. */
export interface LayerKind {
  readonly layers: number;
  readonly attention: AttentionSpec;
  readonly ffn: FfnSpec;
}

/** The kinds of a model's layers, in the order of their first. */
export function layerKinds(card: ModelCard): readonly LayerKind[] {
  const alike = Map.groupBy(card.layers, (layer) => JSON.stringify(layer));
  return [...alike.values()].flatMap((layers) => {
    const [first] = layers;
    return first === undefined ? [] : [{ layers: layers.length, attention: first.attention, ffn: first.ffn }];
  });
}

/** Hidden states that the busiest card gets from others of its server, for each token of a micro-batch. */
function spreadCopies(ffn: FfnSpec, group: FfnGroup, { hottestCardFactor }: Efficiency): number {
  const { instances, cards, parallelism } = group;
  if (ffn.kind === "dense" || parallelism === "tensor") return 0;
  const choices = ffn.router.topK * hottestCardFactor + (ffn.sharedDim > 0 ? 1 : 0);
  return (choices * (cards - 1)) / cards / (instances * cards);
}

function checkCounts(side: string, { instances, cards }: { readonly instances: number; readonly cards: number }): void {
  for (const [field, value] of [
    [`${side} instances`, instances],
    [`cards of an ${side} instance`, cards],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new InvalidInputError({ field, value, expected: "a whole number of at least 1" });
  }
}
