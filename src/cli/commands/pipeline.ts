import type { Command } from "commander";
import type { Slice } from "../../record/slice.ts";
import type { TimelineText } from "../../report/figures/timelineFigure.ts";
import type { PipelineOutcome } from "../../runs/pipelineSettings.ts";
import { InfeasibleError } from "../../units/errors.ts";
import { setOption } from "../modelingOptions.ts";
import { addOutputOptions, addSvgOption, resolveOutput, warnUnlessSavable } from "../output.ts";
import { type ParsedPipeline, type PipelineOptions, parsePipeline } from "../pipelineOptions.ts";
import { requireOneRun, runSliced, type SlicedRun } from "../slicedRun.ts";
import type { CommandContext, Terminal } from "../terminal.ts";

const HELP = `
Examples:
  $ afdbench pipeline --scale tiny --attention 1 --ffn 1 --micro-batches 1..4
  $ afdbench pipeline --attention 2 --ffn 2 --ffn-parallel tp --messages A2F=f32,F2A=f32
  $ afdbench pipeline --stage A=2ms,F=2ms --net-stage 1ms --micro-batches 1..4
  $ afdbench pipeline --attention 2 --ffn 2 --stage A=2ms,F=2ms --net 400Gbps --net-latency 5us
  $ afdbench pipeline --attention 2 --ffn 2 --faults exit:A1@4.1.0,corrupt:F0-A0@6,hang:F1@8
  $ afdbench pipeline --stage A=2ms,F=2ms --jitter lognormal=0.05 --trace t.json --svg t.svg
`;

/** `afdbench pipeline`: attention and FFN instances on worker threads. */
export function addPipeline(program: Command, context: CommandContext): void {
  const command = program
    .command("pipeline")
    .description("decode on attention and FFN instances, each on threads of its own")
    .option("--model <name>", "model of the catalog (default: step3)")
    .option("--config <file>", "config.json or model card instead")
    .addOption(setOption("a field of the model, before it is scaled"))
    .option("--scale <share>", "of its widths, heads and layers: tiny (1/32), small (1/16), 1/8 … (default: tiny)")
    .option("--attention <list>", "attention instances", "1")
    .option("--ffn <list>", "FFN instances", "1")
    .option("--ffn-parallel <kind>", "how they divide a layer: ep, tp, tp+ep (tp4+ep …) (default: ep)")
    .option("--threads-per-instance <count>", "worker threads of each instance", "1")
    .option("--micro-batches <list>", "micro-batches under way, of equal size (default: 3)")
    .option("--micro-batch-sizes <list>", "sequences of each micro-batch instead, such as 20,12,16")
    .option("--batch <count>", "sequences of all (default: 4 for each micro-batch and attention instance)")
    .option("--context <tokens>", "cached tokens of a sequence, or a range such as 64..512 (default: 256)")
    .option("--steps <count>", "decode steps, warm-up included", "12")
    .option("--warm-up <count>", "first steps that are not counted", "2")
    .option("--weight-dtype <name>", "how weights are stored: f32, int8, int4 (default: int8)")
    .option("--kv-dtype <name>", "KV cache format: f32, bf16, fp8, int8, int4 (default: int8)")
    .option("--messages <formats>", "f32, bf16, fp8 or int8 each way (default: A2F=fp8,F2A=bf16)")
    .option("--zipf <exponent>", "routers favour experts by about Zipf's law (default: none is favoured)")
    .option("--target <name>", "WASM target: simd, relaxed, debug (default: the fastest this engine has)")
    .option("--wire <kind>", "shared memory, or postmessage: a pool's task for every stage", "shared")
    .option("--stage <times>", "emulate stages: time of a layer for a micro-batch, A=2ms,F=2ms")
    .option("--jitter <kind>", "on these times: lognormal=SIGMA or uniform=SHARE (default: none)")
    .option("--layers <count>", "layers of a step, with --stage (default: 8)")
    .option("--message-bytes <size>", "of a sequence in a message, with --stage (default: 64B)")
    .option("--net <rate>", "emulate a network: bandwidth of a link, one direction (default: none)")
    .option("--net-stage <time>", "time that a message keeps its links busy instead, whatever its size")
    .option("--net-latency <time>", "part of a transfer that keeps no link busy (default: none)")
    .option("--net-jitter <time>", "latency at random beside it, at most (default: none)")
    .option("--link <use>", "duplex, shared: both directions take turns, or pair: a link for every two", "duplex")
    .option("--faults <list>", "faults to inject, such as exit:A0@2.1.0,drop:A0-F0@3 (docs/afd.md)")
    .option("--fault-rate <share>", "of all stages that a seeded fault strikes, such as 0.001")
    .option("--retries <count>", "restarts of an instance and retransmissions of a message at most", "3")
    .option("--watchdog <time>", "an instance without a sign of life for so long is taken for hung", "2s")
    .option("--retransmit <time>", "a message that does not come is asked for again after this time", "50ms")
    .option("--seed <number>", "seed of weights, jitter and faults", "1")
    .option("--no-check", "do not compare outputs with those of one thread")
    .option("--trace <file>", "write a trace for Perfetto or Chrome");
  addOutputOptions(addSvgOption(command, "a timeline of the first layers after the warm-up"))
    .addHelpText("after", HELP)
    .action(async (options: PipelineOptions) => {
      context.exitCode = await runPipelineCommand(options, context.terminal);
    });
}

