import type { KernelHardware } from "./latencyModel.ts";

/** Accelerators whose kernels behave alike, so that one fit serves them. */
export type FamilyName = "ampere" | "hopper" | "h20" | "ga102" | "ascend";

/** Peaks of an accelerator as a projection needs them. */
export interface AcceleratorPeaks {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly bf16FlopsPerSecond: number;
  /** Absent: 8-bit operands are multiplied at the BF16 rate. */
  readonly fp8FlopsPerSecond?: number;
  readonly int8FlopsPerSecond?: number;
}

/** Cores and second-level cache of an accelerator. */
interface Structure {
  readonly cores: number;
  readonly l2Bytes: number;
  readonly source: string;
}

const HOPPER = "NVIDIA H100 white paper (H100 SXM5; H800 and H200 have the same GPU)";
const AMPERE = "NVIDIA A100 white paper (A800 has the same GPU)";
const GA102 = "NVIDIA GA102 white paper";
const ADA = "NVIDIA Ada white paper and data sheets";
const ASCEND =
  "published descriptions of the Ascend 910B: 24 AI cores (20 in slower variants), L2 of 192 MB; not in a data sheet";

/** Streaming multiprocessors (AI cores, compute units) and L2, by accelerator. */
const STRUCTURES: Readonly<Record<string, Structure>> = {
  h100: { cores: 132, l2Bytes: 50e6, source: HOPPER },
  h800: { cores: 132, l2Bytes: 50e6, source: HOPPER },
  h200: { cores: 132, l2Bytes: 50e6, source: HOPPER },
  h20: { cores: 78, l2Bytes: 60e6, source: "device properties that public threads print; no data sheet" },
  a100: { cores: 108, l2Bytes: 40e6, source: AMPERE },
  a800: { cores: 108, l2Bytes: 40e6, source: AMPERE },
  a40: { cores: 84, l2Bytes: 6e6, source: GA102 },
  l4: { cores: 58, l2Bytes: 48e6, source: ADA },
  l20: { cores: 92, l2Bytes: 96e6, source: ADA },
  "rtx-4090": { cores: 128, l2Bytes: 72e6, source: ADA },
  b200: { cores: 148, l2Bytes: 126e6, source: "device properties that public threads print; no data sheet" },
  gb200: { cores: 152, l2Bytes: 126e6, source: "device properties that public threads print; no data sheet" },
  mi300x: { cores: 304, l2Bytes: 256e6, source: "AMD CDNA 3 white paper: 304 compute units, 256 MB of Infinity Cache" },
  "910b": { cores: 24, l2Bytes: 192e6, source: ASCEND },
  "910b-376": { cores: 24, l2Bytes: 192e6, source: ASCEND },
};

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
 * Families of one architecture, of which one stands for the other where a kernel was not measured. Not so for H20, a
 * Hopper with fewer cores: its kernels are bound by compute where Hopper's never are, and err more by Hopper's constants
 * than by those of the nearest ridge point (103% to 63%).
 */
const KIN: Readonly<Partial<Record<FamilyName, FamilyName>>> = { hopper: "h20", ga102: "ampere" };

/** What stands for a family where an accelerator has none of its own. */
const TYPICAL: Readonly<Record<FamilyName, { readonly accelerator: string; readonly ridgeFlopsPerByte: number }>> = {
  ampere: { accelerator: "a100", ridgeFlopsPerByte: 312e12 / 2.039e12 },
  hopper: { accelerator: "h100", ridgeFlopsPerByte: 989e12 / 3.35e12 },
  h20: { accelerator: "h20", ridgeFlopsPerByte: 148e12 / 4.0e12 },
  ga102: { accelerator: "a40", ridgeFlopsPerByte: 149.7e12 / 0.696e12 },
  ascend: { accelerator: "910b", ridgeFlopsPerByte: 376e12 / 1.6e12 },
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
 * The family of an accelerator by name; where it has none, among `available` the one whose ridge point is nearest, since
 * the ridge point decides what a kernel is bound by.
 */
export function familyOf(peaks: AcceleratorPeaks, available: readonly FamilyName[]): FamilyChoice {
  const own = FAMILY_OF[peaks.name];
  if (own !== undefined && available.includes(own)) return { family: own, nearest: false };
  const kin = own === undefined ? undefined : KIN[own];
  if (kin !== undefined && available.includes(kin)) return { family: kin, nearest: true };
  const ridge = peaks.bf16FlopsPerSecond / peaks.bytesPerSecond;
  const distance = (family: FamilyName) => Math.abs(Math.log(ridge / TYPICAL[family].ridgeFlopsPerByte));
  const [first, ...others] = own === "ascend" ? available : gpus(available);
  if (first === undefined) throw new Error("no family to choose from");
  const family = others.reduce((best, other) => (distance(other) < distance(best) ? other : best), first);
  return { family, nearest: true };
}

/** The family that an accelerator is known to be of. */
export function ownFamily(name: string): FamilyName | undefined {
  return FAMILY_OF[name];
}

/** Peaks, cores and cache as the latency model takes them; cores and cache of the family's typical card where unknown. */
export function kernelHardware(peaks: AcceleratorPeaks, family: FamilyName, engine: string): KernelHardware {
  const structure = STRUCTURES[peaks.name] ?? STRUCTURES[TYPICAL[family].accelerator];
  if (structure === undefined) throw new Error(`no structure of ${TYPICAL[family].accelerator}`);
  const { bytesPerSecond, bf16FlopsPerSecond, fp8FlopsPerSecond, int8FlopsPerSecond } = peaks;
  return {
    bytesPerSecond,
    cores: structure.cores,
    l2Bytes: structure.l2Bytes / (ROTATED_OPERATORS[engine] ?? 1),
    flopsPerSecond: {
      bf16: bf16FlopsPerSecond,
      fp8: fp8FlopsPerSecond ?? bf16FlopsPerSecond,
      int8: int8FlopsPerSecond ?? fp8FlopsPerSecond ?? bf16FlopsPerSecond,
      fp4: fp8FlopsPerSecond ?? bf16FlopsPerSecond,
    },
  };
}

/** GPUs are likened to GPUs: an NPU's kernels are of another kind. */
function gpus(available: readonly FamilyName[]): readonly FamilyName[] {
  const others = available.filter((family) => family !== "ascend");
  return others.length === 0 ? available : others;
}
