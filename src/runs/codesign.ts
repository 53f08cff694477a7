import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard, MoeFfnSpec } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import type { CodesignRow } from "../record/codesignRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { CodesignDocument } from "../record/schemas.ts";
import { type PrecisionChoice, peakFor } from "../theory/precision.ts";
import { type Bound, type Roofs, ridgeFlopsPerByte } from "../theory/roofline.ts";
import {
  denseBatchTokens,
  expertsForSparsity,
  leastSparsity,
  moeBatchTokens,
  moeSparsity,
} from "../theory/sparsity.ts";
import { type ByteLimit, cardsForFfn, sequencesPerCard, stageNs } from "../theory/stageBudget.ts";
import { formatBytes, formatNumber } from "../units/format.ts";
import { attentionFlopsPerByte, effectiveRank, type FlopConvention } from "../workload/per-token.ts";
import { recordEnvironment } from "./environment.ts";
import type { HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes, type ModelChoice } from "./models.ts";

/** What `codesign` judges a model by. */
export interface CodesignSettings {
  readonly model: ModelChoice;
  readonly contextTokens: number;
  /** Names, `all`, or accelerators of the caller's own; none: those of the Step-3 report. */
  readonly hardware: readonly HardwareItem[];
  /** Fields of the model and figures of accelerators to replace, each `NAME.FIELD=VALUE`. */
  readonly settings: readonly string[];
  readonly precision: PrecisionChoice;
  readonly tpotNs: number;
  /** Stages of the pipeline: 3 (attention, network, FFN) or 4 (the network's two directions apart). */
  readonly stages: number;
  /** Of an FFN instance's server, one direction; absent: each accelerator's own. */
  readonly networkBytesPerSecond?: number;
  /** Bits of a cached element for the what-if rows. */
  readonly kvBits: number;
  /** Tokens guessed ahead for the what-if rows. */
  readonly draftTokens: number;
  readonly cardsPerInstance: number;
  /** Share of the bandwidth that the FFN's weights get. */
  readonly ffnBandwidthShare: number;
  readonly convention: FlopConvention;
}

type Finding = Pick<CodesignRow, "quantity" | "unit"> &
  Partial<Pick<CodesignRow, "value" | "bound" | "verdict" | "kvBits" | "draftTokens">>;

/**
 * What the report's co-design reasoning says of a model: intensity against ridge points, batches and sparsity that keep
 * experts compute-bound, and what fits into the stages of a TPOT.
 * @throws InvalidInputError on an unknown model or accelerator
 * @source Step-3 report, sections 3, 5 and 6
 */
export async function codesign(settings: CodesignSettings): Promise<CodesignDocument> {
  const { models, hardware } = await modelsAndHardware({ ...settings, models: [settings.model] });
  const { accelerators, notes } = hardware;
  const [card] = models;
  if (card === undefined) throw new Error("no model to judge");
  const context = { model: card.name, contextTokens: settings.contextTokens };
  const rows = [
    ...modelFindings(card, settings).map((finding): CodesignRow => ({ kind: "modeled", ...context, ...finding })),
    ...accelerators.flatMap((accelerator) =>
      acceleratorFindings(card, accelerator, settings).map(
        (finding): CodesignRow => ({ kind: "modeled", ...context, accelerator: accelerator.name, ...finding }),
      ),
    ),
  ];
  return {
    schema: DOCUMENT_SCHEMA,
    command: "codesign",
    environment: recordEnvironment(),
    rows,
    notes: [
      "All values are modeled. Weights and KV are of 8 bits, with 16 bits where a model's layers keep their KV in BF16.",
      "Least sparsity: 8-bit dispatch and 16-bit combine of every token's hidden state within one stage (Step-3 report, section 5.4).",
      `A card of an attention instance of ${settings.cardsPerInstance} holds all projections but the output's, which is split (section 6); the FFN gets ${formatNumber(settings.ffnBandwidthShare * 100)}% of the bandwidth.`,
      ...notes,
      ...cardNotes(models),
    ],
  };
}

