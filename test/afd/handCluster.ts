import { type AttentionPlan, layOutAttention } from "../../src/afd/attentionLayout.ts";
import { bindAttention } from "../../src/afd/attentionStage.ts";
import { type DecodeWork, sequencesOf } from "../../src/afd/decodeWork.ts";
import { type FfnPlan, layOutFfn } from "../../src/afd/ffnLayout.ts";
import { bindFfn } from "../../src/afd/ffnStage.ts";
import type { AttentionStages, FfnStages, StagePlace, WireTensor } from "../../src/afd/stages.ts";
import { type KernelExports, kernelFunction } from "../../src/kernels/exports.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { compileKernels, createMemory, instantiateKernels, type KernelModule } from "../../src/kernels/load.ts";
import type { Target } from "../../src/kernels/target.ts";

const modules = new Map<Target, KernelModule>();

export function kernelsOf(target: Target): KernelModule {
  const known = modules.get(target) ?? compileKernels(readKernelModule(target, "plain"));
  modules.set(target, known);
  return known;
}

/** An instance whose threads take turns: each runs up to the next meeting. */
export interface HandInstance<Plan, Stages> {
  readonly plan: Plan;
  readonly memory: WebAssembly.Memory;
  prepare(): void;
  /** Every thread's call; gives what the first returned. */
  run<T>(call: (stages: Stages) => T): T;
}

type Bind<Plan, Stages> = (
  plan: Plan,
  exports: KernelExports,
  memory: WebAssembly.Memory,
  rank: number,
  ranks: number,
  meet: () => void,
) => Stages;

/** What threads call is written down, meeting by meeting, and done afterwards. */
function handInstance<Plan extends { readonly memoryBytes: number }, Stages extends { prepare(): void }>(
  kernels: KernelModule,
  plan: Plan,
  bind: Bind<Plan, Stages>,
  ranks: number,
  order: Order,
): HandInstance<Plan, Stages> {
  const memory = createMemory(plan.memoryBytes);
  const exports = instantiateKernels(kernels, memory);
  if (ranks === 1) {
    const alone = bind(plan, exports, memory, 0, 1, () => {});
    return { plan, memory, prepare: () => alone.prepare(), run: (call) => call(alone) };
  }
  let phases: (() => void)[][] = [];
  const written = new Proxy({} as KernelExports, {
    get: (_, name) => {
      const kernel = kernelFunction(exports, String(name));
      return (...args: number[]) => phases.at(-1)?.push(() => kernel(...args));
    },
  });
  const threads = Array.from({ length: ranks }, (_, rank) =>
    bind(plan, written, memory, rank, ranks, () => phases.push([])),
  );
  return {
    plan,
    memory,
    prepare() {
      // Preparing also reads what kernels made, so it is done at once: first what comes before the first meeting, then the rest.
      const stop = new Error("met");
      const rest = { ...exports, clearBytes: () => 0 };
      for (let rank = 0; rank < ranks; rank++) {
        const beginning = bind(plan, exports, memory, rank, ranks, () => {
          throw stop;
        });
        try {
          beginning.prepare();
        } catch (error) {
          if (error !== stop) throw error;
        }
      }
      for (let rank = 0; rank < ranks; rank++) bind(plan, rest, memory, rank, ranks, () => {}).prepare();
    },
    run(call) {
      const programs = threads.map((thread) => {
        phases = [[]];
        const result = call(thread);
        return { result, phases };
      });
      const most = Math.max(...programs.map((program) => program.phases.length));
      if (programs.some((program) => program.phases.length !== most)) throw new Error("ranks meet at different places");
      const { result } = programs[0] as (typeof programs)[number];
      if (order === "falling") programs.reverse();
      for (let phase = 0; phase < most; phase++)
        for (const program of programs) for (const step of program.phases[phase] ?? []) step();
      return result;
    },
  };
}

