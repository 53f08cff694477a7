import { type KernelExports, kernelFunction } from "../kernels/exports.ts";
import type { Step } from "../kernels/program.ts";

/** A kernel call that is ready to run, or `undefined` for a wait for the other threads. */
export type BoundStep = BoundCall | undefined;

interface BoundCall {
  readonly run: (...args: number[]) => unknown;
  readonly args: number[];
  /** The arguments that are addresses of what differs from layer to layer; -1: none. */
  readonly cacheArgument: number;
  readonly sinksArgument: number;
}

/** How far a layer's KV cache and sinks lie from those that steps were made for. */
export interface LayerOffsets {
  readonly cacheBytes: number;
  readonly sinksBytes: number;
}

/** Which argument of a kernel is the address of a KV cache. */
const cacheArguments: Readonly<Record<string, number>> = {
  appendToken: 0,
  attentionPartF32: 5,
  attentionPartInt8: 5,
};

/** Which one is the address of sinks, or 0 where there are none. */
const sinksArguments: Readonly<Record<string, number>> = { attentionPartF32: 3, attentionPartInt8: 3 };

/** Looks all kernels up once, so that a stage only calls them. */
export function bindSteps(exports: KernelExports, steps: readonly Step[]): readonly BoundStep[] {
  const bound: BoundStep[] = [];
  for (const step of steps) {
    if (step.kind === "barrier") bound.push(undefined);
    if (step.kind !== "call") continue;
    const { name, args } = step;
    const sinks = sinksArguments[name] ?? -1;
    bound.push({
      run: kernelFunction(exports, name),
      args: [...args],
      cacheArgument: cacheArguments[name] ?? -1,
      sinksArgument: args[sinks] === 0 ? -1 : sinks,
    });
  }
  return bound;
}

/** Runs one thread's steps. */
export function runBound(steps: readonly BoundStep[], meet: () => void): void {
  for (const step of steps) {
    if (step === undefined) meet();
    else step.run(...step.args);
  }
}

/** As runBound, with every address of a cache and of sinks moved: steps that were made for one layer run for another. */
export function runBoundOn(steps: readonly BoundStep[], offsets: LayerOffsets, meet: () => void): void {
  for (const step of steps) {
    if (step === undefined) {
      meet();
      continue;
    }
    move(step, offsets, 1);
    step.run(...step.args);
    move(step, offsets, -1);
  }
}

function move({ args, cacheArgument, sinksArgument }: BoundCall, offsets: LayerOffsets, direction: 1 | -1): void {
  if (cacheArgument >= 0) args[cacheArgument] = (args[cacheArgument] as number) + direction * offsets.cacheBytes;
  if (sinksArgument >= 0) args[sinksArgument] = (args[sinksArgument] as number) + direction * offsets.sinksBytes;
}
