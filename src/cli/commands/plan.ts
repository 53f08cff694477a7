import type { Command } from "commander";
import type { PlanDocument } from "../../record/schemas.ts";
import type { PlanSettings } from "../../runs/plan.ts";
import { InvalidInputError } from "../../units/errors.ts";
import {
  parseCount,
  parseCountOrNone,
  parseDurationNs,
  parseList,
  parseNames,
  parseSeed,
  parseThreads,
} from "../../units/parse.ts";
import { type ChosenContexts, CONTEXT_SPREAD_HELP, type ContextOptions, readContexts } from "../contextOptions.ts";
import { EXPERT_LOAD_HELP, type ExpertOptions, parseExperts, readExperts, ZIPF_HELP } from "../expertOptions.ts";
import { setOption } from "../modelingOptions.ts";
import {
  addOutputOptions,
  addSvgOption,
  emit,
  HARDWARE_HELP,
  type OutputOptions,
  requireKnown,
  resolveOutput,
  saveFigure,
} from "../output.ts";
import type { CommandContext, Terminal } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

interface PlanOptions extends OutputOptions, ExpertOptions, ContextOptions {
  model?: string;
  config?: string;
  tpot: string;
  hardware?: string;
  attentionOn?: string;
  ffnOn?: string;
  maxCards: string;
  objective: string;
  batch?: string;
  precision: string;
  ffn: string;
  redundant: string;
  microBatches: string;
  instanceCards: string;
  link: string;
  seed: string;
  threads?: string;
  top: string;
  set: string[];
}

const HELP = `
Examples:
  $ afdbench plan --model step3 --context 4k --tpot 50ms --hardware h800
  $ afdbench plan --model deepseek-v3 --context 8k,32k --max-cards 128 --objective throughput
  $ afdbench plan --model step3 --context 8k --context-spread lognormal=0.5
  $ afdbench plan --model step3 --attention-on h800,h20 --ffn-on h800  # different cards, priced
  $ afdbench plan --model step3 --batch '64..4096*4' --tpot 30ms,50ms   # every combination
  $ afdbench plan --model step3 --batch 64 --objective cards           # fewest for 64 sequences
  $ afdbench plan --model step3 --set h800.networkBytesPerSecond=25GB/s
  $ afdbench plan --model step3 --set efficiency.hottestCardFactor=1.5
  $ afdbench plan --model deepseek-v3 --expert-load tokens.csv     # experts as popular as recorded
  $ afdbench plan --model deepseek-v3 --hardware h800 --svg front.svg
Constants of stage times (efficiency.NAME), and how to read the answer: docs/plan.md.
`;

const OBJECTIVES = ["cost", "throughput", "cards"] as const;
const PRECISIONS = ["auto", "bf16"] as const;
const PARALLELISMS = ["expert", "tensor"] as const;
const LINKS = ["shared", "duplex"] as const;

/** Far above any deployment that the search can go through in a moment. */
const MOST_CARDS = 1024;
const MOST_MICRO_BATCHES = 16;
const MOST_COPIES = 8;
const MOST_NAMED = 100;

/** `afdbench plan`: the best deployments within a TPOT, and whether to disaggregate at all. */
export function addPlan(program: Command, context: CommandContext): void {
  const command = program
    .command("plan")
    .description("search deployments within a TPOT, and say when not to disaggregate")
    .option("--model <name>", "model of the catalog")
    .option("--config <file>", "config.json or model card instead")
    .option("--context <list>", "cached tokens of a sequence, the mean where they differ (default: 8k)")
    .option("--context-spread <kind>", CONTEXT_SPREAD_HELP)
    .option("--tpot <list>", "mean time per output token at most; every combination of lists is planned", "50ms")
    .option("--hardware <list>", `accelerators: ${HARDWARE_HELP}`)
    .option("--attention-on <names>", "of these, where attention may stand (default: all)")
    .option("--ffn-on <names>", "of these, where FFN may stand (default: all)")
    .option("--max-cards <list>", "cards of a deployment at most", "64")
    .option("--objective <name>", `best in: ${OBJECTIVES.join(", ")}`, "cost")
    .option("--batch <list>", "sequences there are at once (default: as many as fit)")
    .option("--precision <list>", "attention in FP8 where a card has it (auto), or bf16", "auto")
    .option("--ffn <list>", `how cards share the FFN: ${PARALLELISMS.join(", ")}`, "expert,tensor")
    .option("--redundant <list>", "copies of busy experts on each card", "0,1")
    .option("--micro-batches <list>", "micro-batches under way", "1..4")
    .option("--instance-cards <list>", "cards of an instance", "4,8")
    .option("--link <use>", "shared: both directions of a NIC take turns, or duplex", "shared")
    .option("--zipf <exponent>", ZIPF_HELP)
    .option("--expert-load <file>", EXPERT_LOAD_HELP)
    .option("--seed <number>", "seed of which experts are hot in which layer", "1")
    .option("--threads <count>", "combinations at the same time (default: by cores)")
    .option("--top <count>", "deployments to name", "6")
    .addOption(setOption("a figure, a model's field or a constant"));
  addOutputOptions(addSvgOption(command, "cost against TPOT, with the Pareto front,"))
    .addHelpText("after", HELP)
    .action(async (options: PlanOptions) => {
      const hardware = options.hardware === undefined ? [] : parseNames(options.hardware, "--hardware");
      const { readHardware } = await import("../../runs/hardware.ts");
      const experts = await readExperts(parseExperts(options));
      const read = { hardware: await readHardware(hardware), experts, contexts: await readContexts(options, "8k") };
      const settings = resolvePlan(options, read);
      const output = await resolveOutput(options, "plan");
      const { document, interrupted } = await planned(settings, options, context.terminal);
      await emit(document, output, options, context.terminal);
      if (interrupted) context.exitCode = 130;
      if (options.svg === undefined || document.rows.length === 0) return;
      const { planFigure } = await import("../../report/figures/planFigure.ts");
      await saveFigure(options.svg, planFigure(document));
    });
}

