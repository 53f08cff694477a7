import { CONSTANT_NAMES, type ConstantName } from "../theory/constantVector.ts";
import type { TileRows } from "../theory/tiling.ts";
import type { KernelKind } from "../workload/kernelShape.ts";

/** Where a constant is expected before any row is seen, and how far from there it costs as much as an error of `ERROR_SCALE`. */
export interface Prior {
  /** Of its logarithm, unless it may be 0. */
  readonly scale: "logarithm" | "plain";
  readonly center: number;
  readonly width: number;
}

const PRIORS: Readonly<Record<ConstantName, Prior>> = {
  fixedNs: { scale: "logarithm", center: Math.log(8000), width: 0.8 },
  bandwidthShare: { scale: "logarithm", center: Math.log(0.75), width: 0.2 },
  computeShare: { scale: "logarithm", center: Math.log(0.6), width: 0.3 },
  // Of the exponent less 1, which keeps it above 1.
  smoothness: { scale: "logarithm", center: Math.log(2), width: 0.5 },
  waveWeight: { scale: "plain", center: 0.4, width: 0.4 },
  l2Gain: { scale: "plain", center: 0.1, width: 0.6 },
  activationTraffic: { scale: "logarithm", center: 0, width: 0.15 },
  coreBytesPerSecond: { scale: "logarithm", center: Math.log(150e9), width: 0.8 },
  layoutShare: { scale: "logarithm", center: 0, width: 0.2 },
  loneTokenShare: { scale: "logarithm", center: 0, width: 0.05 },
  prologueK: { scale: "logarithm", center: Math.log(150), width: 0.5 },
};

/** A fused MoE moves activations more often than its shape says, and has a call for one token. */
const WIDER: Readonly<Partial<Record<ConstantName, number>>> = {
  activationTraffic: 0.5,
  loneTokenShare: 0.3,
};

/** Priors of a kernel kind, in the order of `CONSTANT_NAMES`. */
export function priorsOf(kind: KernelKind): readonly Prior[] {
  return CONSTANT_NAMES.map((name) => {
    const width = kind === "moe-fused" ? WIDER[name] : undefined;
    return width === undefined ? PRIORS[name] : { ...PRIORS[name], width };
  });
}

/** Tile rows that a fit tries, from none on. */
export const TILE_CANDIDATES: Readonly<Record<KernelKind, readonly TileRows[]>> = {
  "attention-decode": [1, 16, 64],
  "mla-decode": [1, 64],
  gemm: [1, 16, 64, 128, "adaptive"],
  "grouped-gemm": [1, 64, 128, "adaptive"],
  "moe-fused": [1, 16, 64, "adaptive"],
};
