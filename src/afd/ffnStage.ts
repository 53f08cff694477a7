import { fillRows, type Rows } from "../kernels/activations.ts";
import { type Experts, expertSteps, packExperts } from "../kernels/experts.ts";
import type { KernelExports } from "../kernels/exports.ts";
import { rowSteps } from "../kernels/linear.ts";
import { barrier, call, type Step, shareOf } from "../kernels/program.ts";
import type { PreparationTask } from "../kernels/weights.ts";
import { type BoundStep, bindSteps, runBound } from "./boundSteps.ts";
import { layerSeed, layerTensors } from "./decodeModel.ts";
import type { FfnKind, FfnLayerWeights, FfnMicroBatch, FfnPlan } from "./ffnLayout.ts";
import { madeIn, receiveSteps, sendSteps } from "./messageTensors.ts";
import { prepareShared, requireMemory } from "./preparation.ts";
import type { FfnStages } from "./stages.ts";

/**
 * Binds one thread of an FFN instance to its memory.
 *
 * @param meet - waits for all threads of the instance.
 * @throws InfeasibleError where the memory ends before the layout does.
 */
export function bindFfn(
  plan: FfnPlan,
  exports: KernelExports,
  memory: WebAssembly.Memory,
  rank: number,
  ranks: number,
  meet: () => void,
): FfnStages {
  requireMemory(plan, memory);
  const programs = plan.layers.map((layer): readonly (readonly BoundStep[])[] =>
    plan.microBatches.map((microBatch) => bindSteps(exports, stageSteps(plan, layer, microBatch, rank, ranks))),
  );
  return {
    prepare() {
      prepareShared(plan.preparation, exports, tasksOf(plan, exports, memory), rank, ranks, meet);
    },
    run: ({ layer, microBatch }) => runBound(programs[layer]?.[microBatch] ?? [], meet),
  };
}

/** From a micro-batch's tokens to their partial sums. */
function stageSteps(
  plan: FfnPlan,
  layer: FfnLayerWeights,
  microBatch: FfnMicroBatch,
  rank: number,
  ranks: number,
): Step[] {
  const { rows, tokens, sums } = microBatch;
  if (rows === 0) return [];
  const { hidden } = plan.work.model;
  const own = shareOf(rows, rank, ranks);
  const x = { ...madeIn(tokens.tokens, plan.received), rows };
  const y = { ...madeIn(sums.sums, plan.sums), rows };
  const kind = plan.kinds[layer.kind] as FfnKind;
  const routed = routedSteps(kind, layer, microBatch, x, y, rank, ranks);
  const whole =
    layer.whole === undefined || kind.whole === undefined
      ? rowSteps(rows, rank, ranks, ({ first, last }) =>
          call("clearBytes", y.address + first * y.strideBytes, (last - first) * y.strideBytes),
        )
      : [
          ...expertSteps(
            { ...layer.whole, ...kind.whole, offsets: microBatch.wholeOffsets, input: x, output: y },
            rank,
            ranks,
          ),
          barrier,
          ...sharedGateSteps(layer, x, y, rank, ranks),
        ];
  return [
    ...receiveSteps(tokens.tokens, plan.received, own),
    ...routed.group,
    barrier,
    ...routed.experts,
    ...whole,
    ...routed.combine,
    ...sendSteps({ ...y, width: hidden }, sums.sums, own),
    barrier,
  ];
}

/** The slice's partial sum times sigmoid(x . gate), by the rows that combine goes by. */
function sharedGateSteps({ sharedGate }: FfnLayerWeights, x: Rows, y: Rows, rank: number, ranks: number): Step[] {
  if (sharedGate === undefined) return [];
  const operands = [x.address, x.strideBytes, sharedGate.address, y.address, y.strideBytes];
  return rowSteps(y.rows, rank, ranks, ({ first, last }) => call("gateRows", ...operands, first, last, x.width));
}

/** Grouping, which goes along with receiving; the experts themselves; and their weighted sum. */
function routedSteps(
  kind: FfnKind,
  { routed }: FfnLayerWeights,
  { rows, tokens: { expertIds: ids, expertWeights: weights } }: FfnMicroBatch,
  x: Rows,
  y: Rows,
  rank: number,
  ranks: number,
): { readonly group: readonly Step[]; readonly experts: readonly Step[]; readonly combine: readonly Step[] } {
  const { ffn, shard, assignmentRows } = kind;
  if (!routed || !kind.routed || ffn.kind === "dense" || !ids || !weights || !assignmentRows)
    return { group: [], experts: [], combine: [] };
  const { topK, scalesInput } = ffn.router;
  const experts: Experts = { ...routed, ...kind.routed };
  const rowLimit = experts.offsets.address + experts.count * 4;
  const { first } = shard.experts;
  const grouping = [ids.address, rows * topK, ffn.experts, first, experts.offsets.address, assignmentRows.address];
  const items = shareOf(rows * topK, rank, ranks);
  const source = [x.address, x.strideBytes];
  const target = [experts.input.address, experts.input.strideBytes, x.width * 4];
  const which = [assignmentRows.address, items.first, items.last, topK, rowLimit];
  const output = [experts.output.address, experts.output.strideBytes];
  return {
    group: rank === 0 ? [call("groupByExpert", ...grouping)] : [],
    experts: [
      scalesInput
        ? call("gatherScaledRows", ...source, weights.address, ...target, ...which)
        : call("gatherRows", ...source, ...target, ...which),
      barrier,
      ...expertSteps(experts, rank, ranks),
      barrier,
    ],
    combine: rowSteps(rows, rank, ranks, (own) =>
      call(
        "combineRows",
        ...[...output, scalesInput ? 0 : weights.address, assignmentRows.address, y.address, y.strideBytes],
        ...[own.first, own.last, topK, x.width, rowLimit],
      ),
    ),
  };
}

/** What has to be made from the seed, in pieces that threads share out. */
function tasksOf(plan: FfnPlan, exports: KernelExports, memory: WebAssembly.Memory): PreparationTask[] {
  const tasks: PreparationTask[] = [
    () => {
      for (const { rows, wholeOffsets } of plan.microBatches)
        new Int32Array(memory.buffer, wholeOffsets.address, 2).set([0, rows]);
    },
  ];
  const { hidden } = plan.work.model;
  for (const [layer, { kind, routed, whole, sharedGate }] of plan.layers.entries()) {
    const seed = layerSeed(plan.work.model, layer);
    const { ffn, shard } = plan.kinds[kind] as FfnKind;
    const { experts, expertDims, wholeDims } = shard;
    if (routed !== undefined && ffn.kind === "moe") {
      const slice = { firstExpert: experts.first, firstDim: expertDims.first, expertDim: ffn.expertDim };
      tasks.push((scratch) => packExperts(exports, routed, seed, layerTensors.experts, scratch, slice));
    }
    if (sharedGate !== undefined)
      tasks.push(() => fillRows(exports, sharedGate, seed, layerTensors.sharedGate, Math.sqrt(3 / hidden)));
    if (whole === undefined) continue;
    const [tensor, expertDim] =
      ffn.kind === "moe" ? [layerTensors.shared, ffn.sharedDim] : [layerTensors.dense, ffn.width];
    const slice = { firstExpert: 0, firstDim: wholeDims.first, expertDim };
    tasks.push((scratch) => packExperts(exports, whole, seed, tensor, scratch, slice));
  }
  return tasks;
}
