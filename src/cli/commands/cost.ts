import type { Command } from "commander";
import type { CostSettings } from "../../runs/cost.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseCount, parseList, parseNames, parseNumber, parseTokens } from "../../units/parse.ts";
import { PRECISIONS, parseKvBits, setOption } from "../modelingOptions.ts";
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
import type { CommandContext } from "../terminal.ts";

interface CostOptions extends OutputOptions {
  config?: string;
  context: string;
  hardware?: string;
  set: string[];
  precision: string;
  kvBits?: string;
  mtp?: string;
  acceptance?: string;
  exact?: boolean;
}

const HELP = `
Examples:
  $ afdbench cost step3 --context 8k,32k                 each accelerator and the best pairing
  $ afdbench cost --hardware h800,h20 -o csv             every model of the catalog
  $ afdbench cost step3 --hardware all,my-cards.yaml     all that have a price, and your own
  $ afdbench cost step3 --set h800.usdPerHour=1.6        at another price
  $ afdbench cost deepseek-v3 --mtp 1 --acceptance 0.85  with a drafted token a step
  $ afdbench cost --svg pareto.svg                       parameters against cost, with Pareto fronts
  $ afdbench cost --config path/config.json --kv-bits 4  a configuration of your own
`;

/** `afdbench cost`: what decoding a million tokens costs. */
export function addCost(program: Command, { terminal }: CommandContext): void {
  const command = program
    .command("cost")
    .description("model the cost of decoding a million tokens, attention and FFN apart")
    .argument("[model...]", "models of the catalog (default: all)")
    .option("--config <file>", "a config.json or model card as well")
    .option("--context <tokens>", "cached tokens of a sequence, a list", "8k,32k")
    .option("--hardware <list>", `accelerators: ${HARDWARE_HELP}`)
    .addOption(setOption("a figure or a model's field"))
    .option("--precision <precision>", `what accelerators compute in: ${PRECISIONS.join(", ")}`, "auto")
    .option("--kv-bits <bits>", "bits of a cached element in every layer (default: as each model keeps it)")
    .option("--mtp <tokens>", "tokens drafted in a step")
    .option("--acceptance <share>", "share of drafted tokens that are kept, from 0 to 1 (default: 1, the least cost)")
    .option("--exact", "count MLA's value product as wide as its latent, not as the report does");
  addOutputOptions(addSvgOption(command, "activated parameters against cost, with Pareto fronts,"))
    .addHelpText("after", HELP)
    .action(async (models: string[], options: CostOptions) => {
      const hardware = options.hardware === undefined ? [] : parseNames(options.hardware, "--hardware");
      const { readHardware } = await import("../../runs/hardware.ts");
      const settings = resolveCost(models, options, await readHardware(hardware));
      const output = await resolveOutput(options, "cost");
      const { cost } = await import("../../runs/cost.ts");
      const document = await cost(settings);
      await emit(document, output, options, terminal);
      if (options.svg === undefined) return;
      const { costFigure } = await import("../../report/figures/costFigure.ts");
      await saveFigure(options.svg, costFigure(document));
    });
}

function resolveCost(
  models: readonly string[],
  options: CostOptions,
  hardware: CostSettings["hardware"],
): CostSettings {
  const config = options.config === undefined ? [] : [{ configFile: options.config }];
  return {
    models: [...models.map((name) => ({ name })), ...config],
    contexts: parseList(options.context, parseTokens, "--context"),
    hardware,
    settings: options.set,
    precision: requireKnown("--precision", options.precision, PRECISIONS),
    ...(options.kvBits === undefined ? {} : { kvBits: parseKvBits(options.kvBits) }),
    drafting: draftingOf(options),
    convention: options.exact === true ? "exact" : "report",
  };
}

function draftingOf({ mtp, acceptance }: CostOptions): CostSettings["drafting"] {
  if (mtp === undefined) {
    if (acceptance === undefined) return { draftTokens: 0, acceptance: 0 };
    throw new InvalidInputError({
      field: "--mtp",
      value: undefined,
      expected: "the drafted tokens that --acceptance is for",
    });
  }
  const draftTokens = parseCount(mtp, "--mtp");
  // No rate is known that holds for a model at large: without one, costs are those of drafts that are all kept.
  const share = acceptance === undefined ? 1 : parseNumber(acceptance, "--acceptance", [0, 1]);
  if (draftTokens <= 64) return { draftTokens, acceptance: share };
  throw new InvalidInputError({ field: "--mtp", value: mtp, expected: "a whole number from 1 to 64" });
}
