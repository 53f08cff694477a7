import type { DecodeModel } from "../afd/decodeWork.ts";
import { checkFfnParallel } from "../afd/ffnShard.ts";
import { uniformOf } from "../afd/seeded.ts";
import { batchOf, type Work } from "../afd/work.ts";
import { type Share, shareOf } from "../kernels/program.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { KernelStages, PipelineSettings } from "./pipelineSettings.ts";

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

/**
 * What instances do at a point.
 * @param model undefined where stages are emulated
 * @throws InvalidInputError where FFN instances can't divide the experts
 */
export function workOf(
  { stages, steps, seed }: PipelineSettings,
  point: PipelinePoint,
  model: DecodeModel | undefined,
): Work {
  if (stages.kind === "emulated") {
    const { attentionNs, ffnNs, jitter, layers, messageBytes: rowBytes } = stages;
    return { kind: "emulated", emulated: { ...point, layers, steps, attentionNs, ffnNs, jitter, rowBytes, seed } };
  }
  if (model === undefined) throw new Error("stages with kernels need a model");
  const { ffnParallel, messages, contextTokens } = stages;
  const kvTokens = contextsOf(contextTokens, batchOf(point), seed);
  const decode = { ...point, model, ffnParallel, messages, kvTokens, steps };
  checkFfnParallel(decode);
  return { kind: "kernels", decode };
}

/** A draw of a sequence's context among all draws of a seed. */
const contextDraw = 1;

function contextsOf({ least, most }: KernelStages["contextTokens"], batch: number, seed: number): readonly number[] {
  return Array.from(
    { length: batch },
    (_, sequence) => least + Math.floor(uniformOf(seed, contextDraw, sequence) * (most - least + 1)),
  );
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
