import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import type { LatencyRow, PartRow } from "../record/projectRows.ts";
import { type FamilyName, typicalOf } from "../theory/families.ts";
import type { CountSource, ProjectedKernel } from "./projectChoices.ts";

/** What a reader should know of the rows: where counts come from, and what stands in for what. */
export function projectNotes(
  rows: readonly LatencyRow[],
  accelerators: readonly Accelerator[],
  {
    engine,
    kernel,
    counts,
  }: { readonly engine?: string; readonly kernel: ProjectedKernel; readonly counts: CountSource },
): string[] {
  const nearest = [...new Map(rows.filter((row) => row.nearestFamily).map((row) => [row.accelerator, row])).values()];
  const outside = rows.some(({ outsideDoublings }) => outsideDoublings > 0);
  return [
    `${COUNTS_NOTE[counts]} The band holds 80% of measured rows that took no part in a fit; memory and compute overlap, so that terms do not add up.`,
    ...(engine === undefined
      ? ["Engine: the median of those measured in the family; --engine picks one, and the band is then its own."]
      : []),
    ...(kernel.endsWith(".layer")
      ? ["A layer is the sum of its kernels (--rows part lists them); norms, RoPE, append and links are left out."]
      : []),
    ...nearest.map(
      ({ accelerator, family }) =>
        `${accelerator}: no such kernel was measured in its family; constants of ${family}, the nearest, carried by peaks, with a wider band.`,
    ),
    ...peakNotes(rows, accelerators),
    ...accelerators
      .filter(({ cores, l2Bytes }) => cores === undefined || l2Bytes === undefined)
      .map((accelerator) => unstatedNote(accelerator, rows, counts)),
    ...(outside ? ["Some shapes lie outside the measured ones (outsideDoublings): their bands are wider."] : []),
  ];
}

/** Whose attention it is, where a model's layers differ. */
export function spanNotes({ name, layers }: ModelCard): string[] {
  const softmax = layers.flatMap(({ attention }) => (attention.kind === "linear" ? [] : [attention]));
  const full = softmax.filter(({ span }) => span.kind === "full").length;
  const taken = full > 0 ? full : softmax.length;
  if (taken === layers.length) return [];
  const which = full > 0 ? "see the whole context" : "have a KV cache";
  return [`${name}: of ${layers.length} layers the ${taken} that ${which}; the others take another time.`];
}

/** Where the engine that was asked for was not measured, so that another stands in. */
export function missingEngineNotes(parts: readonly PartRow[], engine: string | undefined): string[] {
  if (engine === undefined) return [];
  const names = [...Map.groupBy(parts, ({ accelerator }) => accelerator)]
    .filter(([, own]) => own.every((part) => part.engine !== engine))
    .map(([accelerator]) => accelerator);
  if (names.length === 0) return [];
  return [
    `${names.join(", ")}: ${engine} was not measured for such a kernel in the family; its median engine stands in.`,
  ];
}

/** Whose products in 8 bits are taken at another precision's rate, nothing stating their own. */
function peakNotes(rows: readonly LatencyRow[], accelerators: readonly Accelerator[]): string[] {
  const lacking = accelerators.flatMap(({ name, peakFp8FlopsPerSecond: fp8, peakInt8FlopsPerSecond: int8 }) => {
    const precision = rows.find(({ accelerator }) => accelerator === name)?.precision;
    if (precision === "fp8" && fp8 === undefined) return [{ name, text: "FP8 peak; such products take the BF16 rate" }];
    if (precision !== "int8" || int8 !== undefined) return [];
    return [{ name, text: `INT8 peak; such products take the ${fp8 === undefined ? "BF16" : "FP8"} rate` }];
  });
  return [...Map.groupBy(lacking, ({ text }) => text)].map(
    ([text, own]) => `${own.map(({ name }) => name).join(", ")}: nothing states an ${text}, with weights of 8 bits.`,
  );
}

const COUNTS_NOTE: Readonly<Record<CountSource, string>> = {
  modeled: "Modeled: nothing was run.",
  measured:
    "Measured: FLOPs, and bytes of KV cache and weights that come from memory, counted from the kernels here at the shape and traced through a model of each accelerator's L2 cache (measuredAs in --rows part says what ran). Modeled: times, and activations.",
};

/** What is missing of an accelerator, and what stands for it. */
function unstatedNote({ name, cores, l2Bytes }: Accelerator, rows: readonly LatencyRow[], counts: CountSource): string {
  const missing = [...(cores === undefined ? ["cores"] : []), ...(l2Bytes === undefined ? ["l2Bytes"] : [])];
  const row = rows.find(({ accelerator }) => accelerator === name);
  const typical = row === undefined ? "its family" : typicalOf(row.family as FamilyName);
  const traced =
    counts === "measured" && l2Bytes === undefined
      ? " Bytes are measured with an endless cache: every line of KV cache and weights once."
      : "";
  return `${name}: nothing states its ${missing.join(" and ")} (--set gives them); times take those of ${typical}.${traced}`;
}