function modelFindings(card: ModelCard, settings: CodesignSettings): Finding[] {
  const stage = stageNs(settings.tpotNs, settings.stages);
  const moe = moeOf(card);
  const ranks = [...new Set(card.layers.map(({ attention }) => effectiveRank(attention)))];
  return [
    { quantity: "stageNs", value: stage, unit: "ns", verdict: `TPOT over ${settings.stages} stages, all layers` },
    {
      quantity: "stageNsPerLayer",
      value: stage / card.layers.length,
      unit: "ns",
      verdict: `a stage over ${card.layers.length} layers`,
    },
    ...ranks.map((value): Finding => ({ quantity: "effectiveRank", value, unit: "count" })),
    ...(moe === undefined
      ? []
      : [
          {
            quantity: "sparsity",
            value: moeSparsity(moe),
            unit: "fraction" as const,
            verdict: `top ${moe.router.topK} of ${moe.experts} experts, shared ones counted`,
          },
        ]),
  ];
}

function acceleratorFindings(card: ModelCard, accelerator: Accelerator, settings: CodesignSettings): Finding[] {
  const peak = peakFor(accelerator, settings.precision);
  if (peak === undefined) {
    const verdict = `${accelerator.name} has no ${settings.precision} peak`;
    return [{ quantity: "ridgeFlopsPerByte", unit: "FLOP/byte", verdict }];
  }
  const bytesPerSecond = accelerator.memoryBytesPerSecond;
  const roofs = { flopsPerSecond: peak.flopsPerSecond, bytesPerSecond };
  return [
    {
      quantity: "ridgeFlopsPerByte",
      value: ridgeFlopsPerByte(roofs),
      unit: "FLOP/byte",
      verdict: `in ${peak.precision}`,
    },
    ...intensityFindings(card, roofs, settings),
    ...batchFindings(card, accelerator, roofs, settings),
    ...feasibilityFindings(card, accelerator, settings),
  ];
}

/** Attention's intensity as it is, with fewer KV bits, and with drafts, which share the KV bytes. */
function intensityFindings(card: ModelCard, roofs: Roofs, settings: CodesignSettings): Finding[] {
  const { contextTokens, convention, kvBits, draftTokens } = settings;
  const plain = attentionFlopsPerByte(card, { contextTokens, convention });
  const fewerBits = attentionFlopsPerByte(card, { contextTokens, convention, kvBits });
  const drafted = 1 + draftTokens;
  return [
    intensityFinding(plain, roofs),
    { ...intensityFinding(fewerBits, roofs), kvBits },
    { ...intensityFinding(plain * drafted, roofs), draftTokens },
    { ...intensityFinding(fewerBits * drafted, roofs), kvBits, draftTokens },
  ];
}

function intensityFinding(value: number, roofs: Roofs): Finding {
  const ridge = ridgeFlopsPerByte(roofs);
  const bound: Bound = value < ridge ? "memory" : "compute";
  const sign = value < ridge ? "<" : "≥";
  const share = Math.min(value, ridge) / Math.max(value, ridge);
  const idle = bound === "memory" ? "of the peak" : "of the bandwidth";
  const verdict = `${formatNumber(value)} ${sign} ${formatNumber(ridge)}: ${formatNumber(share * 100)}% ${idle} used`;
  return { quantity: "attentionFlopsPerByte", value, unit: "FLOP/byte", bound, verdict };
}

function batchFindings(card: ModelCard, accelerator: Accelerator, roofs: Roofs, settings: CodesignSettings): Finding[] {
  const dense: Finding = {
    quantity: "denseBatchTokens",
    value: denseBatchTokens(roofs),
    unit: "tokens",
    bound: "memory",
  };
  const moe = moeOf(card);
  if (moe === undefined) return [dense];
  const sparsity = moeSparsity(moe);
  return [
    { ...dense, verdict: "fewer leave dense layers memory-bound" },
    {
      quantity: "moeBatchTokens",
      value: moeBatchTokens(roofs, sparsity),
      unit: "tokens",
      bound: "memory",
      verdict: "fewer leave experts memory-bound",
    },
    ...sparsityFindings(card, moe, accelerator, roofs, settings),
  ];
}

