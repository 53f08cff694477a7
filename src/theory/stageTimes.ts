import type { Accelerator } from "../hardware/accelerator.ts";
import type { AttentionSpec, FfnSpec, ModelCard } from "../model/card.ts";
import { attentionParameters, swigluParameters } from "../model/parameters.ts";
import { InvalidInputError } from "../units/errors.ts";
import { layerKvBytes } from "../workload/kv-cache.ts";
import { layerAttentionFlops } from "../workload/per-token.ts";
import type { Efficiency } from "./efficiency.ts";
import type { PipelineTimes } from "./pipeline.ts";
import { type Peak, peakFor } from "./precision.ts";
import { attentionWeightBytesPerCard } from "./stageBudget.ts";

/** Instances of one side: equal groups of cards. */
export interface InstanceGroup {
  readonly accelerator: Accelerator;
  readonly instances: number;
  /** Of one instance. */
  readonly cards: number;
}

/**
 * How FFN instances share the work. `expert`: each expert whole on one card, an instance's part of a dense layer on each of
 * its cards for a share of the tokens. `tensor`: experts and dense layers split over an instance's cards, which gather all
 * tokens first. Dense layers are split over instances, whose outputs the attention side adds up, as it does with experts.
 */
export const FFN_PARALLELISMS = ["expert", "tensor"] as const;
export type FfnParallelism = (typeof FFN_PARALLELISMS)[number];

/**
 * What attention cores compute in: `auto` is FP8 where the card has it, over the 8-bit cache of the model; `bf16` has a
 * cache of 16 bits. Products with weights are of 8 bits in either case.
 * @source Step-3 report, Table 8 (rows in FP8 and BF16) and Table 9
 */
export const ATTENTION_PRECISIONS = ["auto", "bf16"] as const;
export type AttentionPrecision = (typeof ATTENTION_PRECISIONS)[number];

/** Attention and FFN instances, on cards of their own. */
export interface AfdDeployment {
  readonly attention: InstanceGroup & { readonly precision: AttentionPrecision };
  readonly ffn: InstanceGroup & {
    readonly parallelism: FfnParallelism;
    /** Copies of busy experts beside its own on each card, which share the excess of the hottest. */
    readonly redundantExperts: number;
  };
}

/** What stage times follow from, beside the tokens of a micro-batch. */
export interface StageSetting {
  readonly card: ModelCard;
  readonly contextTokens: number;
  readonly deployment: AfdDeployment;
  readonly efficiency: Efficiency;
}

/** Times of one layer's attention on a card, for one micro-batch; `PerSequence` of the card's own. */
export interface AttentionRates {
  readonly overheadNs: number;
  readonly weightNs: number;
  readonly projectionNsPerSequence: number;
  readonly kvNsPerSequence: number;
  readonly coreNsPerSequence: number;
}

/** Times of one layer's FFN on its busiest card; `PerToken` of a micro-batch's tokens in all. */
export interface FfnRates {
  readonly overheadNs: number;
  readonly weightNs: number;
  readonly computeNsPerToken: number;
  /** Of collectives in which the cards of an instance wait for each other. */
  readonly exchangeNsPerToken: number;
}

/** Times of one layer's messages in 8 bits; F2A, in 16, takes twice as long. */
export interface LinkRates {
  readonly latencyNs: number;
  readonly attentionLinkNsPerToken: number;
  readonly ffnLinkNsPerToken: number;
  /** From the card that a token arrives at to those of its experts, hidden behind other micro-batches. */
  readonly spreadNsPerToken: number;
}

/** The rates of layers that are alike. */
export interface LayerRates {
  readonly layers: number;
  readonly attention: AttentionRates;
  readonly ffn: FfnRates;
  readonly link: LinkRates;
}

/** Everything about a deployment that does not depend on the tokens of a micro-batch. */
export interface StageRates {
  /** Cards of all attention instances: a micro-batch is spread evenly over them. */
  readonly attentionCards: number;
  readonly kinds: readonly LayerRates[];
}

