import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelCard } from "../model/card.ts";
import type { Bound, DeploymentRow, KernelRow } from "../record/benchRows.ts";
import { cheapestDeployment, type DeploymentTerm } from "../theory/deployment.ts";
import { projectKernel } from "../theory/projection.ts";
import { type DecodeSetting, ffnTokens } from "../workload/setting.ts";
import { modelTerms, type Side, type TermLabel } from "../workload/terms.ts";
import { type PlannedRow, settingsOf } from "./plannedRow.ts";
import type { BenchSettings } from "./settings.ts";

/**
 * The cheapest pairing for each batch, context and tokens per expert, 8 bits: terms of all layers by the formulas, those that this run
 * counted in 8 bits corrected by what was counted (counted over modeled FLOPs and bytes).
 */
export function deploymentRows(
  settings: BenchSettings,
  card: ModelCard,
  accelerators: readonly Accelerator[],
  measured: readonly { planned: PlannedRow; row: KernelRow }[],
): DeploymentRow[] {
  const corrections = countedCorrections(measured);
  return settingsOf(settings, { dtype: "int8" }).map((setting) =>
    deploymentRow(setting, card, accelerators, corrections),
  );
}

function deploymentRow(
  setting: DecodeSetting,
  card: ModelCard,
  accelerators: readonly Accelerator[],
  corrections: Corrections,
): DeploymentRow {
  const terms = modelTerms(card, setting).map((term): DeploymentTerm => {
    const { flops, bytes } = corrections.get(term.label) ?? { flops: 1, bytes: 1 };
    return { ...term, flops: term.flops * flops, bytes: term.bytes * bytes };
  });
  const work = { terms, batch: setting.batch, ffnTokens: ffnTokens(card, setting), dtype: "int8" as const };
  const best = cheapestDeployment(work, accelerators);
  const boundOn = (side: Side, name: string) =>
    boundOfSide(
      terms,
      side,
      accelerators.find((one) => one.name === name),
    );
  return {
    row: "deployment",
    kind: "modeled",
    model: card.name,
    batch: setting.batch,
    kvTokens: setting.kvTokens,
    tokensPerExpert: setting.tokensPerExpert,
    ffnTokens: work.ffnTokens,
    attentionOn: best.attentionOn,
    ffnOn: best.ffnOn,
    attentionPrecision: best.attentionPrecision,
    ffnPrecision: best.ffnPrecision,
    basis: corrections.size > 0 ? "counted" : "modeled",
    attentionStageNs: best.attentionNs / card.layers.length,
    ffnStageNs: best.ffnNs / card.layers.length,
    attentionBound: boundOn("attention", best.attentionOn),
    ffnBound: boundOn("ffn", best.ffnOn),
    attentionCardShare: best.attentionCardShare,
    tpotNs: best.tpotNs,
    tokensPerSecondPerCard: best.tokensPerSecondPerCard,
    usdPerMillionTokens: best.usdPerMillionTokens,
  };
}

type Corrections = ReadonlyMap<TermLabel, { readonly flops: number; readonly bytes: number }>;

/**
 * Counted over modeled FLOPs and bytes of the terms that an int8 row counted, its KV cache in int8, too (the router's row is float32 in
 * any case).
 */
function countedCorrections(measured: readonly { planned: PlannedRow; row: KernelRow }[]): Corrections {
  const corrections = new Map<TermLabel, { flops: number; bytes: number }>();
  for (const { planned, row } of measured) {
    const isInt8 = row.dtype === "int8" && row.weightDtype !== "int4" && row.kvDtype !== "int4";
    const usable = isInt8 || planned.term === "moe.router";
    if (!usable || planned.term === undefined) continue;
    if (row.flops === undefined || row.measuredFlopsPerByte === undefined || planned.modeled.valueBytes === 0) continue;
    const bytes = row.flops / row.measuredFlopsPerByte;
    corrections.set(planned.term, {
      flops: row.flops / planned.modeled.flops,
      bytes: bytes / planned.modeled.valueBytes,
    });
  }
  return corrections;
}

/** What takes most of a side's time: its compute-bound or its memory-bound terms. */
function boundOfSide(terms: readonly DeploymentTerm[], side: Side, accelerator: Accelerator | undefined): Bound {
  if (accelerator === undefined) throw new Error("a deployment names an accelerator that was not given");
  const time = { compute: 0, memory: 0 };
  for (const term of terms) {
    if (term.side !== side || term.flops + term.bytes === 0) continue;
    const { bound, latencyNs } = projectKernel(term, accelerator, "int8");
    time[bound] += latencyNs * term.layers;
  }
  return time.memory > time.compute ? "memory" : "compute";
}
