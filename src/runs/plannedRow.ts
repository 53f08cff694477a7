import type { KernelCase } from "../kernels/case.ts";
import { type KvDtype, kvFormats } from "../kernels/kvFormat.ts";
import { bytesPerWeightOf, computeDtype } from "../kernels/weights.ts";
import type { ModelCard } from "../model/card.ts";
import type { KernelRow } from "../record/benchRows.ts";
import type { DecodeSetting } from "../workload/setting.ts";
import type { Term, TermLabel } from "../workload/terms.ts";
import type { Dtype, ShapeSettings, WeightDtype } from "./settings.ts";

/** One row to measure: its names and dimensions, how to make it, and what the formulas say of it. */
export interface PlannedRow {
  readonly fields: Pick<KernelRow, "kernel" | "shape" | "dtype" | "threads"> & Partial<KernelRow>;
  /** Absent where this build has no such kernel; `unsupported` says why. */
  readonly build?: () => KernelCase;
  readonly unsupported?: string;
  /** What is traced in place of the row, where the row itself would take too long. */
  readonly trace?: () => TracedShape;
  readonly modeled: Modeled;
  /** The same by term. */
  readonly terms: readonly ModeledTerm[];
  /** Bytes that one call reads and writes, where these are its work and there are no products: its rate is in bytes then. */
  readonly movedBytes?: number;
  /** The model's term that this row counts, where a deployment can use it. */
  readonly term?: TermLabel;
}

/** A case to trace; `shape` says what it is where that is not the row itself. */
export interface TracedShape {
  readonly kernelCase: KernelCase;
  readonly shape?: string;
}

/** What the formulas say of a term of a row; a case names its terms alike. */
export interface ModeledTerm {
  readonly term: string;
  readonly flops: number;
  readonly kvBytes: number;
  readonly weightBytes: number;
}

/** Terms of a layer's step as a row has them. */
export function modeledTerms(terms: readonly Term[]): ModeledTerm[] {
  return terms.map(({ label, flops, kvBytes, weightBytes }) => ({ term: label, flops, kvBytes, weightBytes }));
}

/** FLOPs and bytes of one call by the formulas: values alone, and as stored with their scales. */
export interface Modeled {
  readonly flops: number;
  readonly valueBytes: number;
  readonly storedBytes: number;
}

/** What a row of a model is made from: one combination of the settings' lists. */
export interface RowContext {
  readonly settings: ShapeSettings;
  readonly card: ModelCard;
  readonly threads: number;
  readonly dtype: Dtype;
  /** How the KV cache is stored. */
  readonly kvDtype: KvDtype;
  /** How a row's weights are stored, where it has any. */
  readonly weightDtype: WeightDtype;
  readonly setting: DecodeSetting;
  /** Last-level cache of this host. */
  readonly cacheBytes: number;
}

/** The lists of a run's settings that make decode settings. */
export type SettingLists = Pick<ShapeSettings, "batches" | "contexts" | "tokensPerExpert">;

/** What is multiplied in, and how KV cache and weights are stored; absent: in the same. */
export interface StoredDtypes {
  readonly dtype: Dtype;
  readonly kvDtype?: KvDtype;
  readonly weightDtype?: WeightDtype;
}

/** Every combination of batch, context and tokens per expert; bytes an element follow the dtypes. */
export function settingsOf(
  { batches, contexts, tokensPerExpert }: SettingLists,
  { dtype, kvDtype = dtype, weightDtype = dtype }: StoredDtypes,
): DecodeSetting[] {
  return batches.flatMap((batch) =>
    contexts.flatMap((kvTokens) =>
      tokensPerExpert.map((tokens) => ({
        batch,
        kvTokens,
        tokensPerExpert: tokens,
        bytesPerWeight: bytesPerWeightOf(weightDtype),
        bytesPerKvElement: kvFormats[kvDtype].bits / 8,
      })),
    ),
  );
}

/** The pairs of a run: what is multiplied in, and how the weights are stored. */
export function dtypePairs({
  dtypes,
  weightDtypes,
}: Pick<ShapeSettings, "dtypes" | "weightDtypes">): { dtype: Dtype; weightDtype: WeightDtype }[] {
  const stored: readonly WeightDtype[] = weightDtypes ?? dtypes;
  return dtypes.flatMap((dtype) =>
    stored.filter((weightDtype) => computeDtype(weightDtype) === dtype).map((weightDtype) => ({ dtype, weightDtype })),
  );
}

/** What a row's shape says where weights are stored in another dtype than they are multiplied in. */
export function storedText(dtype: Dtype, weightDtype: WeightDtype): string {
  return weightDtype === dtype ? "" : ` weights=${weightDtype}`;
}

/** The layer that stands for the model: the first with experts, else the first. */
export function typicalLayer(card: ModelCard): ModelCard["layers"][number] {
  const layer = card.layers.find(({ ffn }) => ffn.kind === "moe") ?? card.layers[0];
  if (layer === undefined) throw new Error(`${card.name} has no layers`);
  return layer;
}

/** FLOPs and bytes of some terms together. */
export function totalOf(terms: readonly Term[]): { flops: number; bytes: number } {
  return terms.reduce((sum, term) => ({ flops: sum.flops + term.flops, bytes: sum.bytes + term.bytes }), {
    flops: 0,
    bytes: 0,
  });
}

/** Bytes of scale and column sum that stand beside each column of an int8 or int4 weight. */
export const columnScaleBytes = 8;
