import type { Command } from "commander";
import type { TimelineText } from "../../report/figures/timelineFigure.ts";
import type { RecordChoice } from "../../runs/measuredStages.ts";
import type { SimulateOutcome } from "../../runs/simulate.ts";
import type { InstanceCounts, RequestChoice, SimulateSettings } from "../../runs/simulateSettings.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseCount } from "../../units/parse.ts";
import { CONTEXT_SPREAD_HELP, readContexts } from "../contextOptions.ts";
import { EXPERT_LOAD_HELP, readExperts, ZIPF_HELP } from "../expertOptions.ts";
import { setOption } from "../modelingOptions.ts";
import { addOutputOptions, addSvgOption, resolveOutput } from "../output.ts";
import { type Arrivals, parseSimulate, type SimulateOptions } from "../simulateOptions.ts";
import { requireOneRun, runSliced, type SlicedRun } from "../slicedRun.ts";
import type { CommandContext, Terminal } from "../terminal.ts";

const STAGE = "--stage A=2ms,F=2ms,A2F=1ms,F2A=1ms";

const HELP = `
Examples:
  $ afdbench simulate --deploy 2A2F,3A2F --context 4k --batch 6144
  $ afdbench simulate --model deepseek-v3 --attention-on h20 --ffn-on h800 --zipf 0.3
  $ afdbench simulate --from run.json --deploy 16A1F --batch 768 --context 8k --net 10GB/s
  $ afdbench simulate ${STAGE}
  $ afdbench simulate --deploy 2A2F,3A2F --stage A=200us,F=200us --net 320GB/s
  $ afdbench simulate ${STAGE} --jitter lognormal=0.05
  $ afdbench simulate --stage A=2ms,F=2ms --net-stage 1ms --net-jitter 200us --layers 8
  $ afdbench simulate ${STAGE} --straggler A0=1.2 --zipf 0.3
  $ afdbench simulate ${STAGE} --fail F1@200ms+50ms --trace t.json
  $ afdbench simulate --deploy 2A2F,3A2F --batch '1536..12288*2' --context 4k,8k
  $ afdbench simulate --context 8k --context-spread lognormal=0.5 --batch 1536
  $ afdbench simulate ${STAGE} --rate 500 --burst 8 --decode 256
  $ afdbench simulate ${STAGE} --rate 500 --decode-spread lognormal=1
  $ afdbench simulate ${STAGE} --mtbf 30s+200ms --steps 2000
  $ afdbench simulate ${STAGE} --arrivals requests.csv --fixed A=40us
`;

/** `afdbench simulate`: a discrete-event simulation of AFD deployments. */
export function addSimulate(program: Command, context: CommandContext): void {
  const command = program
    .command("simulate")
    .description("simulate attention and FFN instances, beside the closed form")
    .option("--deploy <list>", "attention and FFN instances; every combination of lists is simulated", "2A2F")
    .option("--stage <times>", "time of a layer for a micro-batch: A, F, A2F, F2A (default: modeled, as in plan)")
    .option("--from <file>", "stage times of a record that bench --save wrote, instead")
    .option("--from-rows <kind>", "of it: measured, as they are, or projected to the accelerators (default: measured)")
    .option("--dtype <name>", "of the record's kernels: int8, f32 (default: int8)")
    .option("--attention-kernel <name>", "of the record: attention.layer, attention.core (default: the layer)")
    .option("--model <name>", "model of the catalog (default: step3)")
    .option("--config <file>", "config.json or model card instead")
    .addOption(setOption("a figure, a model's field or a constant"))
    .option("--layers <count>", "layers of a step, with --stage or --from (default: the model's)")
    .option("--attention-on <name>", "accelerator of the attention side", "h800")
    .option("--ffn-on <name>", "accelerator of the FFN side", "h800")
    .option("--cards <count>", "cards of an instance, or A=COUNT,F=COUNT (default: 8; measured: 1)")
    .option("--context <list>", "cached tokens of a sequence, the mean where they differ (default: 4k)")
    .option("--context-spread <kind>", CONTEXT_SPREAD_HELP)
    .option("--batch <list>", "sequences of all micro-batches together", "6144")
    .option("--micro-batches <list>", "micro-batches under way", "3")
    .option("--net <rate>", "network of an instance, one direction (default: its accelerators')")
    .option("--net-stage <time>", "that each transfer keeps its links busy, with --stage A, F")
    .option("--net-latency <time>", "part of a transfer that keeps no link busy (default: none; modeled: plan's)")
    .option("--net-jitter <time>", "added to each latency, uniform from 0 up to this (default: none)")
    .option(
      "--link <kind>",
      "duplex; shared: both directions take turns; pair: one of each pair of instances (default: duplex; modeled: shared)",
    )
    .option("--jitter <kind>", "on attention and FFN times: lognormal=SIGMA or uniform=SHARE (default: none)")
    .option("--straggler <list>", "slow instances and their factors, such as A0=1.5,F1=1.2")
    .option("--zipf <exponent>", ZIPF_HELP)
    .option("--expert-load <file>", EXPERT_LOAD_HELP)
    .option("--fail <list>", "instances that fail and recover, such as A0@20ms+5ms")
    .option("--mtbf <times>", "instances fail at random: mean time between + recovery, 30s+200ms or A=…,F=…")
    .option("--arrivals <file>", "requests of a CSV file: arrivalSeconds, promptTokens, outputTokens")
    .option("--rate <number>", "requests per second that arrive at random, instead")
    .option("--burst <count>", "requests that arrive together (default: 1)")
    .option("--requests <count>", "requests in all (default: 1000)")
    .option("--prompt <tokens>", "prompt of each (default: --context)")
    .option("--decode <tokens>", "tokens that each gets (default: 256)")
    .option("--prompt-spread <kind>", "prompts differ: lognormal=SIGMA or uniform=SHARE (default: all alike)")
    .option("--decode-spread <kind>", "tokens that each gets differ in the same way")
    .option("--fixed <times>", "part of A that does not grow with context, of F with tokens (default: none, all)")
    .option("--scale-attention", "attention instances in proportion to the mean context of requests")
    .option("--kv-tokens <tokens>", "cached tokens an attention instance holds (default: by its memory, as in plan)")
    .option("--steps <count>", "counted steps of each micro-batch", "20")
    .option("--warm-up <count>", "steps of each before these", "2")
    .option("--seed <number>", "seed of all random numbers", "1")
    .option("--threads <count>", "points of a sweep at the same time (default: by cores)")
    .option("--trace <file>", "write a trace for Perfetto or Chrome")
    .option("--trace-steps <count>", "steps of each micro-batch in the trace (default: 2)");
  addOutputOptions(addSvgOption(command, "a timeline of the first layers"))
    .addHelpText("after", HELP)
    .action(async (options: SimulateOptions) => {
      context.exitCode = await runSimulate(options, context.terminal);
    });
}

