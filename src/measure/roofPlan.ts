import type { VectorBits } from "../host/vectorWidth.ts";
import type { KernelModule } from "../kernels/load.ts";
import { clockLoop, float32Forms, int8Forms, type RoofLoop, readLoop } from "../kernels/roofs.ts";
import type { Target } from "../kernels/target.ts";
import { dotsOf } from "./calibration.ts";

/** Levels of the memory, the nearest first. */
export const LEVELS = ["L1", "L2", "L3", "DRAM"] as const;
export type Level = (typeof LEVELS)[number];

/** Which roof: what is done at most of, in which target, on how many threads; reads have a level. */
export interface RoofName {
  readonly kernel: "clock" | "roof.multiplyAdd" | "roof.int8Dot" | "roof.read";
  readonly target: Target;
  readonly threads: number;
  readonly level?: Level;
}

/** A roof to measure: the fastest of its loops. */
export interface RoofPlan extends RoofName {
  readonly module: KernelModule;
  readonly loops: readonly RoofLoop[];
  /** Bytes that one thread reads over and over. */
  readonly workingSetBytes?: number;
}

/** Sizes of this host's caches. */
export interface CacheSizes {
  readonly l1Bytes: number;
  readonly l2Bytes: number;
  readonly l3Bytes: number;
}

interface Build {
  readonly target: Target;
  readonly module: KernelModule;
  readonly threads: number;
}

/** Multiply-add and int8 dot of a target: its register tiles over operands in L1. */
export function planPeaks({ target, module, threads }: Build): readonly RoofPlan[] {
  const base = { target, module, threads };
  return [
    { ...base, kernel: "roof.multiplyAdd", loops: float32Forms(threads) },
    { ...base, kernel: "roof.int8Dot", loops: int8Forms(threads, dotsOf(target)) },
  ];
}

/** Reads at a working set of each cache level and of memory. */
export function planReads({ target, module, threads }: Build, caches: CacheSizes): readonly RoofPlan[] {
  return workingSets(caches, threads).map(({ level, bytes }) => ({
    kernel: "roof.read",
    target,
    module,
    threads,
    level,
    workingSetBytes: bytes,
    loops: [readLoop(bytes, threads)],
  }));
}

/** The clock, on one thread. */
export function planClock({ target, module }: Omit<Build, "threads">): RoofPlan {
  return { kernel: "clock", target, module, threads: 1, loops: [clockLoop()] };
}

/** Two vector units: of four lanes, 16 FLOP a cycle with a fused multiply-add, 8 where multiply and add are apart; twice that of eight. */
export function flopsPerCycle(target: Target, vectorBits: VectorBits): number {
  return (target === "relaxed" ? 16 : 8) * (vectorBits / 128);
}

/** The level that holds a working set: the smallest cache that it fits into. */
export function levelHolding(workingSetBytes: number, { l1Bytes, l2Bytes, l3Bytes }: CacheSizes): Level {
  if (workingSetBytes <= l1Bytes) return "L1";
  if (workingSetBytes <= l2Bytes) return "L2";
  return workingSetBytes <= l3Bytes ? "L3" : "DRAM";
}

/** One working set a level and thread, well inside the level; four times the last cache for memory, at most 1 GiB in all. */
function workingSets({ l1Bytes, l2Bytes, l3Bytes }: CacheSizes, threads: number): { level: Level; bytes: number }[] {
  return [
    { level: "L1", bytes: l1Bytes / 2 },
    { level: "L2", bytes: l2Bytes / 2 },
    ...(l3Bytes > 0 ? [{ level: "L3" as const, bytes: Math.max(2 * l2Bytes, l3Bytes / 4 / threads) }] : []),
    { level: "DRAM", bytes: Math.min(4 * Math.max(l2Bytes, l3Bytes), 2 ** 30 / threads) },
  ];
}
