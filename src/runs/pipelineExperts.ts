import { ffnShard } from "../afd/ffnShard.ts";
import type { PipelineRun } from "../afd/pipeline.ts";
import type { Work } from "../afd/work.ts";
import type { PipelineRunRow } from "../record/pipelineRows.ts";

/** How evenly tokens fell on experts, and on the FFN instances that hold them; nothing where none got any. */
export function expertLoad(
  work: Work,
  { expertTokens, memberships }: Pick<PipelineRun, "expertTokens" | "memberships">,
): Partial<Pick<PipelineRunRow, "expertImbalance" | "ffnImbalance">> {
  if (work.kind === "emulated") return {};
  const { decode } = work;
  const layers = expertTokens.flatMap((tokens, layer) =>
    tokens.some((count) => count > 0) ? [{ tokens, ffn: decode.model.layers[layer]?.ffn }] : [],
  );
  if (layers.length === 0) return {};
  const ofExperts = { expertImbalance: mean(layers.map(({ tokens }) => imbalance(tokens))) };
  // Counts are those of the whole run: they say nothing of instances whose number has changed.
  if (memberships.length > 1) return ofExperts;
  const ofInstances = layers.map(({ tokens, ffn }) =>
    imbalance(
      Array.from({ length: decode.ffnInstances }, (_, instance) => {
        const { first, last } = ffn === undefined ? { first: 0, last: 0 } : ffnShard(decode, ffn, instance).experts;
        return tokens.slice(first, last).reduce((sum, count) => sum + count, 0);
      }),
    ),
  );
  return { ...ofExperts, ffnImbalance: mean(ofInstances) };
}

/** The most over the mean. @param counts not all 0 */
function imbalance(counts: readonly number[]): number {
  return Math.max(...counts) / mean(counts);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