/** Bytes of a hidden element on its way back; on its way out, one. @source Step-3 report, section 5.4 */
export const COMBINE_BYTES = 2;

const MULTIPLY_ADD = 2;

/**
 * The rates of a deployment's layers. Attention is data-parallel over all attention cards, its projections' weights as in
 * section 6 of the report; every FFN layer, dense ones too, is on the FFN side. A token goes to all FFN instances, unless
 * there are more of them than experts that it chooses.
 * @throws InvalidInputError on an accelerator without a figure that is needed, or counts that no deployment has
 */
export function stageRates({ card, contextTokens, deployment, efficiency }: StageSetting): StageRates {
  const { attention, ffn } = deployment;
  for (const [side, group] of [["attention", attention] as const, ["FFN", ffn] as const]) {
    requireWhole(`${side} instances`, group.instances);
    requireWhole(`cards of an ${side} instance`, group.cards);
  }
  return {
    attentionCards: attention.instances * attention.cards,
    kinds: layerKinds(card).map((kind) => ({
      layers: kind.layers,
      attention: attentionRates(kind.attention, card.hidden, {
        accelerator: attention.accelerator,
        precision: attention.precision,
        splitOver: attention.cards,
        contextTokens,
        efficiency,
      }),
      ffn: ffnRates(kind.ffn, card.hidden, ffn, efficiency),
      link: linkRates(kind.ffn, card.hidden, deployment, efficiency),
    })),
  };
}

/** Times of every layer for a micro-batch of so many tokens in all, as a pipeline takes them: equal layers stand together. */
export function stageTimes({ kinds, attentionCards }: StageRates, microBatchTokens: number): readonly PipelineTimes[] {
  const layers: PipelineTimes[] = [];
  for (const kind of kinds) {
    const times = layerTimes(kind, attentionCards, microBatchTokens);
    for (let layer = 0; layer < kind.layers; layer += 1) layers.push(times);
  }
  return layers;
}

/** Times of one layer for a micro-batch. */
export function layerTimes(
  { attention, ffn, link }: LayerRates,
  attentionCards: number,
  microBatchTokens: number,
): PipelineTimes {
  const spreadNs = link.spreadNsPerToken * microBatchTokens;
  const attentionLinkNs = link.attentionLinkNsPerToken * microBatchTokens;
  const ffnLinkNs = link.ffnLinkNsPerToken * microBatchTokens;
  return {
    attentionNs: attentionNs(attention, microBatchTokens / attentionCards),
    a2f: { latencyNs: link.latencyNs + spreadNs, attentionLinkNs, ffnLinkNs },
    ffnNs: ffnNs(ffn, microBatchTokens),
    f2a: {
      latencyNs: link.latencyNs + COMBINE_BYTES * spreadNs,
      attentionLinkNs: COMBINE_BYTES * attentionLinkNs,
      ffnLinkNs: COMBINE_BYTES * ffnLinkNs,
    },
  };
}

/** The times of so many equal layers one after the other: a pipeline's limits are sums over its layers. */
export function repeated({ attentionNs, a2f, ffnNs, f2a }: PipelineTimes, layers: number): PipelineTimes {
  const scaled = (transfer: PipelineTimes["a2f"]) => ({
    latencyNs: transfer.latencyNs * layers,
    attentionLinkNs: transfer.attentionLinkNs * layers,
    ffnLinkNs: transfer.ffnLinkNs * layers,
  });
  return { attentionNs: attentionNs * layers, a2f: scaled(a2f), ffnNs: ffnNs * layers, f2a: scaled(f2a) };
}

/** One layer's attention on a card: projections and core one after the other, each the longer of compute and memory. */
export function attentionNs(rates: AttentionRates, sequences: number): number {
  const projections = Math.max(rates.weightNs, rates.projectionNsPerSequence * sequences);
  return rates.overheadNs + projections + Math.max(rates.kvNsPerSequence, rates.coreNsPerSequence) * sequences;
}

