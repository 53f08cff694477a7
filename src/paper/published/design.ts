import { rounded, truncated } from "../printed.ts";

/** @source Step-3 report, Table 1; parameters are those of the language model */
export const TABLE_1 = {
  layers: rounded("61"),
  hidden: rounded("7168"),
  queryRank: rounded("2048"),
  queryHeads: rounded("64"),
  headDim: rounded("256"),
  sharedExperts: rounded("1"),
  parametersTotal: rounded("316 billion"),
  parametersActivated: rounded("38 billion"),
} as const;

/** The targets that stages follow from: inputs of the report. @source Step-3 report, section 3.1 */
export const TARGETS = { tpot: rounded("50 ms"), stages: 3, stagesOfFour: 4 } as const;

/** Budgets of a stage over all layers, and of one layer. @source Step-3 report, section 3.1 and section 6 */
export const SECTION_3 = {
  /** 50 ms / 3 = 16.67 ms. */
  stage: truncated("16.6 ms"),
  stagePerLayer: rounded("272 µs"),
  stageOfFour: rounded("12.5 ms"),
} as const;

/** Attention FLOPs per byte of 8-bit KV, and effective rank. @source Step-3 report, section 5.1 */
export const SECTION_5 = {
  DSv3: { flopsPerByte: rounded("512"), effectiveRank: rounded("16384") },
  "Qwen3 MoE": { flopsPerByte: rounded("32"), effectiveRank: rounded("8192") },
  "Step-3": { flopsPerByte: rounded("128"), effectiveRank: rounded("16384") },
} as const;

/** Step-3 on weaker cards. @source Step-3 report, section 6 */
export const SECTION_6 = {
  budgetBytes: rounded("235 MB"),
  weightBytes: rounded("67 MB"),
  kvBytes: rounded("168 MB"),
  kvRowBytes: rounded("512"),
  /** A limit, rounded down. */
  contextTokens: truncated("328 K"),
  /** The batch has to stay below this one. */
  batchLimit: rounded("41"),
  /** 117.5 MB. */
  ffnBytesPerLayer: truncated("117 MB"),
  /** 7.17 GB. */
  ffnBytes: truncated("7.1 GB"),
  ffnServers: rounded("6"),
  ffnCards: rounded("48"),
  ffnCardsOfL4: rounded("144"),
} as const;

/** Assumptions of the same section. @source Step-3 report, section 6 and its footnote 7 */
export const SECTION_6_INPUTS = { cardsPerServer: 8, ffnBandwidthShare: 0.5 } as const;
