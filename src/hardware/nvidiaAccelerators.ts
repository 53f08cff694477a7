import type { Accelerator } from "./accelerator.ts";
import { MEBIBYTE, sourced } from "./sourced.ts";

const A100 = "NVIDIA A100 data sheet, 80GB SXM, without sparsity";
const A40 = "NVIDIA A40 data sheet, without sparsity";
const L4 = "NVIDIA L4 data sheet";
const L20 = "SemiAnalysis, Nvidia's New China AI Chips (November 2023), table of H20, L20 and L2";
const RTX_4090 = "NVIDIA Ada white paper, GeForce RTX 4090, dense";
const H100 = "NVIDIA H100 white paper, H100 SXM5, dense";
const H100_SHEET = "NVIDIA H100 data sheet, SXM";
const H200 = "NVIDIA H200 data sheet, SXM";
const BLACKWELL = "NVIDIA Blackwell data sheet, GB200 NVL72 and HGX B200";

const GA102 = "NVIDIA GA102 white paper: all of the GPU";
const A100_PAPER = "NVIDIA A100 white paper";
const L20_GPU = "TopCPU, NVIDIA A40 PCIe vs L20 (2025)";
const GH100 = "Chips and Cheese, Nvidia's H100 (2023-07-02)";
const B200_DEVICE = "pytorch/ao pull request 4002: a B200 as CUDA describes it";
const BLACKWELL_GUIDE = "NVIDIA Blackwell Tuning Guide: 126 MB, of which a B200 has 126.5 as CUDA describes it";

const LAMBDA = "Lambda price list of 2026-09-20 (quoted by api-evangelist/lambda-labs), on-demand, 8x";