/** A work's instances, each with a memory of its own, and messages that are copied by hand. */
export interface HandCluster {
  readonly attention: readonly HandInstance<AttentionPlan, AttentionStages>[];
  readonly ffn: readonly HandInstance<FfnPlan, FfnStages>[];
  prepare(): void;
  /** One layer of one micro-batch: attention, messages, FFN, messages. `onAttention` sees each instance once its stage is over. */
  runPlace(place: StagePlace, onAttention?: (instance: number) => void): void;
  runStep(step: number): void;
  /** Rows of all sequences. */
  finish(step: number): Float32Array[];
  exchange(place: StagePlace, direction: "toFfn" | "toAttention"): void;
}

/** In which order threads take turns: nothing may depend on it. */
export type Order = "rising" | "falling";

export function handCluster(work: DecodeWork, target: Target, ranks = 1, order: Order = "rising"): HandCluster {
  const kernels = kernelsOf(target);
  const attention = Array.from({ length: work.attentionInstances }, (_, instance) =>
    handInstance(kernels, layOutAttention(work, instance), bindAttention, ranks, order),
  );
  const ffn = Array.from({ length: work.ffnInstances }, (_, instance) =>
    handInstance(kernels, layOutFfn(work, instance), bindFfn, ranks, order),
  );
  const rowOf = (instance: number, microBatch: number): number =>
    sequencesOf(work, microBatch, instance).first - (work.microBatches[microBatch]?.first ?? 0);

  /** Copies tokens to FFN instances, or partial sums to attention instances. */
  function exchange(place: StagePlace, direction: "toFfn" | "toAttention"): void {
    for (const [instance, here] of attention.entries()) {
      const row = rowOf(instance, place.microBatch);
      for (const [shard, there] of ffn.entries()) {
        const tensors = exchanged(here.plan, there.plan, shard, place, direction);
        for (const [from, into] of tensors) {
          if (direction === "toFfn") copyRows(here, from, 0, there, into, row, from.rows);
          else copyRows(there, from, row, here, into, 0, into.rows);
        }
      }
    }
  }

  function runPlace(place: StagePlace, onAttention: (instance: number) => void = () => {}): void {
    for (const [instance, each] of attention.entries()) {
      each.run((stages) => stages.run(place));
      onAttention(instance);
    }
    exchange(place, "toFfn");
    for (const each of ffn) each.run((stages) => stages.run(place));
    exchange(place, "toAttention");
  }
  return {
    attention,
    ffn,
    prepare() {
      for (const each of [...attention, ...ffn]) each.prepare();
    },
    exchange,
    runPlace,
    runStep(step) {
      for (const layer of work.model.layers.keys())
        for (const microBatch of work.microBatches.keys()) runPlace({ step, layer, microBatch });
    },
    finish: (step) =>
      [...work.microBatches.keys()].flatMap((microBatch) =>
        attention.flatMap((each) =>
          each.run((stages) => stages.finish(step, microBatch)).map((row) => Float32Array.from(row)),
        ),
      ),
  };
}

/** Senders' tensors of a place, each with its receiver's. */
function exchanged(
  attention: AttentionPlan,
  ffn: FfnPlan,
  shard: number,
  { layer, microBatch }: StagePlace,
  direction: "toFfn" | "toAttention",
): (readonly [WireTensor, WireTensor])[] {
  const [sender, receiver] =
    direction === "toFfn"
      ? [attention.sends[microBatch], ffn.receives[microBatch]]
      : [ffn.sends[microBatch], attention.receives[microBatch]?.[shard]];
  const isMoe = ffn.work.model.layers[layer]?.ffn.kind === "moe";
  const sent = (sender ?? []).filter(({ layers }) => layers === "all" || isMoe);
  return sent.map((from) => {
    const into = receiver?.find(({ key }) => key === from.key);
    if (into === undefined || into.rowBytes !== from.rowBytes) throw new Error(`nobody receives ${from.key}`);
    return [from, into] as const;
  });
}

type InMemory = { readonly memory: WebAssembly.Memory };

function copyRows(
  sender: InMemory,
  from: WireTensor,
  fromRow: number,
  receiver: InMemory,
  into: WireTensor,
  intoRow: number,
  rows: number,
): void {
  const bytes = rows * from.rowBytes;
  const source = new Uint8Array(sender.memory.buffer, from.address + fromRow * from.rowBytes, bytes);
  new Uint8Array(receiver.memory.buffer, into.address + intoRow * into.rowBytes, bytes).set(source);
}
