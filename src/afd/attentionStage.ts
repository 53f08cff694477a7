import { fillNormWeight, type Rows } from "../kernels/activations.ts";
import { keySteps, keyValueSteps, queryDownSteps, querySteps } from "../kernels/attentionLayerSteps.ts";
import { type AttentionRows, coreDimsOf } from "../kernels/attentionRows.ts";
import { type KernelExports, kernelFunction } from "../kernels/exports.ts";
import { fillKvCache } from "../kernels/kvCache.ts";
import { shareOf } from "../kernels/program.ts";
import { fillRopeTable } from "../kernels/rope.ts";
import { type PreparationTask, tensorSeed } from "../kernels/weights.ts";
import { ropeFrequencies } from "../workload/ropeFrequencies.ts";
import { type AttentionPlan, type AttentionShare, cachedTokens } from "./attentionLayout.ts";
import {
  type AttentionThread,
  appendSteps,
  attentionCoreSteps,
  combineSteps,
  finalNormSteps,
  outputSteps,
  partOf,
} from "./attentionSteps.ts";
import { type AttentionLayerWeights, weightTasks } from "./attentionWeights.ts";
import { type BoundStep, bindSteps, type LayerOffsets, runBound, runBoundOn } from "./boundSteps.ts";
import { layerSeed, modelTensors } from "./decodeModel.ts";
import { prepareShared, requireMemory } from "./preparation.ts";
import type { AttentionStages, StagePlace } from "./stages.ts";

/** What one thread runs of a layer when the state stands in one of the two buffers. */
interface LayerProgram {
  readonly keyValue: readonly BoundStep[];
  readonly queryDown: readonly BoundStep[];
  readonly keys: readonly BoundStep[];
  readonly query: readonly BoundStep[];
  readonly output: readonly BoundStep[];
}

/** What depends on how many tokens there are: made once a decode step for each kind of attention. */
interface StepProgram {
  step: number;
  append: readonly BoundStep[];
  core: readonly BoundStep[];
}

/** All of one micro-batch. Pairs are by the buffer that holds the input of a layer. */
interface ShareProgram {
  readonly share: AttentionShare;
  readonly thread: AttentionThread;
  readonly combine: readonly [readonly BoundStep[], readonly BoundStep[]];
  readonly finalNorm: readonly [readonly BoundStep[], readonly BoundStep[]];
  /** [layer] */
  readonly layers: readonly (readonly [LayerProgram, LayerProgram])[];
  /** [kind of attention] */
  readonly steps: readonly StepProgram[];
  /** [layer]: from the first of its kind, which programs of a step are made for. */
  readonly offsets: readonly LayerOffsets[];
  readonly views: readonly [readonly Float32Array[], readonly Float32Array[]];
}

/** A position before any: programs of no step yet. */
const noStep = -1;

/**
 * Binds one thread of an attention instance to its memory.
 *
 * @param meet - waits for all threads of the instance.
 * @throws InfeasibleError where the memory ends before the layout does.
 */
