/**
 * The AFD pipeline on threads: emulated stages beside the closed form, 64 emulated instances, kernels of a scaled model beside the
 * same model in one thread, and that model beside its kernels' own times.
 */
import { median } from "simple-statistics";
import { type DecodeModel, type DecodeWork, fp8Block } from "../src/afd/decodeWork.ts";
import { noNetwork } from "../src/afd/network.ts";
import { oneThreadModel } from "../src/afd/oneThread.ts";
import { attentionLayerCase } from "../src/kernels/attentionLayer.ts";
import type { KernelCase } from "../src/kernels/case.ts";
import type { KernelModule } from "../src/kernels/load.ts";
import { expertMatmulCase, moeLayerCase } from "../src/kernels/moe.ts";
import { shareOf } from "../src/kernels/program.ts";
import { wireCase } from "../src/kernels/wire.ts";
import { loadCatalogModel } from "../src/model/catalog.ts";
import { decodeModelOf } from "../src/runs/decodeModel.ts";
import { kernelsHere } from "../src/runs/kernelsHere.ts";
import type { PipelineSettings, StageChoice } from "../src/runs/pipelineSettings.ts";
import { formatDuration, formatNumber, formatPercent } from "../src/units/format.ts";
import { scaledCard } from "../src/workload/scaledCard.ts";
import { onHost } from "./host.ts";
import { pipelineRow, pipelineSettings } from "./pipelineRun.ts";

const MS = 1e6;
/** Runs of each side in turn; the ratio of each turn counts. */
const TURNS = 3;

console.log("pipeline: emulated stages, A = F = A2F + F2A = 2 ms, 8 layers");
await emulated(
  "3 micro-batches",
  { microBatching: { kind: "counts", counts: [3] } },
  { netNs: 1 * MS, stageNs: 2 * MS },
);
await emulated("1 micro-batch", { microBatching: { kind: "counts", counts: [1] } }, { netNs: 1 * MS, stageNs: 2 * MS });

console.log("pipeline: 32A32F, stages of 5 ms, 3 micro-batches, messages of 64 bytes");
const many = { attentionInstances: [32], ffnInstances: [32], batch: 96, steps: 90, warmUpSteps: 50 };
await emulated("64 instances", many, { netNs: 2.5 * MS, stageNs: 5 * MS });

const { kernels } = await kernelsHere(undefined);
const MODEL = "step3";
/** With few tokens an expert, weights come from memory, which two threads share; with more, products bind. */
const BATCHES = [96, 384];
const DIVISOR = 16;
for (const weightDtype of ["f32", "int8"] as const) {
  const model = decodeModelOf(scaledCard(loadCatalogModel(MODEL), DIVISOR), {
    ...{ weightDtype, kvDtype: weightDtype, seed: 1 },
  });
  console.log(`pipeline: ${MODEL} at 1/${DIVISOR}, ${weightDtype}, 1A1F, 3 micro-batches`);
  for (const batch of BATCHES) {
    const contextTokens = balancedContext(model, kernels, batch);
    await againstOneThread(model, kernels, { batch, contextTokens, weightDtype });
    await againstKernels(model, kernels, { batch, contextTokens, weightDtype });
  }
}

/** Prints one emulated deployment. */
async function emulated(
  name: string,
  changes: Partial<PipelineSettings>,
  { netNs, stageNs }: { readonly netNs: number; readonly stageNs: number },
): Promise<void> {
  const stages: StageChoice = {
    ...{ kind: "emulated", attentionNs: stageNs, ffnNs: stageNs, layers: 8, messageBytes: 64 },
    jitter: { kind: "none" },
  };
  const network = { ...noNetwork, stageNs: netNs };
  const row = await pipelineRow({ ...pipelineSettings(stages), network, ...changes });
  const { tpotNs = Number.NaN, tpotMeanNs = Number.NaN, boundNs = Number.NaN } = row;
  const reached = formatPercent(boundNs / tpotMeanNs);
  console.log(
    `  ${name}: TPOT ${formatDuration(tpotMeanNs)} (median ${formatDuration(tpotNs)}), closed form ${formatDuration(boundNs)}: ${reached} of it; ${row.bitEqual === true ? "bit-equal" : "NOT bit-equal"}`,
  );
}

/** What the kernels of a run are given. */
interface Setting {
  readonly batch: number;
  readonly contextTokens: number;
  readonly weightDtype: "f32" | "int8";
}

/** Prints two instances beside the same model in one thread, in turns. */
async function againstOneThread(
  model: DecodeModel,
  kernels: KernelModule,
  { batch, contextTokens, weightDtype }: Setting,
): Promise<void> {
  const stages: StageChoice = {
    ...{ kind: "kernels", model: { name: MODEL }, settings: [], divisor: DIVISOR, target: undefined },
    ...{ contextTokens: { least: contextTokens, most: contextTokens }, weightDtype, kvDtype: weightDtype },
    ...{ ffnParallel: { kind: "ep" }, messages: { a2f: "fp8", f2a: "bf16" }, zipfExponent: undefined },
  };
  const turns = { share: [] as number[], speedup: [] as number[], best: [] as number[], ideal: [] as number[] };
  let equal = true;
  for (let turn = 0; turn < TURNS; turn++) {
    const same = oneThreadTimes(model, kernels, { batch, contextTokens }, 3);
    const best = Math.min(
      same.stepNs,
      ...[1, 2].map((count) => oneThreadTimes(model, kernels, { batch, contextTokens }, count).stepNs),
    );
    const row = await pipelineRow({ ...pipelineSettings(stages), batch, check: turn === 0 ? "bits" : "none" });
    const tpotNs = row.tpotNs ?? Number.NaN;
    equal &&= row.bitEqual !== false;
    const ideal = (same.attentionNs + same.ffnNs) / Math.max(same.attentionNs, same.ffnNs);
    turns.ideal.push(ideal);
    turns.speedup.push(same.stepNs / tpotNs);
    turns.share.push(same.stepNs / tpotNs / ideal);
    turns.best.push(best / tpotNs);
  }
  const [speedup, ideal, share, best] = [turns.speedup, turns.ideal, turns.share, turns.best].map(median);
  console.log(
    `  batch ${batch}, context ${contextTokens}: ${formatNumber(speedup ?? 0)} times one thread, of ${formatNumber(ideal ?? 0)} by its stages: ${formatPercent(share ?? 0)}; ${formatNumber(best ?? 0)} times one thread at its best micro-batch count; ${equal ? "bit-equal" : "NOT bit-equal"}`,
  );
}

