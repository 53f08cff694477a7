import type { Accelerator } from "../hardware/accelerator.ts";
import { loadAccelerator } from "../hardware/catalog.ts";
import type { KernelHardware } from "./latencyModel.ts";

/** Accelerators whose kernels behave alike, so that one fit serves them. */
export type FamilyName = "ampere" | "hopper" | "h20" | "ga102" | "ascend";

/** What a projection needs of an accelerator: peaks, cores and cache. */
export interface AcceleratorPeaks {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly bf16FlopsPerSecond: number;
  /** Absent: 8-bit operands are multiplied at the BF16 rate. */
  readonly fp8FlopsPerSecond?: number;
  readonly int8FlopsPerSecond?: number;
  /** Absent: FP4 is multiplied at the 8-bit rate. */
  readonly fp4FlopsPerSecond?: number;
  /** Streaming multiprocessors, AI cores or compute units; absent: those of the family's typical accelerator. */
  readonly cores?: number;
  /** The last cache before memory; absent: as cores. */
  readonly l2Bytes?: number;
}

const FAMILY_OF: Readonly<Record<string, FamilyName>> = {
  h100: "hopper",
  h800: "hopper",
  h200: "hopper",
  h20: "h20",
  a100: "ampere",
  a800: "ampere",
  a40: "ga102",
  "910b": "ascend",
  "910b-376": "ascend",
};

/**
 * Families of which one stands for the other where a kernel was not measured, though another's peaks are nearer: cards of
 * one line. Not Hopper for H20, a Hopper with fewer cores: its kernels are bound by compute where Hopper's never are.
 */
const KIN: Readonly<Partial<Record<FamilyName, FamilyName>>> = { hopper: "h20", ampere: "hopper" };

/** The accelerator that stands for a family where one's own figures are not stated. */
const TYPICAL: Readonly<Record<FamilyName, string>> = {
  ampere: "a100",
  hopper: "h100",
  h20: "h20",
  ga102: "a40",
  ascend: "910b-376",
};

/**
 * Columns of a tile of 128 rows, where a product has more rows than that.
 *
 * @source CUTLASS and DeepGEMM: 128; huawei-csl/pto-dsl's matmul guide: 256, whose float32 sums fill the 128 KiB of L0C
 */
const WIDE_TILE_COLUMNS: Readonly<Record<FamilyName, number>> = {
  ampere: 128,
  hopper: 128,
  h20: 128,
  ga102: 128,
  ascend: 256,
};

/**
 * Operators that a benchmark calls in turn, so that each finds only its part of the L2 cache.
 * @source hudingyi688/aiconfigurator-npu, collector: 6 operators rotate in the GEMM tables
 */
const ROTATED_OPERATORS: Readonly<Record<string, number>> = { matmulv2: 6, quantbatchmatmulv3: 6 };

/** A family, and whether the accelerator is of it or only nearest to it. */
export interface FamilyChoice {
  readonly family: FamilyName;
  readonly nearest: boolean;
}

/**
 * The family of an accelerator by name; where it has none, among `available` the one whose typical card has the nearest
 * peaks: both FLOPs and bandwidth, since their ratio alone likens a small card to a large one.
 */
export function familyOf(peaks: AcceleratorPeaks, available: readonly FamilyName[]): FamilyChoice {
  const own = FAMILY_OF[peaks.name];
  if (own !== undefined && available.includes(own)) return { family: own, nearest: false };
  const kin = own === undefined ? undefined : KIN[own];
  if (kin !== undefined && available.includes(kin)) return { family: kin, nearest: true };
  const [first, ...others] = own === "ascend" ? available : gpus(available);
  if (first === undefined) throw new Error("no family to choose from");
  const family = others.reduce((best, other) => (distance(peaks, other) < distance(peaks, best) ? other : best), first);
  return { family, nearest: true };
}

/** Distance of an accelerator's peaks from a family's, as the logarithms of both ratios. */
function distance({ bf16FlopsPerSecond, bytesPerSecond }: AcceleratorPeaks, family: FamilyName): number {
  const typical = loadAccelerator(TYPICAL[family]);
  return Math.hypot(
    Math.log(bf16FlopsPerSecond / typical.peakBf16FlopsPerSecond),
    Math.log(bytesPerSecond / typical.memoryBytesPerSecond),
  );
}

/** The family that an accelerator is known to be of. */
export function ownFamily(name: string): FamilyName | undefined {
  return FAMILY_OF[name];
}

/** Whether cards of two families run the same code: the H20 is a Hopper with fewer cores. */
export function sameArchitecture(left: FamilyName, right: FamilyName): boolean {
  return architectureOf(left) === architectureOf(right);
}

function architectureOf(family: FamilyName): FamilyName {
  return family === "h20" ? "hopper" : family;
}

/** What an accelerator's catalog entry says for a projection. */
export function peaksOf(accelerator: Accelerator): AcceleratorPeaks {
  const { peakFp8FlopsPerSecond: fp8, peakInt8FlopsPerSecond: int8, peakFp4FlopsPerSecond: fp4 } = accelerator;
  const { cores, l2Bytes } = accelerator;
  return {
    name: accelerator.name,
    bytesPerSecond: accelerator.memoryBytesPerSecond,
    bf16FlopsPerSecond: accelerator.peakBf16FlopsPerSecond,
    ...(fp8 === undefined ? {} : { fp8FlopsPerSecond: fp8 }),
    ...(int8 === undefined ? {} : { int8FlopsPerSecond: int8 }),
    ...(fp4 === undefined ? {} : { fp4FlopsPerSecond: fp4 }),
    ...(cores === undefined ? {} : { cores }),
    ...(l2Bytes === undefined ? {} : { l2Bytes }),
  };
}

/** The accelerator that stands for a family where one's own figures are not stated. */
export function typicalOf(family: FamilyName): string {
  return TYPICAL[family];
}

/** Peaks, cores and cache as the latency model takes them; cores and cache of the family's typical card where unknown. */
export function kernelHardware(peaks: AcceleratorPeaks, family: FamilyName, engine: string): KernelHardware {
  const typical = loadAccelerator(typicalOf(family));
  const { cores = typical.cores, l2Bytes = typical.l2Bytes } = peaks;
  if (cores === undefined || l2Bytes === undefined) throw new Error(`no cores or L2 of ${typical.name}`);
  const { bytesPerSecond, bf16FlopsPerSecond, fp8FlopsPerSecond, int8FlopsPerSecond, fp4FlopsPerSecond } = peaks;
  return {
    bytesPerSecond,
    cores,
    wideTileColumns: WIDE_TILE_COLUMNS[family],
    l2Bytes: l2Bytes / (ROTATED_OPERATORS[engine] ?? 1),
    flopsPerSecond: {
      bf16: bf16FlopsPerSecond,
      fp8: fp8FlopsPerSecond ?? bf16FlopsPerSecond,
      int8: int8FlopsPerSecond ?? fp8FlopsPerSecond ?? bf16FlopsPerSecond,
      fp4: fp4FlopsPerSecond ?? fp8FlopsPerSecond ?? bf16FlopsPerSecond,
    },
  };
}

/** GPUs are likened to GPUs: an NPU's kernels are of another kind. */
function gpus(available: readonly FamilyName[]): readonly FamilyName[] {
  const others = available.filter((family) => family !== "ascend");
  return others.length === 0 ? available : others;
}