export function bindAttention(
  plan: AttentionPlan,
  exports: KernelExports,
  memory: WebAssembly.Memory,
  rank: number,
  ranks: number,
  meet: () => void,
): AttentionStages {
  requireMemory(plan, memory);
  const { model, kvTokens } = plan.work;
  const layerCount = model.layers.length;
  const programs = plan.shares.map((share) => bindShare({ plan, share, rank, ranks }, exports, memory));
  const firstLayers = plan.kinds.map((_, kind) => firstLayerOf(plan, kind));
  const frequencies = plan.kinds.map(({ attention: { rope } }) => ropeFrequencies(rope));
  const fill = kernelFunction(exports, "fillUniform");

  /** The buffer that holds the input of a layer: they alternate from layer to layer, and from step to step. */
  const inputOf = ({ step, layer }: StagePlace): 0 | 1 => ((step * layerCount + layer) % 2 === 0 ? 0 : 1);
  const programOf = (microBatch: number): ShareProgram => programs[microBatch] as ShareProgram;

  function firstRows({ share }: ShareProgram): void {
    const state = share.states[0];
    const own = shareOf(state.rows, rank, ranks);
    for (let row = own.first; row < own.last; row++) {
      const start = (share.sequences.first + row) * model.hidden;
      const seed = tensorSeed(model.seed, modelTensors.firstRows);
      fill(state.address + row * state.strideBytes, model.hidden, seed, start | 0, Math.sqrt(3));
    }
  }

  /** Turns to a decode step: positions of this thread's sequences, and the programs that follow from lengths. */
  function stepProgram({ share, thread, steps }: ShareProgram, kind: number, step: number): StepProgram {
    const program = steps[kind] as StepProgram;
    if (program.step === step) return program;
    const { dims } = (plan.kinds[kind] as AttentionRows).attention.rope;
    const frequenciesOf = frequencies[kind] as ReturnType<typeof ropeFrequencies>;
    const { first, last } = shareOf(share.sequences.last - share.sequences.first, rank, ranks);
    for (let row = first; row < last; row++) {
      const address = (share.ropeTables[kind] as number) + row * dims * 4;
      const position = (kvTokens[share.sequences.first + row] as number) + step;
      fillRopeTable(new Float32Array(memory.buffer, address, dims), position, frequenciesOf(position + 1));
    }
    const layer = firstLayers[kind] as number;
    program.append = bindSteps(exports, appendSteps(thread, layer, step));
    program.core = bindSteps(exports, attentionCoreSteps(thread, layer, step));
    program.step = step;
    return program;
  }

  function attend(place: StagePlace): void {
    const program = programOf(place.microBatch);
    const { kind } = plan.layers[place.layer] as AttentionLayerWeights;
    const layer = (program.layers[place.layer] as ShareProgram["layers"][number])[inputOf(place)];
    const ofStep = stepProgram(program, kind, place.step);
    const offsets = program.offsets[place.layer] as LayerOffsets;
    runBound(layer.keyValue, meet);
    runBound(layer.queryDown, meet);
    meet();
    runBound(layer.keys, meet);
    runBoundOn(ofStep.append, offsets, meet);
    runBound(layer.query, meet);
    runBoundOn(ofStep.core, offsets, meet);
    runBound(layer.output, meet);
  }

  const isEmpty = ({ share }: ShareProgram): boolean => share.sequences.first === share.sequences.last;

  return {
    prepare() {
      prepareShared(plan.preparation, exports, tasksOf(plan, exports, memory), rank, ranks, meet);
      for (const { steps } of programs) for (const program of steps) program.step = noStep;
    },
    run(place) {
      const program = programOf(place.microBatch);
      if (isEmpty(program)) return;
      const input = inputOf(place);
      if (place.step === 0 && place.layer === 0) firstRows(program);
      else {
        runBound(program.combine[input], meet);
        if (place.layer === 0) runBound(program.finalNorm[input], meet);
      }
      attend(place);
    },
    rerun(place) {
      if (isEmpty(programOf(place.microBatch))) return;
      meet();
      attend(place);
    },
    append(place) {
      const program = programOf(place.microBatch);
      if (isEmpty(program)) return;
      const { kind } = plan.layers[place.layer] as AttentionLayerWeights;
      const layer = (program.layers[place.layer] as ShareProgram["layers"][number])[inputOf(place)];
      const ofStep = stepProgram(program, kind, place.step);
      meet();
      runBound(layer.keyValue, meet);
      meet();
      runBound(layer.keys, meet);
      runBoundOn(ofStep.append, program.offsets[place.layer] as LayerOffsets, meet);
      meet();
    },
    input: (place) => programOf(place.microBatch).views[inputOf(place)],
    finish(step, microBatch) {
      const program = programOf(microBatch);
      const last = { step, layer: layerCount - 1, microBatch };
      const kept = inputOf(last);
      if (!isEmpty(program)) {
        // Into the buffer of the input, which is not needed any more: so the state stays as it was, should the next step begin.
        const { rows } = program.share.states[0];
        const own = shareOf(rows, rank, ranks);
        for (let row = own.first; row < own.last; row++)
          (program.views[kept][row] as Float32Array).set(program.views[kept === 0 ? 1 : 0][row] as Float32Array);
        runBound(program.combine[kept], meet);
        runBound(program.finalNorm[kept], meet);
        meet();
      }
      return program.views[kept];
    },
  };
}

