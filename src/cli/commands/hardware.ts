import type { Command } from "commander";
import { refuseOperands } from "../operands.ts";
import { addOutputOptions, emit, type OutputOptions, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

const LIST_HELP = `
Examples:
  $ afdbench hardware             every accelerator of the catalog
  $ afdbench hardware show h800   one, with the source of its figures
  $ afdbench hardware --json
`;

const SHOW_HELP = `
The options of \`afdbench hardware\` hold here too.

Examples:
  $ afdbench hardware show h20
  $ afdbench hardware show my-cards.yaml   those of a file (docs/hardware.md has its format)
`;

/** `afdbench hardware` and `afdbench hardware show`: accelerators that kernels are projected to. */
export function addHardware(program: Command, { terminal }: CommandContext): void {
  const list = program.command("hardware").description("list the accelerators of the catalog, or show one");
  addOutputOptions(list)
    .addHelpText("after", LIST_HELP)
    .allowExcessArguments()
    .action(async (options: OutputOptions, command: Command) => {
      refuseOperands(command, ["show"]);
      const output = await resolveOutput(options, "hardware");
      const { hardware } = await import("../../runs/hardware.ts");
      await emit(hardware(), output, options, terminal);
    });
  list
    .command("show")
    .description("show one accelerator, or those of a file")
    .usage("<name> [options]")
    .allowExcessArguments(false)
    .argument("<name>", "accelerator of the catalog, or a YAML or JSON file")
    .addHelpText("after", SHOW_HELP)
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<OutputOptions>();
      const output = await resolveOutput(options, "hardware");
      const { readHardware, showHardware } = await import("../../runs/hardware.ts");
      await emit(showHardware({ hardware: await readHardware([name]) }), output, options, terminal);
    });
}
