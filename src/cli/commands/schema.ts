import type { Command } from "commander";
import { requireKnown } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

const HELP = `
Every number's unit and kind (measured, modeled, published) stand beside its description.

Examples:
  $ afdbench schema bench
`;

/** `afdbench schema`: the JSON Schema of what a command prints. */
export function addSchema(program: Command, { terminal }: CommandContext): void {
  program
    .command("schema")
    .description("print the JSON Schema of what a command prints with --json")
    .argument("<command>", "bench, models, hardware, cost, codesign, paper or env")
    .addHelpText("after", HELP)
    .action(async (name: string) => {
      const { jsonSchemaOf, RECORDED_COMMANDS } = await import("../../record/schemas.ts");
      terminal.out(`${JSON.stringify(jsonSchemaOf(requireKnown("command", name, RECORDED_COMMANDS)), null, 2)}\n`);
    });
}
