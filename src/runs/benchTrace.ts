import type { KernelCase } from "../kernels/case.ts";
import { lineBytesOf } from "../kernels/work.ts";
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

/** How many lines of each buffer of the whole a line of the traced case stands for, by what both say that they read. */
export function scaleBetween(whole: KernelCase, traced: KernelCase, lineBytes: number): (bufferName: string) => number {
  const linesOf = ({ work }: KernelCase, buffer: string): { all: number; here: number } | undefined => {
    const tensor = work?.tensors.find((each) => each.buffer === buffer);
    if (tensor === undefined) return undefined;
    return { all: lineBytesOf(tensor, lineBytes), here: lineBytesOf({ ...tensor, times: 1 }, lineBytes) };
  };
  return (buffer) => {
    const [wanted, seen] = [linesOf(whole, buffer)?.all, linesOf(traced, buffer)?.here];
    return wanted === undefined || seen === undefined || seen === 0 ? 1 : wanted / seen;
  };
}

/** A factor as text: at most four digits. */
export function timesText(factor: number): string {
  return String(Number(factor.toPrecision(4)));
}
