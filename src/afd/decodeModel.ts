import { tensorSeed } from "../kernels/weights.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { DecodeModel } from "./decodeWork.ts";

/**
 * Number of each seeded tensor of a layer's FFN among all of the layer's (those of attention: src/kernels/attentionWeights.ts); a router's
 * and an expert's biases have numbers above 100, caches above 1000.
 */
export const layerTensors = {
  ffnNorm: 8,
  router: 9,
  /** Gate and up; down is the next. */
  experts: 10,
  shared: 12,
  dense: 14,
  sharedGate: 26,
} as const;

/** Number of each seeded tensor that belongs to no layer. */
export const modelTensors = { firstRows: 1, finalNorm: 2 } as const;

/** The seed that all tensors of a layer are made from. */
export function layerSeed({ seed }: DecodeModel, layer: number): number {
  return tensorSeed(seed, 100 + layer);
}

/**
 * Experts of a token, 0 where no layer has any.
 *
 * @throws InfeasibleError where layers differ in it: messages hold one number of slots.
 */
export function topKOf({ layers }: DecodeModel): number {
  const counts = new Set(layers.flatMap(({ ffn }) => (ffn.kind === "moe" ? [ffn.router.topK] : [])));
  if (counts.size > 1)
    throw new InfeasibleError(`layers with ${[...counts].join(" and ")} experts a token do not fit into one message`);
  return [...counts][0] ?? 0;
}

/** What each item is the first of its like of, and which of these each item is like: works of a layer that equal layers share. */
export function kindsOf<T>(items: readonly T[]): { readonly kinds: readonly T[]; readonly kindOf: readonly number[] } {
  const kinds: T[] = [];
  const indices = new Map<string, number>();
  const kindOf = items.map((item) => {
    const text = JSON.stringify(item);
    const known = indices.get(text);
    if (known !== undefined) return known;
    indices.set(text, kinds.length);
    kinds.push(item);
    return kinds.length - 1;
  });
  return { kinds, kindOf };
}