function bindShare(thread: AttentionThread, exports: KernelExports, memory: WebAssembly.Memory): ShareProgram {
  const { plan, share } = thread;
  const { states } = share;
  const bind = (steps: Parameters<typeof bindSteps>[1]): readonly BoundStep[] => bindSteps(exports, steps);
  const layerProgram = (layer: number, input: Rows, output: Rows): LayerProgram => {
    const part = partOf(thread, layer);
    return {
      keyValue: bind(keyValueSteps(part, input)),
      queryDown: bind(queryDownSteps(part)),
      keys: bind(keySteps(part)),
      query: bind(querySteps(part)),
      output: bind(outputSteps(thread, layer, input, output)),
    };
  };
  return {
    share,
    thread,
    combine: [bind(combineSteps(thread, states[0])), bind(combineSteps(thread, states[1]))],
    finalNorm: [bind(finalNormSteps(thread, states[0])), bind(finalNormSteps(thread, states[1]))],
    layers: plan.layers.map((_, layer) => [
      layerProgram(layer, states[0], states[1]),
      layerProgram(layer, states[1], states[0]),
    ]),
    steps: plan.kinds.map(() => ({ step: noStep, append: [], core: [] })),
    offsets: plan.layers.map((layer, index) => {
      const first = firstLayerOf(plan, layer.kind);
      const cacheAddress = (at: number): number => share.caches[at]?.buffer.address ?? 0;
      return {
        cacheBytes: cacheAddress(index) - cacheAddress(first),
        sinksBytes: sinksAddress(layer) - sinksAddress(plan.layers[first] as AttentionLayerWeights),
      };
    }),
    views: [viewsOf(memory, states[0]), viewsOf(memory, states[1])],
  };
}

function firstLayerOf(plan: AttentionPlan, kind: number): number {
  return plan.layers.findIndex((layer) => layer.kind === kind);
}

function sinksAddress({ heads }: AttentionLayerWeights): number {
  return heads.kind === "grouped" && heads.sinks !== undefined ? heads.sinks.address : 0;
}

function viewsOf(memory: WebAssembly.Memory, { address, strideBytes, rows, width }: Rows): readonly Float32Array[] {
  return Array.from({ length: rows }, (_, row) => new Float32Array(memory.buffer, address + row * strideBytes, width));
}

/** What has to be made from the seed, in pieces that threads share out. */
function tasksOf(plan: AttentionPlan, exports: KernelExports, memory: WebAssembly.Memory): PreparationTask[] {
  const { model, kvTokens } = plan.work;
  const tasks: PreparationTask[] = [
    () => fillNormWeight(exports, memory, plan.finalNorm, model.seed, modelTensors.finalNorm),
  ];
  for (const [layer, weights] of plan.layers.entries()) {
    const { attention } = plan.kinds[weights.kind] as AttentionRows;
    tasks.push(...weightTasks(exports, memory, model, layer, weights));
    for (const { sequences, caches } of plan.shares) {
      const cache = caches[layer];
      if (cache === undefined) continue;
      const filled = { firstSequence: sequences.first, kvTokens: kvTokens.slice(sequences.first, sequences.last) };
      const { elements } = coreDimsOf(model, attention, cachedTokens(plan.work, sequences, 0));
      tasks.push((scratch) => fillKvCache(exports, memory, cache, elements, layerSeed(model, layer), scratch, filled));
    }
  }
  return tasks;
}
