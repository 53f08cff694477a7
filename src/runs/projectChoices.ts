import { InvalidInputError } from "../units/errors.ts";

/** Kernels that `project` takes, each with what it is on a card. */
export const PROJECTED_KERNELS = [
  "attention.layer",
  "attention.core",
  "moe.layer",
  "moe.expertMatmul",
  "linear.gemm",
] as const;

export type ProjectedKernel = (typeof PROJECTED_KERNELS)[number];

/** @throws InvalidInputError unless dimensions of a product can stand in place of the kernel's model; names the option that gives them */
export function requireProduct(kernel: ProjectedKernel, field: string): void {
  if (kernel === "linear.gemm" || kernel === "moe.expertMatmul") return;
  throw new InvalidInputError({ field, value: kernel, expected: "linear.gemm or moe.expertMatmul with it" });
}

/** Where FLOPs and bytes come from: the shape, or the kernels here, which run then. */
export type CountSource = "modeled" | "measured";

/** What products and experts multiply in: `auto` is FP8 where the card has it, else INT8 storage at the card's own rate. */
export const PROJECTED_PRECISIONS = ["auto", "bf16", "fp8", "int8"] as const;

export type ProjectedPrecision = (typeof PROJECTED_PRECISIONS)[number];