/** Cards of NVIDIA beside those of the report. Peaks are dense rates; FP8 and BF16 ones accumulate in FP32. */
export const NVIDIA_ACCELERATORS: readonly Accelerator[] = [
  sourced("a40", A40, {
    usdPerHour: [0.44, "RunPod price list of 2026-08-19 (quoted by privum/ai-compute-prices), Secure Cloud"],
    peakInt8FlopsPerSecond: [2.993e14],
    peakBf16FlopsPerSecond: [1.497e14],
    memoryBytesPerSecond: [6.96e11],
    memoryBytes: [48e9],
    l2Bytes: [6 * MEBIBYTE, GA102],
    cores: [84, GA102],
  }),
  sourced("a100", A100, {
    usdPerHour: [2.79, `${LAMBDA} A100 SXM 80 GB`],
    peakInt8FlopsPerSecond: [6.24e14],
    peakBf16FlopsPerSecond: [3.12e14],
    memoryBytesPerSecond: [2.039e12],
    memoryBytes: [80e9],
    l2Bytes: [40 * MEBIBYTE, A100_PAPER],
    cores: [108, A100_PAPER],
    ...server("NVIDIA DGX A100 data sheet: 8 single-port InfiniBand NICs of 200 Gb/s for the cluster network", 8, 200),
  }),
  sourced("l4", L4, {
    usdPerHour: [
      0.71,
      "Google Cloud on-demand price of g2-standard-4 with one L4 as third parties quote it (2026), us-central1, rounded",
    ],
    peakFp8FlopsPerSecond: [2.425e14, halved(L4)],
    peakInt8FlopsPerSecond: [2.425e14, halved(L4)],
    peakBf16FlopsPerSecond: [1.21e14, halved(L4)],
    memoryBytesPerSecond: [3.0e11],
    memoryBytes: [24e9],
    l2Bytes: [48 * MEBIBYTE, "fpsbench.com, NVIDIA L4"],
    cores: [58, "fpsbench.com, NVIDIA L4: 7424 shaders, 128 a core"],
  }),
  sourced("l20", L20, {
    peakFp8FlopsPerSecond: [2.39e14],
    peakInt8FlopsPerSecond: [2.39e14],
    peakBf16FlopsPerSecond: [1.195e14],
    memoryBytesPerSecond: [8.64e11, "Step-3 report (arXiv 2507.19427), section 6"],
    memoryBytes: [48e9],
    l2Bytes: [96 * MEBIBYTE, L20_GPU],
    cores: [92, L20_GPU],
  }),
  sourced("rtx-4090", RTX_4090, {
    usdPerHour: [0.34, "RunPod price of 2026-03-21 as Deploybase quotes it (its pages differ on whether it is spot)"],
    peakFp8FlopsPerSecond: [3.303e14, `${RTX_4090}, accumulating in FP32 (660.6 in FP16)`],
    peakInt8FlopsPerSecond: [6.606e14],
    peakBf16FlopsPerSecond: [1.652e14],
    memoryBytesPerSecond: [1.008e12],
    memoryBytes: [24e9],
    l2Bytes: [72 * MEBIBYTE],
    cores: [128],
  }),
  sourced("h100", H100, {
    usdPerHour: [3.99, `${LAMBDA} H100 SXM`],
    peakFp8FlopsPerSecond: [1.9789e15],
    peakInt8FlopsPerSecond: [1.9789e15],
    peakBf16FlopsPerSecond: [9.894e14],
    memoryBytesPerSecond: [3.35e12, H100_SHEET],
    memoryBytes: [80e9, H100_SHEET],
    l2Bytes: [50 * MEBIBYTE],
    cores: [132],
    ...server("NVIDIA DGX H100 data sheet: 8 single-port ConnectX-7 of 400 Gb/s", 8, 400),
  }),
  sourced("h200", H200, {
    usdPerHour: [4.29, "Crusoe price list of 2026-09-20 (quoted by api-evangelist/crusoe), on-demand, H200 141GB HGX"],
    peakFp8FlopsPerSecond: [1.979e15, halved(H200)],
    peakInt8FlopsPerSecond: [1.979e15, halved(H200)],
    peakBf16FlopsPerSecond: [9.895e14, halved(H200)],
    memoryBytesPerSecond: [4.8e12],
    memoryBytes: [141e9],
    l2Bytes: [
      60 * MEBIBYTE,
      `${GH100}: 60 MB for the 12 memory controllers of the die, all of which an H200 has (accel-sim-framework issue 534)`,
    ],
    cores: [132, `${H100}, whose die an H200 has`],
    ...server("NVIDIA DGX H200 data sheet: 8 single-port ConnectX-7 of 400 Gb/s", 8, 400),
  }),
  sourced("b200", BLACKWELL, {
    usdPerHour: [6.69, `${LAMBDA} B200 SXM6`],
    peakFp4FlopsPerSecond: [9.0e15, halved(BLACKWELL)],
    peakFp8FlopsPerSecond: [4.5e15, halved(BLACKWELL)],
    peakInt8FlopsPerSecond: [4.5e15, halved(BLACKWELL)],
    peakBf16FlopsPerSecond: [2.25e15, halved(BLACKWELL)],
    memoryBytesPerSecond: [7.7e12],
    memoryBytes: [180e9],
    l2Bytes: [126.5 * MEBIBYTE, B200_DEVICE],
    cores: [148, B200_DEVICE],
    ...server("NVIDIA DGX B200 data sheet: 8 single-port ConnectX-7 of 400 Gb/s", 8, 400),
  }),
  sourced("gb200", BLACKWELL, {
    peakFp4FlopsPerSecond: [1.0e16, halved(BLACKWELL)],
    peakFp8FlopsPerSecond: [5.0e15, halved(BLACKWELL)],
    peakInt8FlopsPerSecond: [5.0e15, halved(BLACKWELL)],
    peakBf16FlopsPerSecond: [2.5e15, halved(BLACKWELL)],
    memoryBytesPerSecond: [8.0e12],
    memoryBytes: [186e9],
    l2Bytes: [126.5 * MEBIBYTE, BLACKWELL_GUIDE],
    cores: [152, "FlashInfer, statistics of its MXFP8 x MXFP4 MoE kernel: a GB200 has 152"],
    ...server("NVIDIA DGX GB200 data sheet: 72 ConnectX-7 of 400 Gb/s for 18 compute trays of 4 GPUs; a tray", 4, 400),
  }),
];

/** Where a data sheet prints the rate with 2:4 sparsity, which doubles it. */
function halved(source: string): string {
  return `half of what the ${source}, prints with sparsity`;
}

/** A server whose every card has a NIC of so many gigabits per second. */
function server(source: string, cards: number, gigabitsPerNic: number) {
  return {
    networkBytesPerSecond: [(cards * gigabitsPerNic * 1e9) / 8, source],
    cardsPerServer: [cards, source],
  } as const;
}
