/**
 * What real kernels and networks reach of an accelerator's figures, and what a layer costs beside them: one set for all
 * accelerators, models and deployments. Each is a term that one can see and set.
 */
export interface Efficiency {
  /** Of the memory bandwidth, reading KV. */
  readonly kvBandwidthShare: number;
  /** Of the peak, in the attention core. */
  readonly coreComputeShare: number;
  /** Of the memory bandwidth, reading weights. */
  readonly weightBandwidthShare: number;
  /** Of the peak, in products with weights. */
  readonly gemmComputeShare: number;
  /** Of the NICs and of the links inside a server. */
  readonly networkShare: number;
  /** Of one card to the others of its server, one direction. */
  readonly serverLinkBytesPerSecond: number;
  /** Of a message, beside its bytes. */
  readonly linkLatencyNs: number;
  /** Norms, RoPE, quantization, launches: of one layer's attention for one micro-batch. */
  readonly attentionOverheadNs: number;
  /** Routing, permutation, activations, sums, launches: of one layer's FFN for one micro-batch. */
  readonly ffnOverheadNs: number;
  /** Tokens of the hottest card of an expert-parallel group over the mean, at least 1. */
  readonly hottestCardFactor: number;
  /** Of the mean contexts of cards, where contexts differ, the one that the busiest card has: a probability from 0.5. */
  readonly contextQuantile: number;
  /** Of a card's memory, for weights and KV. */
  readonly memoryShare: number;
  /** By which a step's mean TPOT exceeds the least one: jitter and stragglers. */
  readonly jitterNs: number;
}

type EfficiencyName = keyof Efficiency;

/** A constant with where it comes from. */
export interface SourcedConstant {
  readonly value: number;
  readonly source: string;
}

const TABLE_9 = "Step-3 report, Table 9 (H800, 64 sequences a card)";

/** The constants, each with its source. `ffnOverheadNs` alone is fitted to throughput (Table 8, one row of six). */
export const EFFICIENCY_SOURCES: Readonly<Record<EfficiencyName, SourcedConstant>> = {
  kvBandwidthShare: {
    value: 0.94,
    source: `${TABLE_9}: MFA takes 510 us more at 32K than at 8K, for 1.61 GB of KV`,
  },
  coreComputeShare: {
    value: 0.62,
    source: `${TABLE_9}: MLA takes 753 us more at 32K than at 8K, for 464 GFLOP in BF16`,
  },
  weightBandwidthShare: {
    value: 0.86,
    source: "fit of H800 grouped FP8 GEMM of alibaba/InferSim bench_data with few tokens per expert",
  },
  gemmComputeShare: {
    value: 0.38,
    source:
      "mean of the 16 rows of H800 masked grouped FP8 GEMM of alibaba/InferSim and DeepGEMM with 128 or 256 tokens per expert, 10 us a call taken off",
  },
  networkShare: { value: 0.8, source: "Step-3 report, section 5.4: 40 of 50 GB/s a NIC on H800" },
  serverLinkBytesPerSecond: { value: 200e9, source: "NVLink of H800: 400 GB/s in both directions" },
  linkLatencyNs: {
    value: 13_000,
    source: "ai-dynamo/aiconfigurator, DeepEP low-latency on one H100 node: dispatch of one token a rank",
  },
  attentionOverheadNs: {
    value: 85_000,
    source: `${TABLE_9}: what KV and projections (output's split over the 4 cards) leave of 281 us (MFA, 83) and 372 us (MLA, 87)`,
  },
  ffnOverheadNs: {
    value: 100_000,
    source: "fit to Step-3 report, Table 8, row 2A2F: the one constant that is fitted to that table",
  },
  hottestCardFactor: {
    value: 1.1,
    source:
      "even random routing: 1 + sqrt(2 ln cards / choices of a card) is 1.12 for 384 choices on each of 16 cards, 1.14 for 512 on 128",
  },
  contextQuantile: { value: 0.99, source: "an assumption: the busiest of a hundred attention cards" },
  memoryShare: { value: 0.9, source: "the share that serving engines take by default (vLLM, gpu_memory_utilization)" },
  jitterNs: {
    value: 2e6,
    source:
      "Step-3 report, section 7.1: the gap between the least and the mean TPOT (1.6 ms by the 4039 and 3910 tokens/s of its row 2A2F)",
  },
};

/** Names of the constants, as `--set efficiency.NAME=VALUE` takes them. */
export const EFFICIENCY_NAMES = Object.keys(EFFICIENCY_SOURCES) as readonly EfficiencyName[];

/** The values of the constants. */
export const EFFICIENCY: Efficiency = Object.fromEntries(
  EFFICIENCY_NAMES.map((name) => [name, EFFICIENCY_SOURCES[name].value]),
) as Record<EfficiencyName, number>;

/** Peaks, bandwidths and networks as their data sheets have them, and nothing beside the roofline. */
export const IDEAL: Efficiency = {
  ...EFFICIENCY,
  kvBandwidthShare: 1,
  coreComputeShare: 1,
  weightBandwidthShare: 1,
  gemmComputeShare: 1,
  networkShare: 1,
  linkLatencyNs: 0,
  attentionOverheadNs: 0,
  ffnOverheadNs: 0,
  hottestCardFactor: 1,
  memoryShare: 1,
  jitterNs: 0,
};
