import type { Work } from "../afd/work.ts";
import type { Share } from "../kernels/program.ts";
import { shareOf } from "../kernels/program.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { PipelineSettings } from "./pipelineSettings.ts";

/** One combination of a run's lists. */
export interface PipelinePoint {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  readonly microBatches: readonly Share[];
}

/**
 * All combinations, attention instances slowest.
 * @throws InvalidInputError where there are more micro-batches than sequences
 */
export function pointsOf(settings: PipelineSettings): readonly PipelinePoint[] {
  const { microBatching } = settings;
  const counts = microBatching.kind === "counts" ? microBatching.counts : [microBatching.sizes.length];
  return settings.attentionInstances.flatMap((attentionInstances) =>
    settings.ffnInstances.flatMap((ffnInstances) =>
      counts.map((count) => ({
        attentionInstances,
        ffnInstances,
        microBatches: microBatchesOf(settings, count, attentionInstances),
      })),
    ),
  );
}

/** What instances do at a point. */
export function workOf({ stages, steps, seed }: PipelineSettings, point: PipelinePoint): Work {
  const { attentionNs, ffnNs, jitter, layers, messageBytes: rowBytes } = stages;
  return { kind: "emulated", emulated: { ...point, layers, steps, attentionNs, ffnNs, jitter, rowBytes, seed } };
}

function microBatchesOf(
  { microBatching, batch }: PipelineSettings,
  count: number,
  attentionInstances: number,
): readonly Share[] {
  if (microBatching.kind === "sizes") {
    let first = 0;
    return microBatching.sizes.map((size) => {
      first += size;
      return { first: first - size, last: first };
    });
  }
  const sequences = batch ?? 4 * count * attentionInstances;
  if (count > sequences) {
    const expected = `at most a micro-batch for each of ${sequences} sequences (--batch)`;
    throw new InvalidInputError({ field: "--micro-batches", value: count, expected });
  }
  return Array.from({ length: count }, (_, microBatch) => shareOf(sequences, microBatch, count));
}