/** One layer's FFN on its busiest card. */
export function ffnNs(rates: FfnRates, tokens: number): number {
  return (
    rates.overheadNs + Math.max(rates.weightNs, rates.computeNsPerToken * tokens) + rates.exchangeNsPerToken * tokens
  );
}

/** The attention of one layer on one card, its output projection split over `splitOver` cards. */
export function attentionRates(
  attention: AttentionSpec,
  hidden: number,
  setting: {
    readonly accelerator: Accelerator;
    readonly precision: AttentionPrecision;
    readonly splitOver: number;
    readonly contextTokens: number;
    readonly efficiency: Efficiency;
  },
): AttentionRates {
  const { accelerator, precision, contextTokens, efficiency } = setting;
  const memory = accelerator.memoryBytesPerSecond;
  const core = requirePeak(accelerator, precision).flopsPerSecond * efficiency.coreComputeShare;
  const gemm = requirePeak(accelerator, "auto").flopsPerSecond * efficiency.gemmComputeShare;
  const split = { cards: setting.splitOver, bytesPerWeight: 1 };
  return {
    overheadNs: efficiency.attentionOverheadNs,
    weightNs: ns(attentionWeightBytesPerCard(attention, hidden, split), memory * efficiency.weightBandwidthShare),
    projectionNsPerSequence: ns(MULTIPLY_ADD * attentionParameters(attention, hidden), gemm),
    kvNsPerSequence: ns(
      layerKvBytes(attention, contextTokens, kvElementBytes(attention, precision)),
      memory * efficiency.kvBandwidthShare,
    ),
    coreNsPerSequence: ns(layerAttentionFlops(attention, contextTokens), core),
  };
}