type Resolved = Omit<SimulateSettings, "signal" | "onProgress" | "onSlice">;

async function runSimulate(options: SimulateOptions, terminal: Terminal): Promise<number> {
  const settings = await resolveSimulate(options);
  const output = await resolveOutput(options, "simulate");
  const traced = tracedSteps(options);
  const sliced: SlicedRun<SimulateOutcome> = {
    instances: onlyDeployment(options, settings),
    ending: "printing what is done",
    async run(watch) {
      const { simulate } = await import("../../runs/simulate.ts");
      return simulate({ ...settings, ...watch });
    },
    isTraced: ({ step }) => step < traced,
    isKept: ({ step, layer }) => step === 0 && layer < DRAWN_LAYERS,
    drawnOf: (kept) => kept,
    textOf: timelineText,
  };
  const { interrupted } = await runSliced(sliced, output, options, terminal);
  return interrupted ? 130 : 0;
}

function tracedSteps({ trace, traceSteps }: SimulateOptions): number {
  if (traceSteps === undefined) return 2;
  if (trace !== undefined) return parseCount(traceSteps, "--trace-steps");
  throw new InvalidInputError({ field: "--trace-steps", value: traceSteps, expected: "--trace FILE beside it" });
}

async function resolveSimulate(options: SimulateOptions): Promise<Resolved> {
  const parsed = parseSimulate(options);
  const { readHardware } = await import("../../runs/hardware.ts");
  const [attentionOn = options.attentionOn] = await readHardware([options.attentionOn]);
  const [ffnOn = options.ffnOn] = await readHardware([options.ffnOn]);
  const { requests, record } = parsed;
  return {
    ...parsed,
    contextSpread: undefined,
    ...(await readContexts(options, "4k")),
    attentionOn,
    ffnOn,
    experts: await readExperts(parsed.experts),
    record: record === undefined ? undefined : { ...record, document: await recordOf(record.path) },
    requests: requests === undefined ? undefined : { ...requests, arrivals: await arrivalsOf(requests.arrivals) },
  };
}

async function recordOf(path: string): Promise<RecordChoice["document"]> {
  const { readBenchRecord } = await import("../../runs/benchRecord.ts");
  return readBenchRecord(path, "--from");
}

async function arrivalsOf(arrivals: Arrivals): Promise<RequestChoice["arrivals"]> {
  if (!("file" in arrivals)) return arrivals;
  const { readArrivals } = await import("../../runs/arrivalsFile.ts");
  return readArrivals(arrivals.file);
}

function timelineText({ document: { rows, notes } }: SimulateOutcome): TimelineText {
  const [row] = rows;
  return {
    title: `${row?.deployment}: the first layers of a step, as the pipeline fills`,
    subtitle: `${row?.model}, ${row?.microBatches} micro-batches; numbers are layers, from 0`,
    notes,
  };
}

/** Layers and steps that a timeline has room for. */
const DRAWN_LAYERS = 5;

/** The first deployment, the only point where a trace or a timeline needs one and no more. */
function onlyDeployment(options: SimulateOptions, settings: Resolved): InstanceCounts {
  const { deployments, contexts, batches, microBatchCounts } = settings;
  const points = deployments.length * contexts.length * batches.length * microBatchCounts.length;
  const value = `with ${points} combinations of --deploy, --context, --batch and --micro-batches`;
  requireOneRun(options, points, value, "one of each");
  return deployments[0] as InstanceCounts;
}