async function planned(
  settings: PlanSettings,
  options: PlanOptions,
  terminal: Terminal,
): Promise<{ readonly document: PlanDocument; readonly interrupted: boolean }> {
  const { plan } = await import("../../runs/plan.ts");
  return watchedRun(terminal, options, "printing what is done", async ({ signal, onProgress }) => {
    const document = await plan({ ...settings, signal, onProgress });
    return { document, interrupted: signal.aborted };
  });
}

/** What files say. */
interface PlanFiles extends Pick<PlanSettings, "hardware"> {
  readonly experts: PlanSettings["experts"] | undefined;
  readonly contexts: ChosenContexts;
}

function resolvePlan(options: PlanOptions, { hardware, experts, contexts }: PlanFiles): PlanSettings {
  return {
    model: choiceOf(options),
    ...contexts,
    tpotsNs: distinct(parseList(options.tpot, parseDurationNs, "--tpot")),
    hardware,
    attentionOn: options.attentionOn === undefined ? [] : parseNames(options.attentionOn, "--attention-on"),
    ffnOn: options.ffnOn === undefined ? [] : parseNames(options.ffnOn, "--ffn-on"),
    cardLimits: listWithin(options.maxCards, "--max-cards", MOST_CARDS),
    objective: requireKnown("--objective", options.objective, OBJECTIVES),
    ...(options.batch === undefined
      ? {}
      : { sequenceCounts: distinct(parseList(options.batch, parseCount, "--batch")) }),
    precisions: parseNames(options.precision, "--precision").map((name) =>
      requireKnown("--precision", name, PRECISIONS),
    ),
    parallelisms: parseNames(options.ffn, "--ffn").map((name) => requireKnown("--ffn", name, PARALLELISMS)),
    redundantExperts: distinct(parseList(options.redundant, parseCopies, "--redundant")),
    microBatches: listWithin(options.microBatches, "--micro-batches", MOST_MICRO_BATCHES),
    instanceCards: listWithin(options.instanceCards, "--instance-cards", MOST_CARDS),
    linkUse: requireKnown("--link", options.link, LINKS),
    ...(experts === undefined ? {} : { experts }),
    seed: parseSeed(options.seed, "--seed"),
    ...(options.threads === undefined ? {} : { threads: parseThreads(options.threads, "--threads") }),
    top: within(parseCount(options.top, "--top"), "--top", MOST_NAMED),
    settings: options.set,
  };
}

function choiceOf({ model, config }: PlanOptions): PlanSettings["model"] {
  if (model !== undefined && config === undefined) return { name: model };
  if (model === undefined && config !== undefined) return { configFile: config };
  const value = model === undefined ? undefined : `${model} with --config ${config}`;
  throw new InvalidInputError({ field: "--model", value, expected: "the name of a model, or --config FILE" });
}

function parseCopies(text: string, field: string): number {
  return within(parseCountOrNone(text, field), field, MOST_COPIES, 0);
}

function listWithin(text: string, field: string, most: number): readonly number[] {
  return distinct(parseList(text, (item) => within(parseCount(item, field), field, most), field));
}

function within(value: number, field: string, most: number, least: 0 | 1 = 1): number {
  if (value <= most) return value;
  throw new InvalidInputError({ field, value, expected: `a whole number from ${least} to ${most}` });
}

function distinct(values: readonly number[]): readonly number[] {
  return [...new Set(values)];
}
