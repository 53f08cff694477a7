import type { Dtype } from "./settings.ts";

/** A trace of more accesses than this takes more than about a second: a narrower shape with the same blocking stands in. */
const affordableAccesses = 2e8;

/** By how much a shape of so many multiply-adds must shrink for its trace to be affordable; a vector instruction makes about one access. */
export function traceReduction(multiplyAdds: number, dtype: Dtype): number {
  const lanes = dtype === "f32" ? 4 : 16;
  return Math.max(1, Math.ceil(multiplyAdds / lanes / affordableAccesses));
}

/** width / reduction as a multiple of 8, at least 8; width itself where nothing shrinks. */
export function reducedWidth(width: number, reduction: number): number {
  return reduction === 1 ? width : Math.min(width, Math.max(8, Math.round(width / reduction / 8) * 8));
}

/** A factor as text: at most four digits. */
export function timesText(factor: number): string {
  return String(Number(factor.toPrecision(4)));
}
