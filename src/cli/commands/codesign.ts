import type { Command } from "commander";
import type { CodesignSettings } from "../../runs/codesign.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseCount, parseDurationNs, parseNames, parseRateBytesPerSecond, parseTokens } from "../../units/parse.ts";
import { PRECISIONS, parseKvBits, setOption } from "../modelingOptions.ts";
import { addOutputOptions, emit, HARDWARE_HELP, type OutputOptions, requireKnown, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

interface CodesignOptions extends OutputOptions {
  config?: string;
  context: string;
  hardware?: string;
  set: string[];
  precision: string;
  tpot: string;
  stages: string;
  net?: string;
  kvBits: string;
  mtp: string;
  cards: string;
}

const HELP = `
Examples:
  $ afdbench codesign deepseek-v3                batches, least sparsity and what fits into a stage
  $ afdbench codesign deepseek-v3 --net 320GB/s  with 40 GB/s from each of 8 NICs
  $ afdbench codesign step3 --tpot 50ms --stages 4
`;

/** `afdbench codesign`: what the report's co-design reasoning says of a model. */
export function addCodesign(program: Command, { terminal }: CommandContext): void {
  const command = program
    .command("codesign")
    .description("judge a model by intensity, batch, sparsity and stage budgets")
    .argument("[model]", "model of the catalog")
    .option("--config <file>", "config.json or model card to judge instead")
    .option("--context <tokens>", "cached tokens of a sequence", "8k")
    .option("--hardware <list>", `accelerators: ${HARDWARE_HELP}`)
    .addOption(setOption("a figure or a model's field"))
    .option("--precision <precision>", `what accelerators compute in: ${PRECISIONS.join(", ")}`, "auto")
    .option("--tpot <duration>", "time per output token", "50ms")
    .option("--stages <count>", "stages of the pipeline, 3 or 4", "3")
    .option("--net <rate>", "network of an FFN instance's server, one direction (default: each accelerator's own)")
    .option("--kv-bits <bits>", "bits of a cached element, for the what-if rows", "4")
    .option("--mtp <tokens>", "tokens drafted in a step, for the what-if rows", "1")
    .option("--cards <count>", "cards of an attention instance", "8");
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (model: string | undefined, options: CodesignOptions) => {
      const hardware = options.hardware === undefined ? [] : parseNames(options.hardware, "--hardware");
      const { readHardware } = await import("../../runs/hardware.ts");
      const settings = resolveCodesign(model, options, await readHardware(hardware));
      const output = await resolveOutput(options, "codesign");
      const { codesign } = await import("../../runs/codesign.ts");
      await emit(await codesign(settings), output, options, terminal);
    });
}

function resolveCodesign(
  model: string | undefined,
  options: CodesignOptions,
  hardware: CodesignSettings["hardware"],
): CodesignSettings {
  return {
    model: choiceOf(model, options.config),
    contextTokens: parseTokens(options.context, "--context"),
    hardware,
    settings: options.set,
    precision: requireKnown("--precision", options.precision, PRECISIONS),
    tpotNs: parseDurationNs(options.tpot, "--tpot"),
    stages: parseStages(options.stages),
    ...(options.net === undefined ? {} : { networkBytesPerSecond: parseRateBytesPerSecond(options.net, "--net") }),
    kvBits: parseKvBits(options.kvBits),
    draftTokens: parseCount(options.mtp, "--mtp"),
    cardsPerInstance: parseCount(options.cards, "--cards"),
    ffnBandwidthShare: 0.5,
    convention: "report",
  };
}

function parseStages(text: string): number {
  if (text === "3" || text === "4") return Number(text);
  throw new InvalidInputError({ field: "--stages", value: text, expected: "3 or 4" });
}

function choiceOf(name: string | undefined, configFile: string | undefined): CodesignSettings["model"] {
  if (name !== undefined && configFile === undefined) return { name };
  if (name === undefined && configFile !== undefined) return { configFile };
  const value = name === undefined ? undefined : `${name} with --config ${configFile}`;
  throw new InvalidInputError({ field: "model", value, expected: "the name of a model or --config FILE" });
}
