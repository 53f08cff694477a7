import { createArena } from "../kernels/arena.ts";
import { createMemory, instantiateKernels, type KernelModule } from "../kernels/load.ts";
import { layOutAttention } from "./attentionLayout.ts";
import { bindAttention } from "./attentionStage.ts";
import type { DecodeWork } from "./decodeWork.ts";
import { layOutFfn } from "./ffnLayout.ts";
import { bindFfn } from "./ffnStage.ts";
import { allocateSums } from "./messageTensors.ts";

/** What stages of one decode step took. */
export interface StepTimes {
  /** [layer x micro-batches + micro-batch] */
  readonly attentionNs: Float64Array;
  /** The same; all FFN instances' shards, one after the other. */
  readonly ffnNs: Float64Array;
}

/** A work's model in one thread and one memory: its sums run in the order that the work's FFN instances give them. */
export interface OneThreadModel {
  readonly memoryBytes: number;
  prepare(): void;
  /** Runs all layers of all micro-batches; the times are overwritten by the next step. */
  runStep(step: number): StepTimes;
  /** Rows that the step after `step` would begin with, of all sequences; a view that the next stage overwrites. */
  finish(step: number): readonly Float32Array[];
}

/**
 * Lays the whole model out in one memory, attention of all sequences and the shards of all FFN instances: what one side sends is what
 * the other reads, so there is no wire and no copy, while rounding is that of the messages.
 *
 * @throws InfeasibleError above 4 GiB.
 */
export function oneThreadModel(work: DecodeWork, kernels: KernelModule): OneThreadModel {
  const whole = { ...work, attentionInstances: 1 };
  const { layers } = work.model;
  const arena = createArena();
  const shards = Array.from({ length: work.ffnInstances }, (_, shard) => shard);
  const sums = work.microBatches.map(({ first, last }) => shards.map(() => allocateSums(arena, work, last - first)));
  const attentionPlan = layOutAttention(whole, 0, { arena, sums });
  const tokens = attentionPlan.shares.map((share) => share.tokens);
  const ffnPlans = shards.map((shard) =>
    layOutFfn(whole, shard, { arena, tokens, sums: sums.map((each) => each[shard] as (typeof each)[number]) }),
  );
  const memoryBytes = arena.totalBytes();
  const memory = createMemory(memoryBytes);
  const exports = instantiateKernels(kernels, memory);
  const alone = (): void => {};
  const attention = bindAttention(attentionPlan, exports, memory, 0, 1, alone);
  const ffns = ffnPlans.map((plan) => bindFfn(plan, exports, memory, 0, 1, alone));
  const stages = layers.length * work.microBatches.length;
  const times = { attentionNs: new Float64Array(stages), ffnNs: new Float64Array(stages) };

  return {
    memoryBytes,
    prepare() {
      attention.prepare();
      for (const ffn of ffns) ffn.prepare();
    },
    runStep(step) {
      let stage = 0;
      for (const layer of layers.keys()) {
        for (const microBatch of work.microBatches.keys()) {
          const place = { step, layer, microBatch };
          const begin = performance.now();
          attention.run(place);
          const between = performance.now();
          for (const ffn of ffns) ffn.run(place);
          times.attentionNs[stage] = (between - begin) * 1e6;
          times.ffnNs[stage] = (performance.now() - between) * 1e6;
          stage++;
        }
      }
      return times;
    },
    finish: (step) => [...work.microBatches.keys()].flatMap((microBatch) => [...attention.finish(step, microBatch)]),
  };
}
