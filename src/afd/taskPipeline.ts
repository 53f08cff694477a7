import { type ResidentPool, startResidentPool } from "../host/pool.ts";
import { sharedClock } from "../host/sharedClock.ts";
import { workerModule } from "../host/workerModule.ts";
import { createMemory } from "../kernels/load.ts";
import { sequencesOf } from "./decodeWork.ts";
import { createExpertTokens, readExpertTokens } from "./expertTokens.ts";
import { runClock } from "./membershipRun.ts";
import type { PipelinePlan, PipelineRun } from "./pipeline.ts";
import type { StageEntry } from "./stageLog.ts";
import { layoutsOf, rowWidth } from "./stageModel.ts";
import type { StageTask, StageTaskResult } from "./stageTask.ts";
import { createStepLog, StepLog } from "./stepLog.ts";
import { batchOf, divisionOf } from "./work.ts";

const taskUrl = workerModule(import.meta.url, "stageTask");

/**
 * The same decode steps with a pool's task for every stage and messages in tasks and results: the plain baseline that the wire is
 * compared with. The main thread hands every message on. No network is emulated, nothing is recovered.
 */
export async function runTaskPipeline(plan: PipelinePlan): Promise<PipelineRun> {
  const { work, kernels, signal } = plan;
  const division = divisionOf(work);
  const { attentionInstances, ffnInstances, layers, steps, microBatches } = division;
  const expertTokens = createExpertTokens(work);
  const layouts = layoutsOf(work);
  const memories = [...layouts.attention, ...layouts.ffn].map(({ memoryBytes }) => createMemory(memoryBytes));
  const origin = runClock().origin;
  const clock = sharedClock(origin);
  const buffers = createStepLog(division, rowWidth(work), "checksums");
  const stepLog = new StepLog(division, rowWidth(work), buffers);
  const pools = {
    attention: startResidentPool(taskUrl, attentionInstances),
    ffn: startResidentPool(taskUrl, ffnInstances),
  };
  const sides = {
    attention: Array.from({ length: attentionInstances }, () => new TaskInstance(pools.attention, signal)),
    ffn: Array.from({ length: ffnInstances }, () => new TaskInstance(pools.ffn, signal)),
  };
  const logs = { attention: sides.attention.map((): StageEntry[] => []), ffn: sides.ffn.map((): StageEntry[] => []) };
  let tokens = 0;

  async function stage(
    side: "attention" | "ffn",
    job: StageTask["job"],
    place: StageTask["place"],
    messages: readonly (readonly Uint8Array[])[],
    pushedNs: number,
  ): Promise<readonly StageTaskResult[]> {
    return Promise.all(
      sides[side].map(async (instance, index) => {
        const base = { work, kernels, memories, clockOrigin: origin, expertTokens };
        const result = await instance.run({
          ...base,
          job,
          side,
          instance: index,
          place,
          messages: messages[index] ?? [],
        });
        // It has waited since its stage before; a message that came during that one waited for the instance.
        const waitNs = logs[side][index]?.at(-1)?.endNs ?? pushedNs;
        const times = { waitNs, pushedNs, usableNs: pushedNs, beginNs: result.beginNs, endNs: result.endNs };
        if (job !== "prepare")
          logs[side][index]?.push({
            ...place,
            ...times,
            sentNs: clock(),
            lastPeer: -1,
            spreadNs: 0,
            queued: 0,
            redone: 0,
          });
        return result;
      }),
    );
  }

  async function decode(microBatch: number): Promise<void> {
    let partialSums: readonly (readonly Uint8Array[])[] = [];
    for (let step = 0; step < steps; step++) {
      for (let layer = 0; layer < layers; layer++) {
        signal.throwIfAborted();
        const place = { step, layer, microBatch };
        const attended = await stage("attention", "run", place, partialSums, clock());
        if (layer === 0 && step > 0) addOutputs(step - 1, microBatch, attended);
        const computed = await stage("ffn", "run", place, turned(attended), clock());
        partialSums = turned(computed);
      }
      const { first, last } = microBatches[microBatch] as { first: number; last: number };
      tokens += last - first;
      plan.onProgress(tokens, batchOf(division) * steps);
    }
    const ended = await stage("attention", "finish", { step: steps, layer: 0, microBatch }, partialSums, clock());
    addOutputs(steps - 1, microBatch, ended);
  }

  function addOutputs(step: number, microBatch: number, results: readonly StageTaskResult[]): void {
    for (const [instance, { rows }] of results.entries())
      stepLog.addOutputs(step, sequencesOf(division, microBatch, instance).first, rows);
  }

  let interrupted = false;
  let startNs = 0;
  try {
    const nowhere = { step: 0, layer: 0, microBatch: 0 };
    await Promise.all([stage("attention", "prepare", nowhere, [], 0), stage("ffn", "prepare", nowhere, [], 0)]);
    startNs = clock();
    await Promise.all(microBatches.map((_, microBatch) => decode(microBatch)));
  } catch (error) {
    if (!signal.aborted) throw error;
    interrupted = true;
  } finally {
    await Promise.all([pools.attention.destroy(), pools.ffn.destroy()]);
  }
  const nothing = { fired: [], restarts: [], duplicates: 0, resends: 0, corrupted: 0 };
  return {
    memberships: [
      {
        membership: { work, firstStep: 0, lastStep: steps },
        result: { division, startNs, attention: logs.attention, ffn: logs.ffn, ...nothing, interrupted },
      },
    ],
    checksums: new Uint32Array(buffers.checksums),
    expertTokens: readExpertTokens(work, expertTokens),
    fired: [],
    interrupted,
    unrecoverable: undefined,
  };
}

/** One instance: its stages come one after the other, on whichever worker of the pool is free. */
class TaskInstance {
  readonly #pool: ResidentPool;
  readonly #signal: AbortSignal;
  #before: Promise<unknown> = Promise.resolve();

  constructor(pool: ResidentPool, signal: AbortSignal) {
    this.#pool = pool;
    this.#signal = signal;
  }

  run(task: StageTask): Promise<StageTaskResult> {
    const result = this.#before.then(() => this.#pool.run(task, this.#signal) as Promise<StageTaskResult>);
    this.#before = result.catch(() => {});
    return result;
  }
}

/** Messages by receiver, of messages by sender. */
function turned(results: readonly StageTaskResult[]): readonly (readonly Uint8Array[])[] {
  const receivers = results[0]?.messages.length ?? 0;
  return Array.from({ length: receivers }, (_, receiver) =>
    results.map(({ messages }) => messages[receiver] ?? new Uint8Array(0)),
  );
}
