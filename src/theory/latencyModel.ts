import { type KernelShape, type KernelWork, kernelWork, type Operand } from "../workload/kernelShape.ts";
import { coreUse, paddedRows, type TileRows } from "./tiling.ts";

/** What the model knows of an accelerator. */
export interface KernelHardware {
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: Readonly<Record<Operand, number>>;
  /** Streaming multiprocessors, AI cores or compute units. */
  readonly cores: number;
  readonly l2Bytes: number;
  /** Columns that a tile takes of a product with more rows than one tile. */
  readonly wideTileColumns: number;
}

/** What real kernels show beyond the roofline; fitted for each kernel kind, family and engine (docs/projection.md). */
export interface LatencyConstants {
  /** Launch, prologue and epilogue: what a call takes with nothing to do. */
  readonly fixedNs: number;
  /** Shares of the peaks that a kernel reaches at best. */
  readonly bandwidthShare: number;
  readonly computeShare: number;
  /** Exponent of the smooth maximum of memory and compute time; above 1. */
  readonly smoothness: number;
  /** How much cores idle in the last wave count: 0 not at all, 1 in full. */
  readonly waveWeight: number;
  /** Bandwidth of the L2 cache over that of memory, minus 1. */
  readonly l2Gain: number;
  /** Times that activations are moved, for once that they must be. */
  readonly activationTraffic: number;
  /** Bandwidth that one core can draw of memory. */
  readonly coreBytesPerSecond: number;
  /** Share of the bandwidth left where the layout is hard: several KV heads a token, or wide tiles of a fused MoE. */
  readonly layoutShare: number;
  /** Share of the fixed time that a fused MoE of one token takes: it has nothing to sort. */
  readonly loneTokenShare: number;
  /** Steps of k that a tile's prologue and epilogue are worth. */
  readonly prologueK: number;
  /** Rows that a tile computes, used or not. */
  readonly tileRows: TileRows;
}

/** A latency and what it is made of; memory and compute overlap, so that the terms do not add up. */
export interface Latency {
  readonly latencyNs: number;
  readonly fixedNs: number;
  readonly memoryNs: number;
  readonly computeNs: number;
  /** What the latency would lack if tiles had no unused rows. */
  readonly paddingNs: number;
  /** Rows that each product computes, padding among them. */
  readonly paddedM: number;
  /** Share of the bytes that the L2 cache serves. */
  readonly l2Share: number;
  /** Share of the cores that are busy, over all waves. */
  readonly coreShare: number;
  readonly bound: "fixed" | "memory" | "compute";
}

/** How steeply residency in L2 ends where the working set passes its size. */
const L2_STEEPNESS = 6;

/** Steepness of the corner between one core's stream and the whole bandwidth. */
const STREAM_STEEPNESS = 4;

/**
 * Time of a kernel: fixed time, and the smooth maximum of memory and compute time.
 *
 * @param work what it moves and computes; where it is not the shape's own, it was counted.
 */
export function kernelLatency(
  shape: KernelShape,
  hardware: KernelHardware,
  constants: LatencyConstants,
  work: KernelWork = kernelWork(shape),
): Latency {
  const rows = paddedRows(shape, constants.tileRows);
  const use = coreUse(shape, hardware.cores, constants.tileRows, hardware.wideTileColumns);
  const bytes = work.streamedBytes + constants.activationTraffic * (work.activationBytes + use.combineBytes);
  const l2Share = 1 / (1 + (bytes / hardware.l2Bytes) ** L2_STEEPNESS);
  const wave = use.busyShare ** Math.max(0, constants.waveWeight);
  const memoryNs =
    (bytes / hardware.bytesPerSecond / bandwidthShare(shape, hardware, constants, use, wave)) *
    (l2Share / (1 + Math.max(0, constants.l2Gain)) + 1 - l2Share) *
    1e9;
  const perFlopNs =
    (1e9 / (constants.computeShare * hardware.flopsPerSecond[shape.operand]) / wave) *
    (1 + constants.prologueK / innerDimension(shape));
  const computeNs = work.flops * rows.paddingFactor * perFlopNs;
  const fixedNs = fixedTimeNs(shape, constants);
  const latencyNs = fixedNs + smoothMaximum(memoryNs, computeNs, constants.smoothness);
  const unpaddedNs = fixedNs + smoothMaximum(memoryNs, work.flops * perFlopNs, constants.smoothness);
  return {
    latencyNs,
    fixedNs,
    memoryNs,
    computeNs,
    paddingNs: latencyNs - unpaddedNs,
    paddedM: rows.paddedM,
    l2Share,
    coreShare: use.busyShare,
    bound: fixedNs > Math.max(memoryNs, computeNs) ? "fixed" : memoryNs > computeNs ? "memory" : "compute",
  };
}

function fixedTimeNs(shape: KernelShape, { fixedNs, loneTokenShare }: LatencyConstants): number {
  return shape.kind === "moe-fused" && shape.tokens === 1 ? fixedNs * loneTokenShare : fixedNs;
}

function bandwidthShare(
  shape: KernelShape,
  hardware: KernelHardware,
  constants: LatencyConstants,
  use: { readonly tiles: number },
  wave: number,
): number {
  if (shape.kind === "attention-decode" || shape.kind === "mla-decode") {
    // A KV head with one query row is not multiplied as a tile: its strides cost little where they were measured (910B).
    const hard = shape.kind === "attention-decode" && shape.kvHeads > 1 && shape.queryHeads > shape.kvHeads;
    return constants.bandwidthShare * wave * (hard ? constants.layoutShare : 1);
  }
  const drawn = (use.tiles * constants.coreBytesPerSecond) / hardware.bytesPerSecond;
  const streams = (1 + drawn ** -STREAM_STEEPNESS) ** (-1 / STREAM_STEEPNESS);
  // Where no tuned configuration is found, fused Triton kernels take their wide tiles once tokens outnumber experts.
  const hard = shape.kind === "moe-fused" && shape.tokens > shape.experts;
  return constants.bandwidthShare * streams * (hard ? constants.layoutShare : 1);
}

/** Attention has no prologue of its own kind: its inner loop is the cache. */
function innerDimension(shape: KernelShape): number {
  if (shape.kind === "gemm" || shape.kind === "grouped-gemm") return shape.k;
  return shape.kind === "moe-fused" ? shape.hidden : Number.POSITIVE_INFINITY;
}

/** (a^p + b^p)^(1/p), scaled so that large p do not overflow. */
function smoothMaximum(left: number, right: number, exponent: number): number {
  const larger = Math.max(left, right);
  if (larger === 0) return 0;
  return larger * ((left / larger) ** exponent + (right / larger) ** exponent) ** (1 / exponent);
}