async function runPipelineCommand(options: PipelineOptions, terminal: Terminal): Promise<number> {
  const settings = parsePipeline(options);
  const output = await resolveOutput(options, "pipeline");
  await warnUnlessSavable(output, terminal);
  const sliced: SlicedRun<PipelineOutcome> = {
    instances: onlyRun(options, settings),
    ending: "ending all instances",
    async run(watch) {
      const { pipeline } = await import("../../runs/pipeline.ts");
      return pipeline({ ...settings, ...watch });
    },
    isTraced: () => true,
    isKept: () => true,
    drawnOf: (kept) => firstLayers(kept, settings.warmUpSteps),
    textOf: (outcome) => timelineText(outcome, settings),
  };
  return exitCodeOf(await runSliced(sliced, output, options, terminal));
}

/** @throws InfeasibleError where a run could not be recovered: what was measured is printed by then */
function exitCodeOf({ interrupted, failed, unrecoverable }: PipelineOutcome): number {
  if (unrecoverable !== undefined) throw new InfeasibleError(unrecoverable);
  if (interrupted) return 130;
  return failed ? 1 : 0;
}

/** Layers that a timeline has room for. */
const DRAWN_LAYERS = 5;

/** What happened from the step after the warm-up on, until one of its micro-batches had the first layers behind it. */
function firstLayers(slices: readonly Slice[], warmUpSteps: number): readonly Slice[] {
  const stages = slices.filter(({ lane, step }) => lane === "compute" && step === warmUpSteps);
  const last = stages.reduce((deepest, { layer }) => Math.min(DRAWN_LAYERS - 1, Math.max(deepest, layer)), 0);
  const ends = Map.groupBy(
    stages.filter(({ layer }) => layer === last),
    ({ microBatch }) => microBatch,
  );
  const fromNs = Math.min(...stages.map(({ startNs }) => startNs));
  const toNs = Math.min(...[...ends.values()].map((own) => Math.max(...own.map(({ endNs }) => endNs))));
  return slices
    .filter(({ startNs, endNs }) => endNs > fromNs && startNs < toNs)
    .map((slice) => ({
      ...slice,
      startNs: Math.max(slice.startNs, fromNs) - fromNs,
      endNs: Math.min(slice.endNs, toNs) - fromNs,
    }));
}

function timelineText({ document: { rows, notes } }: PipelineOutcome, { warmUpSteps }: ParsedPipeline): TimelineText {
  const run = rows.find(({ row }) => row === "run");
  return {
    title: `${run?.deployment}: the first layers of step ${warmUpSteps}`,
    subtitle: `${run?.microBatches} micro-batch${run?.microBatches === 1 ? "" : "es"}; numbers are layers, from 0`,
    notes,
  };
}

/** The first run's instances; a trace or a timeline needs it to be the only one. */
function onlyRun(options: PipelineOptions, settings: ParsedPipeline) {
  const { attentionInstances, ffnInstances, microBatching } = settings;
  const counts = microBatching.kind === "counts" ? microBatching.counts.length : 1;
  const runs = attentionInstances.length * ffnInstances.length * counts;
  requireOneRun(options, runs, `${runs} runs`, "one number of instances and micro-batches");
  return { attentionInstances: attentionInstances[0] as number, ffnInstances: ffnInstances[0] as number };
}