/** Medians over steps of one thread, of the whole step and of each side. */
function oneThreadTimes(
  model: DecodeModel,
  kernels: KernelModule,
  { batch, contextTokens }: Omit<Setting, "weightDtype">,
  microBatches: number,
) {
  const steps = 10;
  const work: DecodeWork = {
    ...{ model, attentionInstances: 1, ffnInstances: 1, ffnParallel: { kind: "ep" }, steps },
    kvTokens: Array.from({ length: batch }, () => contextTokens),
    microBatches: Array.from({ length: microBatches }, (_, index) => shareOf(batch, index, microBatches)),
    messages: { a2f: "fp8", f2a: "bf16" },
  };
  const one = oneThreadModel(work, kernels);
  one.prepare();
  const times = { stepNs: [] as number[], attentionNs: [] as number[], ffnNs: [] as number[] };
  for (let step = 0; step < steps; step++) {
    const began = performance.now();
    const { attentionNs, ffnNs } = one.runStep(step);
    times.stepNs.push((performance.now() - began) * 1e6);
    times.attentionNs.push(attentionNs.reduce((sum, ns) => sum + ns, 0));
    times.ffnNs.push(ffnNs.reduce((sum, ns) => sum + ns, 0));
  }
  const settled = (values: readonly number[]): number => median(values.slice(2));
  return {
    stepNs: settled(times.stepNs),
    attentionNs: settled(times.attentionNs),
    ffnNs: settled(times.ffnNs),
  };
}

/** The context at which attention of this model takes as long as its FFN, from two measurements. */
function balancedContext(model: DecodeModel, kernels: KernelModule, batch: number): number {
  const [short, long] = [64, 320];
  const [atShort, atLong] = [short, long].map((contextTokens) =>
    oneThreadTimes(model, kernels, { batch, contextTokens }, 3),
  );
  if (atShort === undefined || atLong === undefined) throw new Error("no times");
  const perToken = (atLong.attentionNs - atShort.attentionNs) / (long - short);
  const context = short + (atShort.ffnNs - atShort.attentionNs) / perToken;
  return Math.max(16, Math.min(8192, Math.round(context / 16) * 16));
}

/** Prints the model in one thread beside the sum of its kernels' times, each benched alone as `afdbench bench` does. */
async function againstKernels(model: DecodeModel, kernels: KernelModule, setting: Setting): Promise<void> {
  const { batch, contextTokens, weightDtype: dtype } = setting;
  const microBatches = 3;
  const tokens = batch / microBatches;
  const { hidden, epsilon } = model;
  const wires = (["fp8", "bf16"] as const).flatMap((format) =>
    (["quantize", "dequantize"] as const).map((direction) =>
      wireCase({ format, direction, rows: tokens, width: hidden, block: fp8Block, seed: 1 }),
    ),
  );
  const sumNs = await onHost(1, async (host) => {
    const medianOf = async (kernelCase: KernelCase): Promise<number> => (await host.sample(kernelCase)).medianNs;
    let wireNs = 0;
    for (const wire of wires) wireNs += await medianOf(wire);
    const known = new Map<string, number>();
    const timeOf = async (name: string, build: () => KernelCase): Promise<number> => {
      const before = known.get(name);
      if (before !== undefined) return before;
      const time = await medianOf(build());
      known.set(name, time);
      return time;
    };
    let stepNs = 0;
    for (const { attention, ffn } of model.layers) {
      const layerShape = { attention, hidden, epsilon, weightDtype: dtype, kvDtype: dtype };
      stepNs += await timeOf(`attention ${JSON.stringify(attention)}`, () =>
        attentionLayerCase({ ...layerShape, batch: tokens, kvTokens: contextTokens + 5, seed: 1 }),
      );
      stepNs += await timeOf(`ffn ${JSON.stringify(ffn)}`, () =>
        ffn.kind === "dense"
          ? expertMatmulCase({ count: 1, tokensPerExpert: tokens, hidden, expertDim: ffn.width, dtype, seed: 1 })
          : moeLayerCase({
              ...{ ...ffn, tokens, hidden, epsilon, dtype, residentExperts: ffn.experts, routing: "router", seed: 1 },
            }),
      );
      stepNs += wireNs;
    }
    return stepNs * microBatches;
  });
  const { stepNs } = oneThreadTimes(model, kernels, { batch, contextTokens }, microBatches);
  console.log(
    `  batch ${batch}: one thread takes ${formatDuration(stepNs)} a step, its kernels alone ${formatDuration(sumNs)}: ${formatPercent(stepNs / sumNs)}`,
  );
}
