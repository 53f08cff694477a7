import type { StageRates } from "../theory/stageTimes.ts";
import type { Cut, PlanQuestion } from "./planQuestion.ts";

/** What is quick to know of a step: for each limit its time without tokens, and the least that a token adds. */
export interface StepBounds {
  readonly none: { readonly attention: number; readonly ffn: number };
  readonly perToken: {
    readonly attention: number;
    readonly ffn: number;
    readonly shared: number;
    readonly duplex: number;
  };
  /** Tokens from which the FFN's products take longer than reading its weights, in any layer with experts. */
  readonly ridgeTokens: number;
  /** Of the weights alone, which every step reads. */
  readonly ffnFloorNs: number;
  readonly attentionFloorNs: number;
}

/** The bounds of a deployment's steps. */
export function boundsOf(rates: StageRates): StepBounds {
  const none = { attention: 0, ffn: 0 };
  const perToken = { attention: 0, ffn: 0, attentionLink: 0, ffnLink: 0 };
  let ridgeTokens = 0;
  let ffnFloorNs = 0;
  let attentionFloorNs = 0;
  for (const { layers, attention, ffn, link } of rates.kinds) {
    none.attention += layers * attention.overheadNs;
    none.ffn += layers * ffn.overheadNs;
    attentionFloorNs += layers * (attention.overheadNs + attention.weightNs);
    ffnFloorNs += layers * (ffn.overheadNs + ffn.weightNs);
    const core = Math.max(attention.kvNsPerSequence, attention.coreNsPerSequence);
    perToken.attention += (layers * (core + attention.projectionNsPerSequence)) / rates.attentionCards;
    perToken.ffn += layers * (ffn.computeNsPerToken + ffn.exchangeNsPerToken);
    perToken.attentionLink += layers * link.attentionLinkNsPerToken;
    perToken.ffnLink += layers * link.ffnLinkNsPerToken;
    ridgeTokens = Math.max(ridgeTokens, ffn.weightNs / ffn.computeNsPerToken);
  }
  const link = Math.max(perToken.attentionLink, perToken.ffnLink);
  return {
    none,
    perToken: { attention: perToken.attention, ffn: perToken.ffn, shared: 3 * link, duplex: 2 * link },
    ridgeTokens,
    ffnFloorNs,
    attentionFloorNs,
  };
}

/** The most tokens of a micro-batch that each limit alone would allow, what limits them, and the least that a step takes. */
export function boundWithin(
  bounds: StepBounds,
  held: number,
  microBatches: number,
  stepNs: number,
  { linkUse, sequences = Number.POSITIVE_INFINITY }: PlanQuestion,
): { readonly tokens: number; readonly cut: Cut; readonly stepNs: number } {
  const { none, perToken } = bounds;
  const share = stepNs / microBatches;
  const limits: readonly (readonly [Cut, number])[] = [
    ["memory", held],
    ["network", share / perToken[linkUse]],
    ["attention", (share - none.attention) / perToken.attention],
    ["ffn", (share - none.ffn) / perToken.ffn],
  ];
  const [cut, most] = limits.reduce((least, one) => (one[1] < least[1] ? one : least));
  const tokens = Math.min(most, Math.floor(sequences / microBatches));
  const stageNs = Math.max(
    bounds.attentionFloorNs,
    bounds.ffnFloorNs,
    none.attention + tokens * perToken.attention,
    none.ffn + tokens * perToken.ffn,
    tokens * perToken[linkUse],
  );
  const sparse = cut === "network" && most < bounds.ridgeTokens;
  return { tokens, cut: sparse ? "sparsity" : cut, stepNs: microBatches * stageNs };
}
