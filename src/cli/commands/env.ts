import type { Command } from "commander";
import { addOutputOptions, emit, type OutputOptions, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

const HELP = `
Examples:
  $ afdbench env          this machine, as every record states it
  $ afdbench env --json
`;

/** `afdbench env`: this machine and this program. */
export function addEnv(program: Command, { terminal }: CommandContext): void {
  addOutputOptions(program.command("env").description("show this machine, as records state it"))
    .addHelpText("after", HELP)
    .action(async (options: OutputOptions) => {
      const output = await resolveOutput(options, "env");
      const { env } = await import("../../runs/environment.ts");
      await emit(await env(), output, options, terminal);
    });
}
