import { type KernelKind, type KernelShape, type Operand, operandBytes } from "../workload/kernelShape.ts";
import type { ConstantVector } from "./constantVector.ts";
import type { FamilyName } from "./families.ts";
import type { NearbyRow } from "./nearbyRows.ts";

/** Least and greatest value of each dimension among the rows of a fit. */
export type Ranges = Readonly<Record<string, readonly [least: number, greatest: number]>>;

/** Constants of an engine: a kernel of a library, in a family and in one pair of operands. */
export interface EngineFit {
  readonly kind: KernelKind;
  readonly family: FamilyName;
  readonly engine: string;
  readonly operand: Operand;
  /** Of the cache; absent where the kernel has none. */
  readonly bytesPerKvElement?: number;
  readonly constants: ConstantVector;
  readonly rows: number;
  readonly accelerators: readonly string[];
  readonly ranges: Ranges;
  /** What each row was off by. */
  readonly nearby: readonly NearbyRow[];
  /** Half-width of the 80% band as a logarithm, from errors on rows left out. */
  readonly band: number;
}

/** Half-widths of the band where no engine of its own was measured, by kernel kind. */
export interface WiderBands {
  /** The engine was not measured in this family. */
  readonly otherEngine: Readonly<Record<KernelKind, number>>;
  /** The family was not measured at all. */
  readonly otherFamily: Readonly<Record<KernelKind, number>>;
}

/** All that a fit gives. */
export interface FittedConstants {
  readonly engines: readonly EngineFit[];
  readonly bands: WiderBands;
  /** By how much the band widens for each doubling outside the measured shapes. */
  readonly bandPerDoubling: number;
}

/** How far a shape lies outside ranges, in doublings over all dimensions. */
export function doublingsOutside(dimensions: Readonly<Record<string, number>>, ranges: Ranges): number {
  const distances = Object.entries(dimensions).map(([name, value]) => {
    const [least, greatest] = ranges[name] ?? [value, value];
    return value < least ? Math.log2(least / value) : value > greatest ? Math.log2(value / greatest) : 0;
  });
  return Math.hypot(...distances);
}

/** What is multiplied and what is cached, as engines are told apart by it. */
export function operandsOf(shape: KernelShape): { readonly operand: Operand; readonly bytesPerKvElement?: number } {
  const { operand } = shape;
  return "bytesPerKvElement" in shape ? { operand, bytesPerKvElement: shape.bytesPerKvElement } : { operand };
}

/** Fits in the very operands; else in operands as wide; else all. */
export function nearestOperands(fits: readonly EngineFit[], shape: KernelShape): readonly EngineFit[] {
  const kvBytes = "bytesPerKvElement" in shape ? shape.bytesPerKvElement : undefined;
  const sameCache = fits.filter((fit) => fit.bytesPerKvElement === kvBytes);
  const wide = sameCache.length > 0 ? sameCache : fits;
  const same = wide.filter((fit) => fit.operand === shape.operand);
  if (same.length > 0) return same;
  const asWide = wide.filter((fit) => operandBytes(fit.operand) === operandBytes(shape.operand));
  return asWide.length > 0 ? asWide : wide;
}
