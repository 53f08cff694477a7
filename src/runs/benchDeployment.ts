import type { Accelerator } from "../hardware/catalog.ts";
import type { ModelCard } from "../model/card.ts";
import type { DeploymentRow, KernelRow } from "../record/benchRows.ts";
import { cheapestDeployment, type DeploymentTerm } from "../theory/deployment.ts";
import { projectKernel } from "../theory/projection.ts";
import { ffnTokens } from "../workload/setting.ts";
import { modelTerms, type TermLabel } from "../workload/terms.ts";
import { type PlannedRow, settingOf } from "./benchPlan.ts";
import type { BenchSettings } from "./settings.ts";

/**
 * The cheapest pairing for each batch, context and tokens per expert, 8 bits: terms of all layers by the formulas, those that this run
 * counted corrected by what was counted (counted over modeled FLOPs and bytes).
 */
export function deploymentRows(
  settings: BenchSettings,
  card: ModelCard,
  accelerators: readonly Accelerator[],
  measured: readonly { planned: PlannedRow; row: KernelRow }[],
): DeploymentRow[] {
  const corrections = countedCorrections(measured);
  const rows: DeploymentRow[] = [];
  for (const batch of settings.batches) {
    for (const kvTokens of settings.contexts) {
      for (const tokensPerExpert of settings.tokensPerExpert) {
        const setting = settingOf(batch, kvTokens, tokensPerExpert, "int8");
        let counted = false;
        const terms = modelTerms(card, setting).map((term): DeploymentTerm => {
          const correction = corrections.get(term.label);
          if (correction === undefined) return term;
          counted = true;
          return { ...term, flops: term.flops * correction.flops, bytes: term.bytes * correction.bytes };
        });
        const work = { terms, batch, ffnTokens: ffnTokens(card, setting), dtype: "int8" as const };
        const best = cheapestDeployment(work, accelerators);
        const accelerator = (name: string): Accelerator => accelerators.find((card) => card.name === name) as Accelerator;
        rows.push({
          row: "deployment",
          kind: "modeled",
          model: card.name,
          batch,
          kvTokens,
          tokensPerExpert,
          ffnTokens: work.ffnTokens,
          attentionOn: best.attentionOn,
          ffnOn: best.ffnOn,
          attentionPrecision: best.attentionPrecision,
          ffnPrecision: best.ffnPrecision,
          basis: counted ? "counted" : "modeled",
          attentionStageNs: best.attentionNs / card.layers.length,
          ffnStageNs: best.ffnNs / card.layers.length,
          attentionBound: boundOfSide(terms, "attention", accelerator(best.attentionOn)),
          ffnBound: boundOfSide(terms, "ffn", accelerator(best.ffnOn)),
          attentionCardShare: best.attentionCardShare,
          tpotNs: best.tpotNs,
          tokensPerSecondPerCard: best.tokensPerSecondPerCard,
          usdPerMillionTokens: best.usdPerMillionTokens,
        });
      }
    }
  }
  return rows;
}

/** Counted over modeled FLOPs and bytes of the terms that an int8 row of one thread counted (the router's row is float32 in any case). */
function countedCorrections(
  measured: readonly { planned: PlannedRow; row: KernelRow }[],
): Map<TermLabel, { flops: number; bytes: number }> {
  const corrections = new Map<TermLabel, { flops: number; bytes: number }>();
  for (const { planned, row } of measured) {
    const usable = row.dtype === "int8" || planned.term === "moe.router";
    if (!usable || planned.term === undefined || planned.term === "attention.projections") continue;
    if (row.flops === undefined || row.measuredFlopsPerByte === undefined || planned.modeled.valueBytes === 0) continue;
    const bytes = row.flops / row.measuredFlopsPerByte;
    corrections.set(planned.term, { flops: row.flops / planned.modeled.flops, bytes: bytes / planned.modeled.valueBytes });
  }
  return corrections;
}

/** What takes most of a side's time: its compute-bound or its memory-bound terms. */
function boundOfSide(terms: readonly DeploymentTerm[], side: "attention" | "ffn", accelerator: Accelerator): "compute" | "memory" {
  const time = { compute: 0, memory: 0 };
  for (const term of terms) {
    if (term.side !== side || term.flops + term.bytes === 0) continue;
    const { bound, latencyNs } = projectKernel(term, accelerator, "int8");
    time[bound] += latencyNs * term.layers;
  }
  return time.memory > time.compute ? "memory" : "compute";
}
