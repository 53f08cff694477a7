import { type KernelExports, kernelFunction } from "./exports.ts";

/**
 * One thing a thread does: a kernel call, a wait for all other threads, the start of a segment that is timed apart, or the start of a
 * term of the workload that is counted apart.
 */
export type Step =
  | { readonly kind: "call"; readonly name: string; readonly args: readonly number[] }
  | { readonly kind: "barrier" }
  | { readonly kind: "segment"; readonly segment: number }
  | { readonly kind: "term"; readonly term: string };

/** A share of [0, count) for one of `ranks` threads. */
export interface Share {
  readonly first: number;
  readonly last: number;
}

/** The part of `count` items that falls to `rank`. Shares differ by one item at most. */
export function shareOf(count: number, rank: number, ranks: number): Share {
  return { first: Math.floor((count * rank) / ranks), last: Math.floor((count * (rank + 1)) / ranks) };
}

export const barrier: Step = { kind: "barrier" };

export function call(name: string, ...args: number[]): Step {
  return { kind: "call", name, args };
}

export function segment(index: number): Step {
  return { kind: "segment", segment: index };
}

export function term(label: string): Step {
  return { kind: "term", term: label };
}

/** Runs a one-thread program: barriers have nobody to wait for. */
export function runSteps(exports: KernelExports, steps: readonly Step[]): void {
  for (const step of steps) {
    if (step.kind === "call") kernelFunction(exports, step.name)(...step.args);
  }
}
