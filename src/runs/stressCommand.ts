import { formatFaults } from "../afd/faultSpec.ts";
import type { StressCase } from "./stressCase.ts";

/** The command line that runs a case once: `afdbench pipeline …`. */
export function pipelineCommand(given: StressCase): string {
  const { attentionInstances, ffnInstances, sizes, steps, threadsPerInstance, network, recovery, seed, faults } = given;
  const options = [
    ...stageOptions(given.stages),
    `--attention ${attentionInstances} --ffn ${ffnInstances} --micro-batch-sizes ${sizes.join(",")}`,
    `--steps ${steps} --warm-up 0`,
    ...(threadsPerInstance === 1 ? [] : [`--threads-per-instance ${threadsPerInstance}`]),
    ...(network.bytesPerSecond === undefined ? [] : [`--net ${network.bytesPerSecond}B/s`]),
    ...(network.stageNs === undefined ? [] : [`--net-stage ${network.stageNs}ns`]),
    ...(network.latencyNs === 0 ? [] : [`--net-latency ${network.latencyNs}ns`]),
    ...(network.jitterNs === 0 ? [] : [`--net-jitter ${network.jitterNs}ns`]),
    ...(network.linkUse === "duplex" ? [] : [`--link ${network.linkUse}`]),
    ...(faults.length === 0 ? [] : [`--faults ${formatFaults(faults)}`]),
    `--retries ${recovery.retries} --retransmit ${recovery.retransmitNs}ns --watchdog ${recovery.watchdogNs}ns`,
    `--seed ${seed}`,
  ];
  return `afdbench pipeline ${options.join(" ")}`;
}

/** The command line that runs a seed of `stress` once. */
export function stressCommand(seed: number): string {
  return `afdbench stress --seed ${seed} --runs 1`;
}

function stageOptions(stages: StressCase["stages"]): readonly string[] {
  if (stages.kind === "kernels") {
    const { contextTokens, ffnParallel, weightDtype, kvDtype, messages, zipfExponent } = stages;
    const parallel = ffnParallel.kind === "tp+ep" ? `tp${ffnParallel.tensorParallel}+ep` : ffnParallel.kind;
    return [
      `--model ${"name" in stages.model ? stages.model.name : "step3"} --scale 1/${stages.divisor}`,
      `--context ${contextTokens.least}..${contextTokens.most} --ffn-parallel ${parallel}`,
      `--weight-dtype ${weightDtype} --kv-dtype ${kvDtype} --messages A2F=${messages.a2f},F2A=${messages.f2a}`,
      ...(zipfExponent === undefined ? [] : [`--zipf ${zipfExponent}`]),
    ];
  }
  const { attentionNs, ffnNs, jitter, layers, messageBytes } = stages;
  const varied = jitter.kind === "lognormal" ? jitter.sigma : jitter.kind === "uniform" ? jitter.share : undefined;
  return [
    `--stage A=${attentionNs}ns,F=${ffnNs}ns --layers ${layers} --message-bytes ${messageBytes}B`,
    ...(varied === undefined ? [] : [`--jitter ${jitter.kind}=${varied}`]),
  ];
}
