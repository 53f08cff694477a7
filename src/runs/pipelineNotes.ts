import { isImmediate } from "../afd/network.ts";
import { readEnvironment } from "../host/environment.ts";
import type { PipelineRow } from "../record/pipelineRows.ts";
import { formatDuration } from "../units/format.ts";
import type { PipelineSettings } from "./pipelineSettings.ts";

/** An emulated run above this share of the closed form has made up for time that the machine lost. */
const mostFraction = 1.02;

/** Sentences that the rows of a run should not be read without. */
export function pipelineNotes(settings: PipelineSettings, rows: readonly PipelineRow[]): string[] {
  const { warmUpSteps, steps, stages, check, network, wire } = settings;
  const emulated = stages.kind === "emulated";
  return [
    `Measured on worker threads, steps ${warmUpSteps} to ${steps - 1}${warmUpSteps === 0 ? ", the first fill the pipeline" : ""}.`,
    emulated
      ? `Emulated: a stage takes ${formatDuration(stages.attentionNs)} (attention) or ${formatDuration(stages.ffnNs)} (FFN), chained on absolute deadlines.`
      : "Kernels run with seeded weights and caches; logits and sampling are left out, and the rows a step ends with begin the next.",
    `boundNs is modeled: the closed form of ${emulated ? "the given times" : "this run's median stages"} and the emulated network, without jitter, faults and hand-overs.`,
    ...(isImmediate(network) ? [] : ["The network is emulated: a message is there when it would have arrived."]),
    ...(wire === "postmessage"
      ? [
          "Wire postmessage: every stage is a task of a pool, its messages travel in tasks and results; a plain baseline.",
        ]
      : []),
    ...(check === "none" ? ["Outputs were not compared with the one-thread run."] : []),
    ...(tooManyThreads(settings)
      ? [`More threads than the ${readEnvironment().cpuCores} cores: stages share them.`]
      : []),
    ...(emulated && rows.some((row) => row.row === "run" && (row.boundFraction ?? 0) > mostFraction)
      ? [
          "Above 100% of the closed form: this machine fell behind the emulated times and made up for it; it is too busy.",
        ]
      : []),
  ];
}

function tooManyThreads({ stages, attentionInstances, ffnInstances, threadsPerInstance }: PipelineSettings): boolean {
  if (stages.kind === "emulated") return false;
  const instances = Math.max(...attentionInstances) + Math.max(...ffnInstances);
  return instances * threadsPerInstance > readEnvironment().cpuCores;
}
