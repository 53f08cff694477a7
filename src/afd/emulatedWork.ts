import type { Share } from "../kernels/program.ts";

/** Stages that take a given time, and rows of whole numbers that show whether every message was applied once. */
export interface EmulatedWork {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  readonly microBatches: readonly Share[];
  readonly layers: number;
  readonly steps: number;
  /** Of a micro-batch's layer on one instance. */
  readonly attentionNs: number;
  readonly ffnNs: number;
  /** On every stage time: a factor of mean 1. */
  readonly jitter: StageJitter;
  /** Bytes of a sequence in a message, a multiple of 4. */
  readonly rowBytes: number;
  readonly seed: number;
}

/** As `simulate` takes it: the logarithm normal with `sigma`, or the factor uniform within 1 - share .. 1 + share. */
export type StageJitter =
  | { readonly kind: "none" }
  | { readonly kind: "lognormal"; readonly sigma: number }
  | { readonly kind: "uniform"; readonly share: number };
