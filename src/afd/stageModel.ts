import { instantiateKernels, type KernelModule } from "../kernels/load.ts";
import { layOutAttention } from "./attentionLayout.ts";
import { bindAttention } from "./attentionStage.ts";
import {
  bindEmulatedAttention,
  bindEmulatedFfn,
  layOutEmulatedAttention,
  layOutEmulatedFfn,
} from "./emulatedStages.ts";
import { layOutFfn } from "./ffnLayout.ts";
import { bindFfn } from "./ffnStage.ts";
import type { AttentionLayout, AttentionStages, FfnLayout, FfnStages } from "./stages.ts";
import { divisionOf, type Work } from "./work.ts";

/** Memories of all instances, which follow from the work alone. */
export interface Layouts {
  readonly attention: readonly AttentionLayout[];
  readonly ffn: readonly FfnLayout[];
}

/** Layouts of works so far: messages' sizes, memories and counts all ask for those of a run. */
const knownLayouts = new WeakMap<Work, Layouts>();

/** The memories of a work's instances, laid out once for each work. */
export function layoutsOf(work: Work): Layouts {
  const known = knownLayouts.get(work);
  if (known !== undefined) return known;
  const { attentionInstances, ffnInstances } = divisionOf(work);
  const layouts: Layouts = {
    attention: Array.from({ length: attentionInstances }, (_, instance) => attentionLayout(work, instance)),
    ffn: Array.from({ length: ffnInstances }, (_, instance) => ffnLayout(work, instance)),
  };
  knownLayouts.set(work, layouts);
  return layouts;
}

/** Values of a sequence that are kept of each layer: its hidden state. */
export function rowWidth(work: Work): number {
  return work.kind === "emulated" ? work.emulated.rowBytes / 4 : work.decode.model.hidden;
}

/** One thread of an instance, to be bound to the instance's memory. */
export interface StageThread {
  readonly work: Work;
  readonly instance: number;
  readonly rank: number;
  readonly threads: number;
  readonly kernels: KernelModule | undefined;
  readonly memory: WebAssembly.Memory;
}

/** @param meet returns once all threads of the instance have come to it */
export function bindAttentionStages(thread: StageThread, meet: () => void): AttentionStages {
  const { work, instance, memory, rank, threads } = thread;
  if (work.kind === "emulated") return alone(rank, bindEmulatedAttention(work.emulated, instance, bytesOf(memory)));
  const plan = layOutAttention(work.decode, instance);
  return bindAttention(plan, instantiateKernels(compiled(thread), memory), memory, rank, threads, meet);
}

export function bindFfnStages(thread: StageThread, meet: () => void): FfnStages {
  const { work, instance, memory, rank, threads } = thread;
  if (work.kind === "emulated") return alone(rank, bindEmulatedFfn(work.emulated, instance, bytesOf(memory)));
  const plan = layOutFfn(work.decode, instance);
  return bindFfn(plan, instantiateKernels(compiled(thread), memory), memory, rank, threads, meet);
}

/** Emulated stages are run by an instance's first thread; the others only meet it. */
function alone<Stages extends AttentionStages | FfnStages>(rank: number, stages: Stages): Stages {
  if (rank === 0) return stages;
  const idle = { prepare: () => {}, run: () => {}, rerun: () => {}, append: () => {}, finish: () => [] };
  return { ...stages, ...idle };
}

function attentionLayout(work: Work, instance: number): AttentionLayout {
  if (work.kind === "emulated") return layOutEmulatedAttention(work.emulated, instance);
  return layOutAttention(work.decode, instance);
}

function ffnLayout(work: Work, instance: number): FfnLayout {
  if (work.kind === "emulated") return layOutEmulatedFfn(work.emulated);
  return layOutFfn(work.decode, instance);
}

function compiled({ kernels }: StageThread): KernelModule {
  if (kernels === undefined) throw new Error("stages with kernels need a compiled module");
  return kernels;
}

function bytesOf(memory: WebAssembly.Memory): SharedArrayBuffer {
  return memory.buffer as unknown as SharedArrayBuffer;
}
