import type { AcceleratorPeaks } from "../theory/families.ts";
import { type KernelShape, shapeDimensions } from "../workload/kernelShape.ts";
import type { HostPart } from "./hostPart.ts";

/** A kernel time that others measured on a real accelerator. */
export interface Measurement {
  /** File and the source that its row names. */
  readonly source: string;
  readonly file: string;
  /** From 1, among the rows of the file. */
  readonly row: number;
  readonly peaks: AcceleratorPeaks;
  /** The kernel's library and name, without versions, in lower case. */
  readonly engine: string;
  readonly shape: KernelShape;
  readonly measuredNs: number;
  readonly host: HostPart;
  /** False where the source does not say for certain which accelerator it was: such a row takes part in no fit. */
  readonly certain: boolean;
}

/** Shapes that differ in their rows alone: one product's matrix, one cache's heads, one layer's experts. */
export function shapeFamily({ shape }: Measurement): string {
  switch (shape.kind) {
    case "attention-decode":
      return `${shape.queryHeads} ${shape.kvHeads} ${shape.headDim} ${shape.kvTokens}`;
    case "mla-decode":
      return `${shape.queryHeads} ${shape.kvTokens}`;
    case "gemm":
    case "grouped-gemm":
      return `${shape.n} ${shape.k}`;
    case "moe-fused":
      return `${shape.experts} ${shape.localExperts} ${shape.hidden} ${shape.expertDim}`;
  }
}

/** What makes two rows the same measurement, whichever file they stand in. */
export function measurementKey({ shape, peaks, engine, measuredNs }: Measurement): string {
  const dimensions = Object.values(shapeDimensions(shape)).join(" ");
  return [peaks.name, engine, shape.kind, shape.operand, dimensions, measuredNs.toPrecision(9)].join("|");
}

/** A kernel's name without versions, brackets and case. */
export function engineName(kernel: string): string {
  return kernel
    .replace(/[(),]/g, " ")
    .replace(/\b\d+(\.\d+)+\w*/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .toLowerCase();
}