/** Bytes of a cached element: those of the model's 8-bit deployment, or 2. */
export function kvElementBytes(attention: AttentionSpec, precision: AttentionPrecision): number {
  if (attention.kind === "linear") return 0;
  return precision === "bf16" ? 2 : attention.kvBits / 8;
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

/** What a card of the FFN side holds and computes of one layer. */
export interface FfnShare {
  readonly weightBytes: number;
  /** Of each token of a micro-batch, on the busiest card. */
  readonly flopsPerToken: number;
}

/** The share of one layer's FFN that its busiest card has. */
export function ffnShare(
  ffn: FfnSpec,
  hidden: number,
  { instances, cards, parallelism, redundantExperts }: Omit<AfdDeployment["ffn"], "accelerator">,
  { hottestCardFactor }: Pick<Efficiency, "hottestCardFactor">,
): FfnShare {
  const allCards = instances * cards;
  if (ffn.kind === "dense") {
    const weights = swigluParameters(ffn.width, hidden);
    const heldBy = parallelism === "expert" ? instances : allCards;
    return { weightBytes: weights / heldBy, flopsPerToken: (MULTIPLY_ADD * weights) / allCards };
  }
  const expert = swigluParameters(ffn.expertDim, hidden);
  const shared = swigluParameters(ffn.sharedDim, hidden);
  const excess = hottestCardFactor - 1;
  // Experts of the fullest group, of which a card has its part. Groups of several cards level out more of the excess.
  const [groups, part, hottest] =
    parallelism === "expert"
      ? [allCards, 1, 1 + excess / (1 + redundantExperts)]
      : [instances, 1 / cards, instances === 1 ? 1 : 1 + excess / Math.sqrt(cards)];
  const held = Math.ceil(ffn.experts / groups) * part;
  const copies = parallelism === "expert" ? redundantExperts : 0;
  const chosen = ((ffn.router.topK * held) / ffn.experts) * hottest;
  return {
    weightBytes: (held + copies) * expert + shared / allCards,
    flopsPerToken: MULTIPLY_ADD * (chosen * expert + shared / allCards),
  };
}

function ffnRates(ffn: FfnSpec, hidden: number, side: AfdDeployment["ffn"], efficiency: Efficiency): FfnRates {
  const { accelerator, cards, parallelism } = side;
  const share = ffnShare(ffn, hidden, side, efficiency);
  const gathers = parallelism === "tensor" && cards > 1;
  return {
    overheadNs: efficiency.ffnOverheadNs,
    weightNs: ns(share.weightBytes, accelerator.memoryBytesPerSecond * efficiency.weightBandwidthShare),
    computeNsPerToken: ns(
      share.flopsPerToken,
      requirePeak(accelerator, "auto").flopsPerSecond * efficiency.gemmComputeShare,
    ),
    exchangeNsPerToken: gathers
      ? ns(
          ((cards - 1) / cards) * tokenShare(ffn, side) * (1 + COMBINE_BYTES) * hidden,
          efficiency.serverLinkBytesPerSecond * efficiency.networkShare,
        )
      : 0,
  };
}

/** Share of a micro-batch's tokens that come to one FFN instance. */
function tokenShare(ffn: FfnSpec, side: AfdDeployment["ffn"]): number {
  return fanOut(ffn, side) / side.instances;
}

/** FFN instances that a token goes to: all, but no more than it chooses experts. */
function fanOut(ffn: FfnSpec, { instances }: AfdDeployment["ffn"]): number {
  if (ffn.kind === "dense") return instances;
  return Math.min(instances, ffn.router.topK + (ffn.sharedDim > 0 ? 1 : 0));
}

function linkRates(
  ffn: FfnSpec,
  hidden: number,
  { attention, ffn: side }: AfdDeployment,
  efficiency: Efficiency,
): LinkRates {
  const serverLink = efficiency.serverLinkBytesPerSecond * efficiency.networkShare;
  return {
    latencyNs: efficiency.linkLatencyNs,
    attentionLinkNsPerToken: ns((fanOut(ffn, side) * hidden) / attention.instances, nicRate(attention, efficiency)),
    ffnLinkNsPerToken: ns(tokenShare(ffn, side) * hidden, nicRate(side, efficiency)),
    spreadNsPerToken: ns(spreadCopies(ffn, side, efficiency) * hidden, serverLink),
  };
}

/** Hidden states that the busiest card gets from others of its server, for each token of a micro-batch. */
function spreadCopies(ffn: FfnSpec, side: AfdDeployment["ffn"], { hottestCardFactor }: Efficiency): number {
  const { instances, cards, parallelism } = side;
  if (ffn.kind === "dense" || parallelism === "tensor") return 0;
  const choices = ffn.router.topK * hottestCardFactor + (ffn.sharedDim > 0 ? 1 : 0);
  return (choices * (cards - 1)) / cards / (instances * cards);
}

/** What an instance's NICs carry, one direction. */
function nicRate({ accelerator, cards }: InstanceGroup, { networkShare }: Efficiency): number {
  return cardNetworkBytesPerSecond(accelerator) * cards * networkShare;
}

/**
 * A card's part of its server's network, one direction.
 * @throws InvalidInputError where the catalog has no network of it
 */
export function cardNetworkBytesPerSecond({ name, networkBytesPerSecond, cardsPerServer }: Accelerator): number {
  if (networkBytesPerSecond !== undefined && cardsPerServer !== undefined) {
    return networkBytesPerSecond / cardsPerServer;
  }
  const figure = networkBytesPerSecond === undefined ? "networkBytesPerSecond" : "cardsPerServer";
  throw new InvalidInputError({
    field: `${name}.${figure}`,
    value: undefined,
    expected: `a figure that the catalog has not got: give it with --set ${name}.${figure}=VALUE`,
  });
}

/** @throws InvalidInputError where the card has no peak in it */
export function requirePeak(accelerator: Accelerator, precision: AttentionPrecision): Peak {
  const peak = peakFor(accelerator, precision);
  if (peak !== undefined) return peak;
  throw new InvalidInputError({ field: "precision", value: precision, expected: `one that ${accelerator.name} has` });
}

function requireWhole(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new InvalidInputError({ field, value, expected: "a whole number of at least 1" });
}

function ns(amount: number, perSecond: number): number {
  return (amount / perSecond) * 1e9;
}
