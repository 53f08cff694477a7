import type { Accelerator } from "./accelerator.ts";
import { MEBIBYTE, sourced } from "./sourced.ts";

const ASCEND_376 = "assumed: a 910B faster than the report's";
const ASCEND_MEASURED = "published kernel times of a 910B (hudingyi688/aiconfigurator-npu, 90d7765, variant not named)";
const ASCEND_910B2 = "assumed: a 910B2's, as of 910b";
const CDNA_3 = "AMD CDNA 3 white paper, MI300X";
const MI300X = "AMD Instinct MI300X data sheet, without sparsity";
const MI210 = "AMD Instinct MI210 data sheet, without sparsity";
const CDNA_2 = "AMD CDNA 2 white paper, one graphics compute die";
const ND_MI300X = "Microsoft Learn, ND MI300X v5: 8 GPUs, each with an InfiniBand NIC of 400 Gb/s";
const TPU_V5E = "Google Cloud documentation, TPU v5e";
const TPU_V6E = "Google Cloud documentation, TPU v6e";
const TPU_PRICE = "Google Cloud on-demand price per chip as third parties quote it (2025)";

/** Accelerators of other makers beside those of the report. Peaks are dense rates. */
export const OTHER_ACCELERATORS: readonly Accelerator[] = [
  sourced("910b-376", ASCEND_376, {
    peakInt8FlopsPerSecond: [7.52e14, `${ASCEND_376}: twice BF16; ${ASCEND_MEASURED} reach 593 TOP/s`],
    peakBf16FlopsPerSecond: [3.76e14, `${ASCEND_376}: ${ASCEND_MEASURED} reach 327 TFLOP/s`],
    memoryBytesPerSecond: [1.6e12, `${ASCEND_376}: ${ASCEND_MEASURED} reach 1.50 TB/s`],
    l2Bytes: [192 * MEBIBYTE, ASCEND_910B2],
    cores: [24, ASCEND_910B2],
  }),
  sourced("mi210", MI210, {
    peakInt8FlopsPerSecond: [1.81e14],
    peakBf16FlopsPerSecond: [1.81e14],
    memoryBytesPerSecond: [1.6384e12],
    memoryBytes: [64e9],
    l2Bytes: [8 * MEBIBYTE, CDNA_2],
    cores: [104],
  }),
  sourced("mi300x", MI300X, {
    usdPerHour: [
      2.59,
      "DigitalOcean list price of 2026-10-08 (quoted by tokenwatt/gpu-cloud-prices), gpu-mi300x1-192gb",
    ],
    peakFp8FlopsPerSecond: [2.6149e15],
    peakInt8FlopsPerSecond: [2.6149e15],
    peakBf16FlopsPerSecond: [1.3074e15],
    memoryBytesPerSecond: [5.3e12],
    memoryBytes: [192e9],
    l2Bytes: [256 * MEBIBYTE, `${CDNA_3}: its last cache, called Infinity Cache`],
    cores: [304, CDNA_3],
    networkBytesPerSecond: [4.0e11, ND_MI300X],
    cardsPerServer: [8, ND_MI300X],
  }),
  sourced("tpu-v5e", TPU_V5E, {
    usdPerHour: [1.2, `${TPU_PRICE}, us-central1`],
    peakInt8FlopsPerSecond: [3.93e14],
    peakBf16FlopsPerSecond: [1.97e14],
    memoryBytesPerSecond: [8.19e11, `${TPU_V5E}: 819 GBps (the page of 2026 prints 800 GiBps)`],
    memoryBytes: [16e9],
    networkBytesPerSecond: [2.5e10, `${TPU_V5E}: 2 x 100 Gbps NIC a host`],
    cardsPerServer: [8, `${TPU_V5E}: chips per host`],
  }),
  sourced("tpu-v6e", TPU_V6E, {
    usdPerHour: [2.7, `${TPU_PRICE}, us-east1`],
    peakInt8FlopsPerSecond: [1.836e15],
    peakBf16FlopsPerSecond: [9.18e14],
    memoryBytesPerSecond: [1.638e12],
    memoryBytes: [32e9],
    networkBytesPerSecond: [1.0e11, `${TPU_V6E}: 4 x 200 Gbps NIC a host`],
    cardsPerServer: [8, `${TPU_V6E}: chips per host`],
  }),
];
