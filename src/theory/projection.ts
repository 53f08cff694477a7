import type { Accelerator } from "../hardware/accelerator.ts";
import { type ComputePrecision, peakFor } from "./precision.ts";
import { attainableFlopsPerSecond, type Bound, boundOf, type Roofs, roofTimeNs, type Work } from "./roofline.ts";

/** What a kernel here computes in, and what is stored in memory. */
export type KernelDtype = "f32" | "int8";

/** A kernel as an accelerator's roofline would let it run. */
export interface Projection {
  readonly accelerator: string;
  readonly precision: ComputePrecision;
  readonly latencyNs: number;
  readonly bound: Bound;
  /** The rate that the roofline allows; 0 where the work has no FLOPs. */
  readonly attainableFlopsPerSecond: number;
}

/**
 * Precision and roofs for a kernel of this dtype: int8 stands for 8-bit work, which takes the FP8 peak where the card
 * has one and otherwise the BF16 peak; f32 takes the BF16 peak. Bytes are those stored in either case.
 * @source Step-3 report, Table 4 (FP8 on H800 and H20, BF16 with 8-bit storage on A800 and 910B)
 */
export function roofsFor(
  accelerator: Accelerator,
  dtype: KernelDtype,
): Roofs & { readonly precision: ComputePrecision } {
  const automatic = dtype === "int8" ? peakFor(accelerator, "auto") : undefined;
  const peak = automatic ?? { precision: "bf16", flopsPerSecond: accelerator.peakBf16FlopsPerSecond };
  return { ...peak, bytesPerSecond: accelerator.memoryBytesPerSecond };
}

/** Time of a kernel's FLOPs and bytes (modeled or counted) on one card: max(compute, memory), nothing else added. */
export function projectKernel(work: Work, accelerator: Accelerator, dtype: KernelDtype): Projection {
  const roofs = roofsFor(accelerator, dtype);
  const intensity = work.bytes === 0 ? Number.POSITIVE_INFINITY : work.flops / work.bytes;
  return {
    accelerator: accelerator.name,
    precision: roofs.precision,
    latencyNs: roofTimeNs(roofs, work),
    bound: boundOf(roofs, work),
    attainableFlopsPerSecond: attainableFlopsPerSecond(roofs, work.flops === 0 ? 0 : intensity),
  };
}
