import type { Share } from "../kernels/program.ts";
import type { DecodeWork } from "./decodeWork.ts";
import type { EmulatedWork } from "./emulatedWork.ts";

/** What instances do in a run: kernels of a model, or stages of a given time. Plain data that every thread gets. */
export type Work =
  | { readonly kind: "kernels"; readonly decode: DecodeWork }
  | { readonly kind: "emulated"; readonly emulated: EmulatedWork };

/** How a run is divided, whatever its stages do. */
export interface Division {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  readonly microBatches: readonly Share[];
  readonly layers: number;
  readonly steps: number;
}

export function divisionOf(work: Work): Division {
  if (work.kind === "emulated") return work.emulated;
  const { decode } = work;
  return { ...decode, layers: decode.model.layers.length };
}

/** Sequences of all micro-batches. */
export function batchOf({ microBatches }: Pick<Division, "microBatches">): number {
  return microBatches.at(-1)?.last ?? 0;
}

/** Whether messages of a layer carry expert choices. */
export function isMoeLayer(work: Work, layer: number): boolean {
  return work.kind === "kernels" && work.decode.model.layers[layer]?.ffn.kind === "moe";
}
