import type { Accelerator } from "./accelerator.ts";
import { MEBIBYTE, sourced } from "./sourced.ts";

const TABLE_4 = "Step-3 report (arXiv 2507.19427), Table 4";
const TABLE_7 = "Step-3 report (arXiv 2507.19427), Table 7: 8 NICs for a server of 8 cards";

const H100_GPU = "NVIDIA H100 white paper, H100 SXM5, whose GPU an H800 has";
const A100_GPU = "NVIDIA A100 white paper, whose GPU an A800 has";
const H20_DEVICE = "RightNow-AI/AutoMegaKernel pull request 3: an H20 as CUDA describes it";
const CANN_910B2 = "CANN's Ascend910B2.ini as huawei-csl/pto-dsl's matmul guide prints it (04b7ef6)";

/** The accelerators that the report compares, with the figures that it calculates with. */
export const REPORT_ACCELERATORS: readonly Accelerator[] = [
  sourced("h800", TABLE_4, {
    usdPerHour: [2.0],
    peakFp8FlopsPerSecond: [1.98e15],
    peakBf16FlopsPerSecond: [9.89e14],
    memoryBytesPerSecond: [3.35e12],
    memoryBytes: [80e9, "ai-dynamo/aiconfigurator pull request 968: an H800 SXM has the HBM of an H100 SXM, 80 GB"],
    l2Bytes: [50 * MEBIBYTE, H100_GPU],
    cores: [132, H100_GPU],
    networkBytesPerSecond: [4.0e11, TABLE_7],
    cardsPerServer: [8, TABLE_7],
  }),
  sourced("h20", TABLE_4, {
    usdPerHour: [0.8],
    peakFp8FlopsPerSecond: [2.96e14],
    peakBf16FlopsPerSecond: [1.48e14],
    memoryBytesPerSecond: [4.0e12],
    memoryBytes: [96e9, "InternLM/lmdeploy issue 2960: each H20 has 96 GB"],
    l2Bytes: [60 * MEBIBYTE, H20_DEVICE],
    cores: [78, H20_DEVICE],
    networkBytesPerSecond: [4.0e11, TABLE_7],
    cardsPerServer: [8, TABLE_7],
  }),
  sourced("a800", TABLE_4, {
    usdPerHour: [0.75],
    peakBf16FlopsPerSecond: [3.12e14],
    memoryBytesPerSecond: [2.0e12],
    memoryBytes: [80e9, "the name that NVIDIA's driver gives the card: NVIDIA A800-SXM4-80GB"],
    l2Bytes: [40 * MEBIBYTE, A100_GPU],
    cores: [108, A100_GPU],
    networkBytesPerSecond: [2.0e11, TABLE_7],
    cardsPerServer: [8, TABLE_7],
  }),
  sourced("910b", TABLE_4, {
    usdPerHour: [0.67, `${TABLE_4}, which estimates it in proportion to the A800's`],
    peakBf16FlopsPerSecond: [2.8e14],
    memoryBytesPerSecond: [1.6e12],
    memoryBytes: [
      64e9,
      "SGLang documentation, Ascend NPU reference: Atlas 800I A2 (Ascend 910B), 64 GB a die, one die a card",
    ],
    l2Bytes: [192 * MEBIBYTE, `${CANN_910B2}; a 910B4 has half`],
    cores: [24, `${CANN_910B2}; a 910B3 and a 910B4 have 20`],
    networkBytesPerSecond: [2.0e11, TABLE_7],
    cardsPerServer: [8, TABLE_7],
  }),
];
