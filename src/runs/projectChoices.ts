/** Kernels that `project` takes, each with what it is on a card. */
export const PROJECTED_KERNELS = [
  "attention.layer",
  "attention.core",
  "moe.layer",
  "moe.expertMatmul",
  "linear.gemm",
] as const;

export type ProjectedKernel = (typeof PROJECTED_KERNELS)[number];

/** Where FLOPs and bytes come from: the shape, or the kernels here, which run then. */
export type CountSource = "modeled" | "measured";

/** What products and experts multiply in: `auto` is FP8 where the card has it, else INT8 storage at the card's own rate. */
export const PROJECTED_PRECISIONS = ["auto", "bf16", "fp8", "int8"] as const;

export type ProjectedPrecision = (typeof PROJECTED_PRECISIONS)[number];
