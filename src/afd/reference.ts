import { createMemory, type KernelModule } from "../kernels/load.ts";
import { type DecodeWork, sequencesOf } from "./decodeWork.ts";
import type { Membership } from "./memberships.ts";
import { isCarried } from "./message.ts";
import { oneThreadModel } from "./oneThread.ts";
import { bindAttentionStages, bindFfnStages, layoutsOf, rowWidth } from "./stageModel.ts";
import type { StagePlace } from "./stages.ts";
import { createStepLog, StepLog } from "./stepLog.ts";
import { pairParts } from "./wiring.ts";
import { type Division, divisionOf, isMoeLayer, type Work } from "./work.ts";

/**
 * The outputs of a run in one thread: one attention instance and the run's FFN instances, one after the other. What threads, wire
 * and faults must not change. A model in one memory where the instances stay the same; where their number changes, and where
 * stages are emulated, a memory for each with plain copies for messages.
 * @returns a checksum of every sequence in every step, as the run's step log holds them
 */
export function referenceOutputs(
  memberships: readonly Membership[],
  steps: number,
  kernels: KernelModule | undefined,
): Uint32Array {
  const [first, second] = memberships;
  if (first === undefined) return new Uint32Array(0);
  if (second === undefined && first.work.kind === "kernels") return oneMemoryOutputs(first.work.decode, kernels);
  const division = { ...divisionOf(first.work), steps };
  const buffers = createStepLog(division, rowWidth(first.work), "inputs");
  const log = new StepLog(division, rowWidth(first.work), buffers);
  for (const membership of memberships) decodeInOneThread(membership, kernels, log);
  return Uint32Array.from(log.checksums);
}

function oneMemoryOutputs(decode: DecodeWork, kernels: KernelModule | undefined): Uint32Array {
  if (kernels === undefined) throw new Error("stages with kernels need a compiled module");
  const division = { ...divisionOf({ kind: "kernels", decode }) };
  const buffers = createStepLog(division, decode.model.hidden, "checksums");
  const log = new StepLog(division, decode.model.hidden, buffers);
  const model = oneThreadModel(decode, kernels);
  model.prepare();
  for (let step = 0; step < decode.steps; step++) {
    model.runStep(step);
    log.addOutputs(step, 0, model.finish(step));
  }
  return Uint32Array.from(log.checksums);
}

function decodeInOneThread(
  { work: divided, firstStep, lastStep }: Membership,
  kernels: KernelModule | undefined,
  log: StepLog,
): void {
  const work = withOneAttention(divided);
  const division = divisionOf(work);
  const layouts = layoutsOf(work);
  const memories = [...layouts.attention, ...layouts.ffn].map(({ memoryBytes }) => createMemory(memoryBytes));
  const thread = (instance: number, memory: WebAssembly.Memory | undefined) => {
    if (memory === undefined) throw new Error("an instance has no memory");
    return { work, instance, memory, kernels, rank: 0, threads: 1 };
  };
  const alone = (): void => {};
  const attention = bindAttentionStages(thread(0, memories[0]), alone);
  const ffn = layouts.ffn.map((_, instance) => bindFfnStages(thread(instance, memories[1 + instance]), alone));
  for (const stages of [attention, ...ffn]) stages.prepare();
  const pairs = layouts.ffn.map((_, instance) => pairParts(division, layouts, memories, 0, instance));
  const firstOf = (microBatch: number): number => sequencesOf(division, microBatch, 0).first;

  /** A stage of a step before this membership: only its keys and values. */
  function append(place: StagePlace): void {
    log.readInput(place.step, place.layer, firstOf(place.microBatch), attention.input(place));
    attention.append(place);
  }

  function decode(place: StagePlace): void {
    const { step, layer, microBatch } = place;
    const first = firstOf(microBatch);
    if (step === firstStep && layer === 0 && step > 0) {
      log.readInput(step, layer, first, attention.input(place));
      attention.rerun(place);
    } else {
      attention.run(place);
    }
    log.addInput(step, layer, first, attention.input(place));
    if (layer === 0 && step > firstStep) log.addOutputs(step - 1, first, attention.input(place));
    const isMoe = isMoeLayer(work, layer);
    for (const { a2f } of pairs) copy(a2f[microBatch] ?? [], isMoe);
    for (const [instance, stages] of ffn.entries()) {
      stages.run(place);
      copy(pairs[instance]?.f2a[microBatch] ?? [], isMoe);
    }
  }

  for (const place of placesOf(division, lastStep)) {
    if (place.step < firstStep) append(place);
    else decode(place);
  }
  for (const microBatch of division.microBatches.keys()) {
    const rows = attention.finish(lastStep - 1, microBatch);
    log.addOutputs(lastStep - 1, firstOf(microBatch), rows);
    log.addInput(lastStep, 0, firstOf(microBatch), rows);
  }
}

/** Every stage of the steps before `lastStep`, in the order of one thread. */
function* placesOf({ layers, microBatches }: Division, lastStep: number): Generator<StagePlace> {
  for (let step = 0; step < lastStep; step++)
    for (let layer = 0; layer < layers; layer++)
      for (const microBatch of microBatches.keys()) yield { step, layer, microBatch };
}

function withOneAttention(work: Work): Work {
  if (work.kind === "emulated") return { kind: "emulated", emulated: { ...work.emulated, attentionInstances: 1 } };
  return { kind: "kernels", decode: { ...work.decode, attentionInstances: 1 } };
}

function copy(parts: ReturnType<typeof pairParts>["a2f"][number], isMoe: boolean): void {
  for (const part of parts) if (isCarried(part, isMoe)) part.target.set(part.source);
}
