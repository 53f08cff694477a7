import { type KernelExports, kernelFunction } from "../kernels/exports.ts";
import type { Step } from "../kernels/program.ts";

/** A kernel call that is ready to run, or `undefined` for a wait for the other threads. */
export type BoundStep = BoundCall | undefined;

interface BoundCall {
  readonly run: (...args: number[]) => unknown;
  readonly args: number[];
  /** The argument that is the address of a KV cache, which differs from layer to layer; -1: none. */
  readonly cacheArgument: number;
}

/** Which argument of a kernel is the address of a KV cache. */
const cacheArguments: Readonly<Record<string, number>> = {
  appendToken: 0,
  attentionPartF32: 5,
  attentionPartInt8: 5,
};

/** Looks all kernels up once, so that a stage only calls them. */
export function bindSteps(exports: KernelExports, steps: readonly Step[]): readonly BoundStep[] {
  const bound: BoundStep[] = [];
  for (const step of steps) {
    if (step.kind === "barrier") bound.push(undefined);
    if (step.kind !== "call") continue;
    const { name, args } = step;
    bound.push({ run: kernelFunction(exports, name), args: [...args], cacheArgument: cacheArguments[name] ?? -1 });
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

/** As runBound, with every cache address moved by `cacheOffset` bytes: steps that were made for one layer run for another. */
export function runBoundOn(steps: readonly BoundStep[], cacheOffset: number, meet: () => void): void {
  for (const step of steps) {
    if (step === undefined) {
      meet();
      continue;
    }
    const { args, cacheArgument } = step;
    if (cacheArgument >= 0) args[cacheArgument] = (args[cacheArgument] as number) + cacheOffset;
    step.run(...args);
    if (cacheArgument >= 0) args[cacheArgument] = (args[cacheArgument] as number) - cacheOffset;
  }
}