function sparsityFindings(
  card: ModelCard,
  moe: MoeFfnSpec,
  { name, networkBytesPerSecond: ownNetwork }: Accelerator,
  roofs: Roofs,
  { networkBytesPerSecond = ownNetwork, tpotNs, stages }: CodesignSettings,
): Finding[] {
  if (networkBytesPerSecond === undefined) {
    const verdict = `no network figure of ${name}: give --net or --set ${name}.networkBytesPerSecond=RATE`;
    return [{ quantity: "leastSparsity", unit: "fraction", bound: "network", verdict }];
  }
  const stageSeconds = stageNs(tpotNs, stages) / 1e9;
  const least = leastSparsity({
    roofs,
    hidden: card.hidden,
    layers: card.layers.length,
    networkBytesPerSecond,
    stageSeconds,
  });
  const own = moeSparsity(moe);
  const finding = { quantity: "leastSparsity", value: least, unit: "fraction" as const };
  if (own >= least) {
    return [{ ...finding, verdict: `carried on ${name}: ${formatNumber(own, 2)} ≥ ${formatNumber(least, 2)}` }];
  }
  const experts = expertsForSparsity(moe, least);
  const need = experts > moe.experts ? "more experts than it has" : `${experts} experts`;
  return [
    {
      ...finding,
      bound: "network",
      verdict: `over-sparse on ${name}: ${formatNumber(own, 2)} < ${formatNumber(least, 2)}, would need ${need}`,
    },
    { quantity: "expertsNeeded", value: experts, unit: "experts", bound: "network" },
  ];
}

/** What the stages of the TPOT and the memory leave for KV on a card, and the cards that the FFN's weights take. */
function feasibilityFindings(card: ModelCard, accelerator: Accelerator, settings: CodesignSettings): Finding[] {
  const { contextTokens, cardsPerInstance, ffnBandwidthShare } = settings;
  const { memoryBytesPerSecond: bytesPerSecond, memoryBytes, cardsPerServer = cardsPerInstance } = accelerator;
  const stage = stageNs(settings.tpotNs, settings.stages);
  const onCard = { stageNs: stage, memoryBytes };
  const attention = sequencesPerCard(card, { ...onCard, bytesPerSecond, cards: cardsPerInstance, contextTokens });
  const ffn = cardsForFfn(card, { ...onCard, bytesPerSecond: bytesPerSecond * ffnBandwidthShare, cardsPerServer });
  const sequences = Math.max(0, Math.floor(attention.sequences));
  const bound = BOUND_OF_LIMIT[attention.budget.limit];
  const fits =
    attention.kvBytes > 0
      ? `${sequences} sequences of ${contextTokens} tokens`
      : `infeasible: weights of ${formatBytes(attention.weightBytes)} alone are more`;
  return [
    {
      quantity: "stageBytesPerCard",
      value: attention.budget.bytes,
      unit: "byte",
      bound,
      verdict: attention.budget.limit === "bandwidth" ? "read in a stage, all layers" : "all of its memory",
    },
    { quantity: "attentionWeightBytesPerCard", value: attention.weightBytes, unit: "byte" },
    { quantity: "attentionKvBytesPerCard", value: Math.max(0, attention.kvBytes), unit: "byte", bound },
    { quantity: "attentionSequencesPerCard", value: sequences, unit: "sequences", bound, verdict: fits },
    {
      quantity: "ffnCards",
      value: ffn.cards,
      unit: "cards",
      bound: BOUND_OF_LIMIT[ffn.perCard.limit],
      verdict: `${formatBytes(ffn.weightBytes)} of weights at ${formatBytes(ffn.perCard.bytes)} a card: ${ffn.servers} server${ffn.servers === 1 ? "" : "s"} of ${cardsPerServer}`,
    },
  ];
}

const BOUND_OF_LIMIT = { bandwidth: "memory", capacity: "capacity" } as const satisfies Record<ByteLimit, unknown>;
