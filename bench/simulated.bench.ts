/**
 * Emulated pipelines on threads beside the same in the discrete-event simulation, from 1A1F to 8A8F.
 *
 *   node bench/all.ts simulated              prints the differences
 *   SAVE=file.json node bench/all.ts simulated   keeps the runs, as test/simulate/recorded holds them
 */
import { writeFileSync } from "node:fs";
import { noNetwork } from "../src/afd/network.ts";
import type { StageChoice } from "../src/runs/pipelineSettings.ts";
import { type EmulatedPipeline, emulatedTpotNs } from "../src/simulate/emulatedTpot.ts";
import { NO_JITTER } from "../src/simulate/random.ts";
import { formatDuration, formatPercent } from "../src/units/format.ts";
import { pipelineRow, pipelineSettings } from "./pipelineRun.ts";

const MS = 1e6;
const LAYERS = 8;
const COUNTED = { steps: 30, warmUpSteps: 8 };

const STAGES = [
  { name: "balanced", attentionNs: 2 * MS, ffnNs: 2 * MS, netNs: 1 * MS },
  { name: "A-bound", attentionNs: 3 * MS, ffnNs: 1 * MS, netNs: 0.5 * MS },
  { name: "F-bound", attentionNs: 1 * MS, ffnNs: 3 * MS, netNs: 0.5 * MS },
  { name: "network-bound", attentionNs: 1 * MS, ffnNs: 1 * MS, netNs: 3 * MS },
];
const DEPLOYMENTS = [
  [1, 1],
  [2, 2],
  [2, 3],
  [4, 4],
  [8, 8],
] as const;

/** One run, with what the simulation needs to follow it. */
interface Recorded extends EmulatedPipeline {
  readonly name: string;
  readonly measuredTpotNs: number;
}

const recorded: Recorded[] = [];
console.log("simulated: TPOT on threads beside the discrete-event simulation");
for (const [index, { name, ...times }] of STAGES.entries()) {
  for (const [attentionInstances, ffnInstances] of DEPLOYMENTS)
    await compare(name, { ...times, attentionInstances, ffnInstances, microBatches: 3 });
  for (const microBatches of [1, 2, 4])
    await compare(name, { ...times, attentionInstances: 1, ffnInstances: 1, microBatches });
  if (index > 0) continue;
  for (const linkUse of ["shared", "pair"] as const)
    await compare(name, { ...times, attentionInstances: 2, ffnInstances: 2, microBatches: 3, linkUse });
  for (const [attentionInstances, ffnInstances] of DEPLOYMENTS) {
    const jitter = { kind: "lognormal", sigma: 0.05 } as const;
    await compare("balanced, jitter", { ...times, attentionInstances, ffnInstances, microBatches: 3, jitter });
  }
}
const errors = recorded.map((run) => Math.abs(emulatedTpotNs(run) / run.measuredTpotNs - 1));
const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
console.log(`  ${errors.length} runs: mean ${formatPercent(mean)}, worst ${formatPercent(Math.max(...errors))}`);
if (process.env["SAVE"] !== undefined)
  writeFileSync(process.env["SAVE"], `${JSON.stringify(recorded, undefined, 1)}\n`);

type Case = Pick<EmulatedPipeline, "attentionNs" | "ffnNs" | "attentionInstances" | "ffnInstances" | "microBatches"> &
  Pick<EmulatedPipeline, "linkUse" | "jitter"> & { readonly netNs: number };

async function compare(name: string, { netNs, ...run }: Case): Promise<void> {
  const { attentionInstances, ffnInstances, microBatches, linkUse = "duplex", jitter = NO_JITTER } = run;
  const stages: StageChoice = {
    ...{ kind: "emulated", attentionNs: run.attentionNs, ffnNs: run.ffnNs, jitter },
    ...{ layers: LAYERS, messageBytes: 64 },
  };
  const { tpotMeanNs } = await pipelineRow({
    ...pipelineSettings(stages),
    attentionInstances: [attentionInstances],
    ffnInstances: [ffnInstances],
    microBatching: { kind: "counts", counts: [microBatches] },
    steps: COUNTED.steps + COUNTED.warmUpSteps,
    warmUpSteps: COUNTED.warmUpSteps,
    network: { ...noNetwork, linkUse, stageNs: netNs },
    check: "none",
  });
  if (tpotMeanNs === undefined) throw new Error("a run gave no time");
  const followed: Recorded = {
    ...{ name, ...run, layers: LAYERS, a2fNs: netNs, f2aNs: netNs, steps: 400, warmUpSteps: 10, seed: 1 },
    measuredTpotNs: Math.round(tpotMeanNs),
  };
  recorded.push(followed);
  const simulatedNs = emulatedTpotNs(followed);
  const deployment = `${name}, ${attentionInstances}A${ffnInstances}F, ${microBatches} micro-batches, ${linkUse}`;
  const difference = formatPercent(simulatedNs / tpotMeanNs - 1);
  console.log(
    `  ${deployment}: ${formatDuration(tpotMeanNs)}, simulated ${formatDuration(simulatedNs)} (${difference})`,
  );
}
