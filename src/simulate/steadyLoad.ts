import { InvalidInputError } from "../units/errors.ts";
import type { DecodeLoad } from "./decodeLoad.ts";

/** How long a steady load goes on. */
export interface SteadySettings {
  /** Decode steps of each micro-batch that are counted, one token of every sequence each. */
  readonly steps: number;
  /** Steps of each micro-batch before these, in which the pipeline fills. */
  readonly warmUpSteps: number;
}

/** Full micro-batches of constant contexts, step after step. */
export interface SteadyLoad extends DecodeLoad {
  /** Times of the counted steps, of all micro-batches. */
  stepsNs(): readonly number[];
  /** Time of a step by the rate of steps: the mean of `stepsNs` where no micro-batch is faster than another. */
  tpotNs(): number;
}

/**
 * A load of full micro-batches. Counting begins when every micro-batch has warmed up, and ends when the first has done
 * its last step: filling and draining are left out.
 * @throws InvalidInputError unless there is a step to count
 */
export function steadyLoad(
  { attentionInstances, microBatches }: { readonly attentionInstances: number; readonly microBatches: number },
  { steps, warmUpSteps }: SteadySettings,
): SteadyLoad {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new InvalidInputError({ field: "steps", value: steps, expected: "a whole number of at least 1" });
  }
  const lastStep = warmUpSteps + steps;
  /** Ends of the steps that were counted, by micro-batch; the first is where counting began. */
  const endsNs: number[][] = Array.from({ length: microBatches }, () => []);
  const ended = new Int32Array(microBatches).fill(-1);
  let warming = microBatches;
  let drains = false;
  return {
    attention: new Float64Array(attentionInstances * microBatches).fill(1),
    ffn: new Float64Array(microBatches).fill(1),
    transfer: new Float64Array(microBatches).fill(1),
    get measuring() {
      return warming === 0 && !drains;
    },
    stepsNs: () => endsNs.flatMap((ends) => ends.slice(1).map((endNs, index) => endNs - (ends[index] as number))),
    tpotNs() {
      const stepsPerNs = endsNs.reduce((sum, ends) => sum + rate(ends), 0);
      return microBatches / stepsPerNs;
    },
    nextStep(microBatch, nowNs) {
      const done = (ended[microBatch] as number) + 1;
      ended[microBatch] = done;
      if (done === warmUpSteps) warming -= 1;
      if (done >= warmUpSteps && !drains) endsNs[microBatch]?.push(nowNs);
      if (done < lastStep) return nowNs;
      drains = true;
      return undefined;
    },
  };
}

function rate(endsNs: readonly number[]): number {
  const [first, last] = [endsNs[0], endsNs.at(-1)];
  return first === undefined || last === undefined || last === first ? 0 : (endsNs.length - 1) / (last - first);
}
