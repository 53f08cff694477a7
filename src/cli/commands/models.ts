import type { Command } from "commander";
import type { ModelChoice, ModelsSettings } from "../../runs/models.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseTokens } from "../../units/parse.ts";
import { parseKvBits, setOption } from "../modelingOptions.ts";
import { refuseOperands } from "../operands.ts";
import { addOutputOptions, emit, type OutputOptions, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

interface ModelsOptions extends OutputOptions {
  context: string;
  kvBits?: string;
  set: string[];
  exact?: boolean;
  config?: string;
}

const LIST_HELP = `
Examples:
  $ afdbench models                                   every model of the catalog
  $ afdbench models --context 32k -o csv              what a step at a context of 32,768 reads
  $ afdbench models show step3                        one model's dimensions
  $ afdbench models show --config path/config.json    a Hugging Face configuration of your own
  $ afdbench models show --config path/card.yaml      a model card of your own: schema model
`;

const SHOW_HELP = `
Examples:
  $ afdbench models show deepseek-v3
  $ afdbench models show --config path/config.json --context 32k
  $ afdbench models show step3 --set step3.moe_top_k=4 --context 32k
`;

/** `afdbench models` and `afdbench models show`: what models are, and what one decoded token of theirs costs. */
export function addModels(program: Command, { terminal }: CommandContext): void {
  const list = program
    .command("models")
    .description("list the models of the catalog, or show one")
    .option("--context <tokens>", "cached tokens of a sequence, for the KV bytes a step reads", "8k")
    .option("--kv-bits <bits>", "bits of a cached element in every layer (default: as each model keeps it)")
    .addOption(setOption("a model's field"))
    .option("--exact", "count MLA's value product as wide as its latent, not as the report does");
  addOutputOptions(list)
    .addHelpText("after", LIST_HELP)
    .allowExcessArguments()
    .action(async (options: ModelsOptions, command: Command) => {
      refuseOperands(command, ["show"]);
      const settings = resolveModels(options);
      const output = await resolveOutput(options, "models");
      if (output.shape === "layers") {
        const expected = "model (`afdbench models show` prints layers)";
        throw new InvalidInputError({ field: "--rows", value: output.shape, expected });
      }
      const { models } = await import("../../runs/models.ts");
      await emit(models(settings), output, options, terminal);
    });
  list
    .command("show")
    .description("show one model")
    .usage("[name] [options]")
    .allowExcessArguments(false)
    .argument("[name]", "model of the catalog")
    .option("--config <file>", "config.json or model card to show instead")
    .addHelpText("after", `\nThe options of \`afdbench models\` hold here too.\n${SHOW_HELP}`)
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ModelsOptions>();
      const model = choiceOf(name, options.config);
      const settings = resolveModels(options);
      const output = await resolveOutput(options, "models");
      const { showModel } = await import("../../runs/models.ts");
      await emit(await showModel({ ...settings, model }), output, options, terminal);
    });
}

function resolveModels({ context, kvBits, set, exact }: ModelsOptions): ModelsSettings {
  return {
    contextTokens: parseTokens(context, "--context"),
    ...(kvBits === undefined ? {} : { kvBits: parseKvBits(kvBits) }),
    convention: exact === true ? "exact" : "report",
    settings: set,
  };
}

function choiceOf(name: string | undefined, configFile: string | undefined): ModelChoice {
  if (name !== undefined && configFile === undefined) return { name };
  if (name === undefined && configFile !== undefined) return { configFile };
  throw new InvalidInputError({
    field: "models show",
    value: name === undefined ? undefined : `${name} with --config ${configFile}`,
    expected: "the name of a model or --config FILE",
  });
}
